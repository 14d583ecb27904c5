// The loop around the state machine: one input, its outputs in order, one timer for its deadline. An exception costs the input or output
// that caused it, never the bridge.
import type { Bridge } from '../core/bridge.ts'
import type { BridgeOutput } from '../core/outputs.ts'
import { LIMITS } from '../limits.ts'

/** The part of the state machine that the loop drives. */
export type BridgeCore = Pick<Bridge, 'takeOutputs' | 'deadline' | 'tick' | 'repair'>

export interface BridgeLoopOptions {
  readonly core: BridgeCore
  apply(output: BridgeOutput): void
  /** All outputs of an input are applied. */
  settled(): void
  /** An internal error, and how many there were since the last call. Called at most once per `LIMITS.failureInterval`. */
  failed(stack: string, failures: number): void
  /** Monotonic milliseconds. */
  clock(): number
}

export class BridgeLoop {
  readonly #options: BridgeLoopOptions
  #timer: NodeJS.Timeout | undefined
  #isPumping = false
  #isClosed = false
  /** After a tick that failed its deadline may still be due: it is not repeated at once. */
  #notBefore = -Infinity
  #failures = 0
  #reportedAt = -Infinity

  constructor(options: BridgeLoopOptions) {
    this.#options = options
  }

  /** An input of the state machine at the present time, and its outputs. One from within is applied by the same loop. */
  feed(input: (now: number) => void): void {
    if (this.#isClosed) return
    this.#guarded(() => input(this.#options.clock()))
    if (this.#isPumping) return
    this.#isPumping = true
    this.#pump()
    this.#isPumping = false
    this.#options.settled()
    this.#arm()
  }

  /** Ignores further inputs. */
  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
  }

  #pump(): void {
    const { core, apply } = this.#options
    for (let outputs = core.takeOutputs(); outputs.length > 0; outputs = core.takeOutputs())
      for (const output of outputs) this.#guarded(() => apply(output))
  }

  #arm(): void {
    clearTimeout(this.#timer)
    const { core, clock } = this.#options
    const wait = Math.max(core.deadline, this.#notBefore) - clock()
    if (wait < Infinity) this.#timer = setTimeout(() => this.feed(now => this.#tick(now)), Math.max(wait, 0) + 1)
  }

  #tick(now: number): void {
    this.#notBefore = now + LIMITS.failureInterval
    this.#options.core.tick(now)
    this.#notBefore = -Infinity
  }

  /** What a failed input left behind is repaired from the database. */
  #guarded(work: () => void): void {
    try {
      work()
    } catch (error) {
      const now = this.#options.clock()
      this.#failures++
      this.#options.core.repair(now)
      if (now - this.#reportedAt < LIMITS.failureInterval) return
      this.#reportedAt = now
      this.#options.failed((error instanceof Error && error.stack) || String(error), this.#failures)
      this.#failures = 0
    }
  }
}
