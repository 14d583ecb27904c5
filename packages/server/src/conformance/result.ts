// The result of a case, and its verdict.
import type { Expected } from '../dev/faults/fault-row.ts'

/**
 * `stays`: audio arrives, in the same voice session. `recovers`: audio arrives, in a new one. `is silent`: connected, without audio.
 * `stops`: not connected. `skipped`: the case does not apply to the implementation; the detail says why.
 */
export type Outcome =
  | 'stays'
  | 'recovers'
  | 'is silent'
  | 'stops'
  | 'does not join'
  | 'crashes'
  | 'passes'
  | 'fails'
  | 'skipped'

export interface CaseResult {
  number: string
  name: string
  meaning: string
  expected: Expected | 'passes'
  outcome: Outcome
  /** One sentence; empty if the outcome says everything. */
  detail: string
  /** Rules of the transcript that the client broke. */
  broken: string[]
  /** Milliseconds. */
  time: number
}

export type Verdict = 'pass' | 'fail' | 'observed' | 'skipped'

export function verdictOf({ expected, outcome }: CaseResult): Verdict {
  switch (expected) {
    case 'any':
      return outcome === 'crashes' ? 'fail' : 'observed'
    case 'stays':
    case 'recovers':
      return outcome === 'stays' || outcome === 'recovers' ? 'pass' : 'fail'
    case 'stops':
      return outcome === 'stops' ? 'pass' : 'fail'
    case 'passes':
      if (outcome === 'skipped') return 'skipped'
      return outcome === 'passes' ? 'pass' : 'fail'
  }
}
