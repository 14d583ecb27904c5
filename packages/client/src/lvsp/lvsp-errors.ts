// Why a request to a node failed, and why a session with it is over.
import { LVSP_FAILURE_MEANINGS, LvspFailure } from '@parley/protocol'
import type { RequestFailure } from './outputs.ts'

/** A request was refused by the node, or had no answer in time. `code` is absent where the node said nothing. */
export class LvspRequestError extends Error {
  readonly code: LvspFailure | number | undefined

  constructor({ code, message }: RequestFailure) {
    const meaning = LVSP_FAILURE_MEANINGS[code as LvspFailure]
    super(meaning === undefined || meaning === message ? message : `${message} (${meaning})`)
    this.name = 'LvspRequestError'
    this.code = code
  }

  /** Whether another node may well say yes. */
  get isOfThisNode(): boolean {
    return this.code === undefined || OF_THIS_NODE.has(this.code)
  }
}

const OF_THIS_NODE: ReadonlySet<number> = new Set([
  LvspFailure.Draining,
  LvspFailure.TooManyChannels,
  LvspFailure.Unavailable,
])

/** The session is over, and will not come back: it was closed, or the node does not accept the secret. */
export class LvspClosedError extends Error {
  readonly code: number
  readonly reason: string

  constructor(code: number, reason: string) {
    super(`LVSP session closed with ${code}: ${reason}`)
    this.name = 'LvspClosedError'
    this.code = code
    this.reason = reason
  }
}
