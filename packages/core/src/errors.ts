// Errors by their origin. Each connection has one `catch`, which turns them into a close code.

/** The peer violated the protocol; its connection closes with this code and reason. */
export class ProtocolError extends Error {
  readonly code: number
  constructor(code: number, reason: string) {
    super(reason)
    this.name = 'ProtocolError'
    this.code = code
  }
}
