// The errors of the LVSP client: a failed request, an ended session.
import { LVSP_FAILURE_MEANINGS, LvspFailure } from '@parley/protocol'
import type { RequestFailure } from './lvsp-outputs.ts'

/** A request failed: refused by the node, invalid, or without an answer in time. */
export class LvspRequestError extends Error {
  /** Failure code (docs/lvsp.md); undefined where the node did not answer. */
  readonly code: LvspFailure | number | undefined

  constructor({ code, message }: RequestFailure) {
    const meaning = LVSP_FAILURE_MEANINGS[code as LvspFailure]
    super(meaning === undefined || meaning === message ? message : `${message} (${meaning})`)
    this.name = 'LvspRequestError'
    this.code = code
  }

  /** Whether the reason may be one of this node, so that another node may accept the request. */
  get isOfThisNode(): boolean {
    return this.code === undefined || OF_THIS_NODE.has(this.code)
  }
}

const OF_THIS_NODE: ReadonlySet<number> = new Set([
  LvspFailure.Draining,
  LvspFailure.TooManyChannels,
  LvspFailure.TooManyVoiceStates,
  LvspFailure.TooMuchMemory,
  LvspFailure.Unavailable,
])

/** The session has ended and does not reconnect: it was closed, or the node does not accept the secret. */
export class LvspClosedError extends Error {
  /** WebSocket close code; 4001 if the node does not accept the secret. */
  readonly code: number
  readonly reason: string

  constructor(code: number, reason: string) {
    super(`LVSP session closed with ${code}: ${reason}`)
    this.name = 'LvspClosedError'
    this.code = code
    this.reason = reason
  }
}
