// The loop around a core: feed one input, apply its effects, arm the only timer. The only place that reads the clock, which stands
// still while the process does not run.
// WebSockets, lanes and the process feed it; it decides nothing. Inputs never overlap: one that arrives during another
// waits for it.
import { type Effect, type LaneCommand, type LaneEvent, type Opening, stackOf, type VoiceNode } from '@parley/core'
import { SERVER_LIMITS } from './limits.ts'
import { type NodeNote, serverNote } from './monitoring/notes.ts'
import { RunningClock } from './stall.ts'

/** The part of a node that the host drives. */
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

/** Where effects go. An exception here is logged and counted; the effects after it are still applied. */
export interface Outputs {
  send(connection: number, data: string | Uint8Array): void
  close(connection: number, code: number, reason: string): void
  /** Bounds for unidentified connections no longer apply. */
  authenticated(connection: number, backend: string): void
  lane(lane: number, command: LaneCommand): void
  note(note: NodeNote): void
  /** All effects of one input are applied; messages may be sent. */
  flush(): void
}

/** What the core is fed. `connection`: whose input it is. */
interface Input {
  readonly run: (now: number) => void
  readonly connection: number | undefined
}

/** RFC 6455 §7.4.1: an unexpected condition prevented the server from fulfilling the request. */
const INTERNAL_ERROR = 1011

/** One per node. An exception of the core closes the connection whose input caused it, never the node. */
export class Host {
  readonly #core: Core
  readonly #outputs: Outputs
  readonly #clock: RunningClock
  /** Reads the clock. */
  readonly #pulse: NodeJS.Timeout
  readonly #waiting: Input[] = []
  #feeding = false
  #timer: NodeJS.Timeout | undefined
  #armedFor = Infinity
  #notBefore = -Infinity
  #closed = false
  /** Inputs at which the core threw, and effects that could not be applied. */
  readonly failures = { inputs: 0, effects: 0 }

  /** `clock` returns monotonic milliseconds. */
  constructor(core: Core, outputs: Outputs, clock: () => number) {
    this.#core = core
    this.#outputs = outputs
    this.#clock = new RunningClock(clock)
    this.#pulse = setInterval(() => this.#clock.now(), SERVER_LIMITS.pulse)
    this.#pulse.unref()
    this.#arm()
  }

  connectionOpened(connection: number, opening: Opening): void {
    this.#feed(now => this.#core.connectionOpened(connection, opening, now), connection)
  }
  messageReceived(connection: number, data: string | Uint8Array): void {
    this.#feed(now => this.#core.messageReceived(connection, data, now), connection)
  }
  connectionClosed(connection: number, code: number): void {
    this.#feed(now => this.#core.connectionClosed(connection, code, now))
  }
  /** See the methods of the same names of `VoiceNode`. */
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
  /** Refuses new calls; the remaining sessions are closed after `duration` milliseconds, with 0 at once. */
  drain(duration: number): void {
    this.#feed(now => this.#core.drain(now + duration, now))
    if (duration === 0) this.#feed(now => this.#tick(now))
  }
  /** Runs an action of the operator on the core, as an input. Undefined if the node is closed, or failed at it. */
  operate<Result>(action: (now: number) => Result): Result | undefined {
    let result: Result | undefined
    this.#feed(now => {
      result = action(now)
    })
    return result
  }
  /** The same without an answer. Throws an error if the node is closed, or failed at it. */
  perform(action: (now: number) => void): void {
    const isDone = this.operate(now => {
      action(now)
      return true
    })
    if (isDone !== true) throw new Error('an internal error occurred, see host.input_failed in the log')
  }
  /** Stops the timer and ignores further inputs. */
  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
    clearInterval(this.#pulse)
    this.#armedFor = Infinity
  }

  /** An input caused by an effect waits until the input before it is complete. `connection`: whose input it is. */
  #feed(run: Input['run'], connection?: number): void {
    if (this.#closed) return
    if (this.#feeding) {
      this.#waiting.push({ run, connection })
      return
    }
    this.#feeding = true
    this.#run(run, connection)
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift())
      this.#run(next.run, next.connection)
    this.#feeding = false
    this.#arm()
  }

  /** One input, its effects in order, then one write per connection. A fault of the node at a connection's input closes that connection only. */
  #run(input: Input['run'], connection: number | undefined): void {
    try {
      input(this.#clock.now())
    } catch (error) {
      this.#inputFailed(error, connection)
      if (connection !== undefined)
        this.#apply({ kind: 'close', connection, code: INTERNAL_ERROR, reason: 'internal error' })
    }
    for (const effect of this.#core.takeEffects()) this.#apply(effect)
    this.#outputs.flush()
  }

  #apply(effect: Effect): void {
    try {
      switch (effect.kind) {
        case 'send':
          return this.#outputs.send(effect.connection, effect.data)
        case 'close':
          return this.#outputs.close(effect.connection, effect.code, effect.reason)
        case 'authenticated':
          return this.#outputs.authenticated(effect.connection, effect.backend)
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

  /** Counts and logs a fault of the core. */
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

  /** A timer that fires too early finds nothing due and is armed again. */
  #arm(): void {
    const deadline = this.#deadline
    if (this.#closed || deadline >= this.#armedFor) return
    clearTimeout(this.#timer)
    this.#armedFor = deadline
    const wait = Math.max(0, Math.ceil(deadline - this.#clock.now()))
    this.#timer = setTimeout(() => this.#wake(), Math.min(wait, SERVER_LIMITS.maxTimeout))
  }

  /**
   * When the core is to be ticked. After a stall of the process it is a moment later: input that had arrived is read first.
   * A deadline of NaN is due, so that its tick fails.
   */
  get #deadline(): number {
    const { deadline } = this.#core
    return Math.max(Number.isNaN(deadline) ? -Infinity : deadline, this.#notBefore, this.#clock.readUntil)
  }

  /** The timer fired. */
  #wake(): void {
    this.#armedFor = Infinity
    const now = this.#clock.now()
    if (this.#deadline <= now) this.#feed(at => this.#tick(at))
    else this.#arm()
  }

  /** A tick that fails is not repeated at once where its deadline is still due: it would fail again without end. */
  #tick(now: number): void {
    this.#clock.applied()
    try {
      this.#core.tick(now)
      if (Number.isNaN(this.#core.deadline)) throw new Error('expected a deadline of the core, found NaN')
    } catch (error) {
      if (!(this.#core.deadline > now)) this.#notBefore = now + SERVER_LIMITS.failedTickPause
      throw error
    }
  }
}
