// The error of a voice session that has ended.
import { VoiceClose } from '@parley/protocol'

const NAMES = new Map<number, string>(Object.entries(VoiceClose).map(([name, code]) => [code, name]))

/** The session has ended, or could not be established. The message names close code and reason. */
export class VoiceClosedError extends Error {
  /** Close code: one of VoiceClose, a WebSocket code, or 1006 if the connection failed. */
  readonly code: number
  /** Reason of the node, or of the system if the connection failed. */
  readonly reason: string

  constructor(code: number, reason: string) {
    const name = NAMES.get(code)
    super(
      `voice session closed with ${code}${name === undefined ? '' : ` ${name}`}${reason === '' ? '' : `: ${reason}`}`,
    )
    this.name = 'VoiceClosedError'
    this.code = code
    this.reason = reason
  }
}
