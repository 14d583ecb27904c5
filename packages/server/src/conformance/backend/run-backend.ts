// Runs the cases of a backend, several at a time: each has its own process and its own nodes.
import { type CheckedCase, checked, selected } from '../checked-case.ts'
import { lastError } from '../driver.ts'
import type { CaseResult } from '../result.ts'
import { BackendUnderTest, type StartBackend } from './backend-under-test.ts'
import { CONNECTION_CASES } from './connection-cases.ts'
import type { NodePlace } from './scripted-node.ts'
import { VOICE_STATE_CASES } from './voice-state-cases.ts'

export interface BackendRun {
  start: StartBackend
  /** False: no commands are given, and cases that need them are skipped. */
  isDriven: boolean
  /** Words; a case runs if its number contains one. Empty: all cases. */
  only: readonly string[]
  /** Cases at a time. */
  parallel: number
  /** Default: 127.0.0.1 without TLS. */
  place?: NodePlace | undefined
  finished?(result: CaseResult): void
}

type BackendCase = CheckedCase<BackendUnderTest> & { readonly mayEnd?: boolean }

export const BACKEND_CASES: readonly BackendCase[] = [...CONNECTION_CASES, ...VOICE_STATE_CASES]

/** In the order of the cases. */
export async function runBackend({
  start,
  isDriven,
  only,
  parallel,
  place,
  finished,
}: BackendRun): Promise<CaseResult[]> {
  const cases = selected(BACKEND_CASES, only)
  const results = new Map<BackendCase, CaseResult>()
  const left = [...cases]
  const work = async () => {
    for (let test = left.shift(); test !== undefined; test = left.shift()) {
      const result = await resultOf(test, new BackendUnderTest(start, isDriven, place))
      results.set(test, result)
      finished?.(result)
    }
  }
  await Promise.all(Array.from({ length: parallel }, work))
  return cases.map(test => results.get(test)!)
}

/** A process that ends during a case has crashed, whatever the case found, unless it may end. */
async function resultOf(test: BackendCase, backend: BackendUnderTest): Promise<CaseResult> {
  try {
    const result = await checked(test, () => test.run(backend))
    const { exit, stderr } = backend
    if (result.outcome === 'skipped' || exit === undefined || test.mayEnd) return result
    return {
      ...result,
      outcome: 'crashes',
      detail: `the process has ended: ${exit}; ${lastError(stderr)}`,
    }
  } finally {
    await backend.close()
  }
}
