// The loop around a core: feed one input, apply its effects, arm the one timer. The only place that reads the clock.
import type { Effect, LaneCommand, LaneEvent, Opening, VoiceNode } from '@parley/core'
import { type NodeNote, serverNote } from './notes.ts'

/** What the host drives. */
export type Core = Pick<
  VoiceNode,
  | 'connectionOpened'
  | 'messageReceived'
  | 'connectionClosed'
  | 'laneEvent'
  | 'laneLost'
  | 'laneReplaced'
  | 'tick'
  | 'measured'
  | 'drain'
  | 'takeEffects'
  | 'deadline'
>

/** Where effects go. What throws here is noted and counted; the effects after it are still applied. */
export interface Outputs {
  send(connection: number, data: string | Uint8Array): void
  close(connection: number, code: number, reason: string): void
  lane(lane: number, command: LaneCommand): void
  note(note: NodeNote): void
  /** The effects of one input are all applied: what they sent may leave. */
  flush(): void
}

/** After the core failed at a tick: how long until it is asked again, so that a lasting fault is no busy loop. */
const FAILED_TICK_PAUSE = 1_000
/** The longest timeout Node.js takes. */
const LONGEST_TIMEOUT = 2 ** 31 - 1
/** RFC 6455 §7.4.1: an unexpected condition prevented the server from fulfilling the request. */
const INTERNAL_ERROR = 1011

export class Host {
  readonly #core: Core
  readonly #outputs: Outputs
  readonly #clock: () => number
  readonly #waiting: ((now: number) => void)[] = []
  #feeding = false
  #timer: NodeJS.Timeout | undefined
  #armedFor = Infinity
  #notBefore = -Infinity
  #closed = false
  /** Inputs at which the core threw, and effects that could not be applied. */
  readonly failures = { inputs: 0, effects: 0 }

  /** `clock` gives monotonic milliseconds, and must be the one `core` was made with. */
  constructor(core: Core, outputs: Outputs, clock: () => number) {
    this.#core = core
    this.#outputs = outputs
    this.#clock = clock
    this.#arm()
  }

  connectionOpened(connection: number, opening: Opening): void {
    this.#feed(now => this.#ofConnection(connection, () => this.#core.connectionOpened(connection, opening, now)))
  }
  messageReceived(connection: number, data: string | Uint8Array): void {
    this.#feed(now => this.#ofConnection(connection, () => this.#core.messageReceived(connection, data, now)))
  }
  connectionClosed(connection: number, code: number): void {
    this.#feed(now => this.#core.connectionClosed(connection, code, now))
  }
  laneEvent(lane: number, event: LaneEvent): void {
    this.#feed(now => this.#core.laneEvent(lane, event, now))
  }
  laneLost(lane: number, reason: string): void {
    this.#feed(now => this.#core.laneLost(lane, reason, now))
  }
  laneReplaced(lane: number, port: number): void {
    this.#feed(now => this.#core.laneReplaced(lane, port, now))
  }
  measured(load: { eventLoopLag: number }): void {
    this.#feed(now => this.#core.measured(load, now))
  }
  /** Stops new work; in `duration` milliseconds, or with 0 at once, the sessions that remain are closed. */
  drain(duration: number): void {
    this.#feed(now => this.#core.drain(now + duration, now))
    if (duration === 0) this.#feed(now => this.#tick(now))
  }
  /** Stops the timer and takes no more inputs. */
  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#armedFor = Infinity
  }

  /** Inputs that effects cause while they are applied wait until those before them are done. */
  #feed(input: (now: number) => void): void {
    if (this.#closed) return
    this.#waiting.push(input)
    if (this.#feeding) return
    this.#feeding = true
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) this.#run(next)
    this.#feeding = false
    this.#arm()
  }

  #run(input: (now: number) => void): void {
    try {
      input(this.#clock())
    } catch (error) {
      this.#inputFailed(error)
    }
    for (const effect of this.#core.takeEffects()) this.#apply(effect)
    this.#outputs.flush()
  }

  /** A fault of ours at one connection's input ends that connection alone. */
  #ofConnection(connection: number, input: () => void): void {
    try {
      input()
    } catch (error) {
      this.#inputFailed(error, connection)
      this.#apply({ kind: 'close', connection, code: INTERNAL_ERROR, reason: 'internal error' })
    }
  }

  #apply(effect: Effect): void {
    try {
      switch (effect.kind) {
        case 'send':
          return this.#outputs.send(effect.connection, effect.data)
        case 'close':
          return this.#outputs.close(effect.connection, effect.code, effect.reason)
        case 'lane':
          return this.#outputs.lane(effect.lane, effect.command)
        case 'note':
          return this.#outputs.note(effect.note)
      }
    } catch (error) {
      this.failures.effects++
      this.#report(serverNote('host.effect_failed', { effect: effect.kind, stack: stackOf(error) }))
    }
  }

  #inputFailed(error: unknown, connection?: number): void {
    this.failures.inputs++
    this.#report(serverNote('host.input_failed', { connection, stack: stackOf(error) }))
  }

  /** If the log itself fails, the counters are what remains. */
  #report(note: NodeNote): void {
    try {
      this.#outputs.note(note)
    } catch {}
  }

  /** A timer that is early is left alone: it finds nothing due and arms anew. */
  #arm(): void {
    const deadline = Math.max(this.#core.deadline, this.#notBefore)
    if (this.#closed || deadline >= this.#armedFor) return
    clearTimeout(this.#timer)
    this.#armedFor = deadline
    const timeout = Math.ceil(Math.max(0, deadline - this.#clock()))
    this.#timer = setTimeout(() => this.#wake(), Math.min(timeout, LONGEST_TIMEOUT))
  }

  #wake(): void {
    this.#armedFor = Infinity
    if (this.#core.deadline <= this.#clock()) this.#feed(now => this.#tick(now))
    else this.#arm()
  }

  #tick(now: number): void {
    try {
      this.#core.tick(now)
    } catch (error) {
      this.#notBefore = now + FAILED_TICK_PAUSE
      throw error
    }
  }
}

const stackOf = (error: unknown): string => (error instanceof Error && error.stack) || String(error)
