// File descriptors: whether one is free. Where none is, the system closes new connections before Node.js reports them.
import { closeSync, openSync } from 'node:fs'
import { devNull } from 'node:os'

/** No descriptor is left for the process, or for the system. */
const EXHAUSTED: ReadonlySet<string | undefined> = new Set(['EMFILE', 'ENFILE'])

export class Descriptors {
  readonly #onExhausted: () => void
  #isExhausted = false
  /** Checks that found no free descriptor. */
  exhausted = 0

  /** `onExhausted` is called at the first of consecutive checks that find none. */
  constructor(onExhausted: () => void) {
    this.#onExhausted = onExhausted
  }

  check(): void {
    const wasExhausted = this.#isExhausted
    this.#isExhausted = !isOneFree()
    if (!this.#isExhausted) return
    this.exhausted++
    if (!wasExhausted) this.#onExhausted()
  }
}

function isOneFree(): boolean {
  try {
    closeSync(openSync(devNull, 'r'))
    return true
  } catch (error) {
    return !EXHAUSTED.has((error as NodeJS.ErrnoException).code)
  }
}
