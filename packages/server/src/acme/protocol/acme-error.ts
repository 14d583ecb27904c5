// Why a certificate was not issued, as a sentence for the log and `parley doctor`.
import type { Problem } from './messages.ts'

export class AcmeError extends Error {
  /** The type of the authority's problem, such as `rateLimited`; undefined if it did not answer, or not in its protocol. */
  readonly type: string | undefined
  /** Milliseconds that the authority asks to wait; undefined if it does not. */
  readonly retryAfter: number | undefined

  constructor(sentence: string, { type, retryAfter }: { type?: string; retryAfter?: number | undefined } = {}) {
    super(sentence)
    this.name = 'AcmeError'
    this.type = type
    this.retryAfter = retryAfter
  }

  /** `what` is the subject of the sentence, such as a URL or a name. */
  static ofProblem(what: string, problem: Problem | undefined, retryAfter?: number): AcmeError {
    const details = [problem?.detail, ...(problem?.subproblems ?? []).map(({ detail }) => detail)]
    const text = details.filter(detail => detail !== undefined).join('; ')
    const type = problem?.type ?? 'unknown'
    return new AcmeError(`${what}: ${printable(text === '' ? 'refused' : text)} (${printable(type)})`, {
      type,
      retryAfter,
    })
  }
}

/** Text of the other side in one line without control characters. */
const printable = (text: string) => text.replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ').slice(0, 500)
