// Cases that pass or fail by what the implementation under test sends: of nodes and of backends.
import type { CaseResult } from './result.ts'

export interface CheckedCase<Subject> {
  /** Stable: the number of a case does not change when cases are added. */
  readonly number: string
  /** What the implementation has to do. */
  readonly meaning: string
  /** Rejects with a `CaseFailure` or a `CaseSkipped`. */
  run(subject: Subject): Promise<void>
}

/** The implementation did something else than the case expects. The sentence says what. */
export class CaseFailure extends Error {
  constructor(sentence: string) {
    super(sentence)
    this.name = 'CaseFailure'
  }
}

/** The case does not apply to this implementation. The sentence says why. */
export class CaseSkipped extends Error {
  constructor(sentence: string) {
    super(sentence)
    this.name = 'CaseSkipped'
  }
}

/** Throws a `CaseFailure` unless the condition holds. */
export function expect(holds: boolean, sentence: string): asserts holds {
  if (!holds) throw new CaseFailure(sentence)
}

/** Throws a `CaseSkipped` unless the condition holds. */
export function applies(holds: boolean, sentence: string): asserts holds {
  if (!holds) throw new CaseSkipped(sentence)
}

/** Runs a case. Other errors than those of cases are ours, and are thrown. */
export async function checked<Subject>(test: CheckedCase<Subject>, run: () => Promise<void>): Promise<CaseResult> {
  const started = performance.now()
  const result = {
    number: test.number,
    name: test.number,
    meaning: test.meaning,
    expected: 'passes' as const,
    broken: [],
  }
  const time = () => Math.round(performance.now() - started)
  try {
    await run()
    return { ...result, outcome: 'passes', detail: '', time: time() }
  } catch (error) {
    if (error instanceof CaseSkipped) return { ...result, outcome: 'skipped', detail: error.message, time: time() }
    if (error instanceof CaseFailure) return { ...result, outcome: 'fails', detail: error.message, time: time() }
    throw error
  }
}

/** Cases whose number contains one of the words; all without words. */
export const selected = <Case extends { number: string }>(cases: readonly Case[], only: readonly string[]): Case[] =>
  cases.filter(({ number }) => only.length === 0 || only.some(word => number.includes(word)))
