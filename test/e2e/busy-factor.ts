// How much longer this process takes because other processes use the cores: for limits of time that hold on an idle machine.
import { readFileSync } from 'node:fs'

/** Since its creation. 1 on an idle machine, and where the system does not count it. */
export class BusyFactor {
  readonly #start = readTimes()

  read(): number {
    const { running, waiting } = readTimes()
    const ran = running - this.#start.running
    return ran === 0 ? 1 : (ran + waiting - this.#start.waiting) / ran
  }
}

/** Of the main thread, in nanoseconds: on a core, and ready to run without one (Linux, proc(5)). */
function readTimes(): { running: number; waiting: number } {
  try {
    const [running = 0, waiting = 0] = readFileSync('/proc/self/schedstat', 'utf8').split(' ').map(Number)
    return { running, waiting }
  } catch {
    return { running: 0, waiting: 0 }
  }
}
