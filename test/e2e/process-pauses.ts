// When this process did not run, because the machine was busy or a handler took long: a test that measures silence excludes it.
import type { TestContext } from 'node:test'

/** Between two readings of the clock. */
const INTERVAL = 5
/** A pause of the process, not lateness of a timer. */
const SHORTEST = 20

/** The spans so far, on the clock of `performance`. It stops with the test. */
export function processPauses(t: TestContext): readonly (readonly [from: number, until: number])[] {
  const pauses: [number, number][] = []
  let last = performance.now()
  const timer = setInterval(() => {
    const now = performance.now()
    if (now - last > SHORTEST) pauses.push([last, now])
    last = now
  }, INTERVAL)
  t.after(() => clearInterval(timer))
  return pauses
}
