// A check of `parley doctor`: what it looks at, and what it found.
import type { Config } from '../config/config.ts'
import type { TlsFiles } from '../net/tls.ts'
import type { Machine } from './machine.ts'

/** One problem: what is wrong, and what to do. Both are sentences without a full stop. */
export interface Problem {
  readonly problem: string
  readonly fix: string
}

/** The result of a check: one entry, or one for each of its problems. */
export interface Finding extends Partial<Problem> {
  readonly check: string
  readonly ok: boolean
}

/** What the checks look at. */
export interface Subject {
  readonly config: Config
  /** The certificate in use; undefined without one. */
  readonly tls: TlsFiles | undefined
  readonly machine: Machine
}

/**
 * A check only reads: it must not change the machine, and with the parts of `Machine` replaced it runs in a test. Add a
 * row to one of the tables (`CERTIFICATE_CHECKS`, `ADDRESS_CHECKS`, `MACHINE_CHECKS`); `npm run docs` writes it into
 * docs/operating.md.
 */
export interface Check {
  readonly name: string
  /** What it looks at, for the documentation. */
  readonly summary: string
  /**
   * Returns every problem that it finds; an empty list if all is well, or if the check does not apply to this
   * configuration.
   */
  run(subject: Subject): readonly Problem[] | Promise<readonly Problem[]>
}

/** A check without problems is one finding that is `ok`. */
export const findingsOf = (check: string, problems: readonly Problem[]): Finding[] =>
  problems.length === 0 ? [{ check, ok: true }] : problems.map(problem => ({ check, ok: false, ...problem }))

/** A check that itself fails is a problem too, and the others still run. */
export async function runChecks(checks: readonly Check[], subject: Subject): Promise<Finding[]> {
  const results = await Promise.all(
    checks.map(async ({ name, run }) => {
      try {
        return findingsOf(name, await run(subject))
      } catch (error) {
        return findingsOf(name, [{ problem: `the check failed: ${String(error)}`, fix: 'please report it' }])
      }
    }),
  )
  return results.flat()
}
