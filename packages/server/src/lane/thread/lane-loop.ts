// The loop of a lane on its own thread: read, route and send datagrams, and apply commands between two turns.
// Imported: the global is a getter, which costs more than the reading of the clock.
import { performance } from 'node:perf_hooks'
import {
  BATCH,
  type Batch,
  isUrgentEvent,
  type LaneCommand,
  type LaneEvent,
  LatencyHistogram,
  LIMITS,
  Router,
} from '@parley/core'
import { SERVER_LIMITS } from '../../limits.ts'
import { stunMac } from '../crypto/stun-mac.ts'
import type { FfiEngine } from '../engine/ffi-engine.ts'
import type { Native } from '../engine/native-calls.ts'
import { ASLEEP, openRing, type RingMessage } from './lane-rings.ts'

/** Assumed copies per datagram before the first measurement. */
const FIRST_FAN_OUT = 50
/** Weight of the past in the average of copies per datagram. */
const INERTIA = 7 / 8

export interface LaneLoopOptions {
  /** Called with urgent events at once, and with the others before them or after `maxLaneWait`. */
  onEvents(events: readonly LaneEvent[]): void
  /**
   * Called between reading datagrams and routing them, to apply waiting commands: a client that sends a datagram because of a
   * command must not overtake that command.
   */
  takeCommands?(): void
  /** Monotonic milliseconds; `performance.now` if absent. */
  clock?: (() => number) | undefined
}

export class LaneLoop {
  readonly #engine: FfiEngine
  readonly #router: Router
  readonly #onEvents: LaneLoopOptions['onEvents']
  readonly #takeCommands: LaneLoopOptions['takeCommands']
  readonly #clock: () => number
  #measuredAt: number
  /** Milliseconds since then spent waiting. */
  #waited = 0
  #turnAt: number
  /** After a stall: when deadlines apply at the latest, even if there are still datagrams to read. */
  #catchUpUntil = -Infinity
  /** That of the lane, once packets arrive from another lane. */
  #bell: Int32Array | undefined
  /** Copies per datagram: increases are immediate, decreases gradual. */
  #fanOut = FIRST_FAN_OUT
  /** Events that are not delivered yet, and when they are. */
  #held: LaneEvent[] = []
  #heldUntil = Infinity
  readonly #latency = new LatencyHistogram()
  /** Batches with packets that were forwarded. */
  #forwarded = 0
  /** The last turn read all that was there: another one would find nothing. */
  #hasReadAll = false

  constructor(engine: FfiEngine, { onEvents, takeCommands, clock = () => performance.now() }: LaneLoopOptions) {
    this.#engine = engine
    this.#onEvents = onEvents
    this.#takeCommands = takeCommands
    this.#clock = clock
    this.#measuredAt = this.#clock()
    this.#turnAt = this.#measuredAt
    const { timeOrigin } = performance
    const measured = () => ({ busy: this.busy(), latency: this.#latency.counts })
    this.#router = new Router(engine, { measured, stunMac, timeOrigin })
  }

  /** Busy share of the time since the last call. */
  busy(): number {
    const now = this.#clock()
    const total = now - this.#measuredAt
    const waited = this.#waited
    this.#measuredAt = now
    this.#waited = 0
    return total > 0 ? Math.max(0, 1 - waited / total) : 0
  }

  command(command: LaneCommand): void {
    const now = this.#clock()
    this.#router.command(command, now)
    this.#settle(now)
  }

  /** Takes the lane's end of a ring. `native` wakes the lane at the other end. */
  connect(message: RingMessage, native: Pick<Native, 'wake'>): void {
    const ring = openRing(message, this.#clock, native)
    if (message.direction === 'out') return this.#router.addOutput(message.lane, ring)
    this.#bell = new Int32Array(message.bell.words)
    this.#router.addInput(message.lane, ring)
  }

  /**
   * Handles what is there, but no more than about TURN copies of it, so that commands and other sources get their
   * turn. Returns whether anything was there.
   */
  turn(): boolean {
    const engine = this.#engine
    const limit = Math.max(1, Math.min(BATCH, Math.trunc(SERVER_LIMITS.maxCopiesPerTurn / this.#fanOut)))
    const batch = engine.socket.receive(limit)
    this.#hasReadAll = batch !== undefined && batch.count < limit
    const now = this.#clock()
    if (batch !== undefined) {
      this.#takeCommands?.()
      const before = engine.packets
      this.#router.receive(batch, now)
      // Packets that waited may be dropped, and then show nothing of their copies.
      const oldest = batch.waited[0]!
      const isWhole = batch.count === limit && oldest <= LIMITS.videoWait
      this.#learn((engine.packets - before) / batch.count, isWhole)
      if (engine.packets > before) this.#sample(now)
    }
    const hasCrossed = this.#bell !== undefined && this.#receiveCrossed(limit, now)
    if (this.#mayTick(batch === undefined || this.#hasReadAll, now)) this.#router.tick(now)
    this.#settle(now)
    return batch !== undefined || hasCrossed
  }

  /**
   * Whether it is time to wait after a turn that handled something, because that was all. Datagrams that have arrived in the
   * meantime end the wait at once.
   */
  get hasCaughtUp(): boolean {
    return this.#hasReadAll && !this.#router.hasCrossed
  }

  /** The latency of the oldest packet of a batch that was read at `readAt`: one batch in `latencySample`. */
  #sample(readAt: number): void {
    if (this.#forwarded++ % SERVER_LIMITS.latencySample !== 0) return
    this.#latency.observe(this.#engine.socket.oldest / 1_000 + this.#clock() - readAt)
  }

  /** The same for packets of other lanes, at most `limit` of each. Returns whether there were any. */
  #receiveCrossed(limit: number, now: number): boolean {
    if (!this.#router.hasCrossed) return false
    this.#takeCommands?.()
    const before = this.#engine.packets
    const count = this.#router.receiveCrossed(limit, now)
    if (count > 0) this.#learn((this.#engine.packets - before) / count, count === limit)
    return true
  }

  /** A turn takes milliseconds, and a wait at most `maxLaneWait`: a longer gap is a stall of the process. */
  #mayTick(isEmpty: boolean, now: number): boolean {
    if (now - this.#turnAt >= SERVER_LIMITS.stall) this.#catchUpUntil = now + SERVER_LIMITS.maxLaneCatchUp
    this.#turnAt = now
    if (isEmpty) this.#catchUpUntil = -Infinity
    return now >= this.#router.deadline && now >= this.#catchUpUntil
  }

  /** Handles datagrams that did not come from the socket: synthetic ones. The batch's bytes are changed. */
  inject(batch: Batch): void {
    const now = this.#clock()
    this.#router.receive(batch, now)
    this.#settle(now)
  }

  /** Blocks until there may be something to do: a datagram, a wake, or a report that is due; `longest` ms at most. */
  wait(longest: number): void {
    const start = this.#clock()
    const timeout = Math.min(longest, this.#router.deadline - start, this.#heldUntil - start)
    if (timeout <= 0) return
    // With such a timeout poll returns at once: the loop would spin without ever reaching its deadline. The node replaces the lane.
    if (Number.isNaN(timeout)) throw new Error('expected a deadline of the lane, found NaN')
    if (this.#bell === undefined) this.#engine.socket.wait(Math.ceil(timeout))
    else this.#sleep(this.#bell, Math.ceil(timeout))
    this.#waited += this.#clock() - start
  }

  /** Says so first: a packet that was pushed before is found here, and one that is pushed later wakes the lane. */
  #sleep(bell: Int32Array, timeout: number): void {
    Atomics.store(bell, ASLEEP, 1)
    if (!this.#router.hasCrossed) this.#engine.socket.wait(timeout)
    Atomics.store(bell, ASLEEP, 0)
  }

  /** Sizes of the lane's tables. */
  inspect() {
    return this.#router.inspect()
  }

  close(): void {
    this.#router.close()
    this.#engine.close()
  }

  /** Only a batch that the limit alone has cut shows that the limit may be too low. */
  #learn(fanOut: number, isWhole: boolean): void {
    if (fanOut > this.#fanOut) this.#fanOut = fanOut
    else if (isWhole) this.#fanOut = Math.max(1, INERTIA * this.#fanOut + (1 - INERTIA) * fanOut)
  }

  /** Delivers events. Those that are not urgent wait for others, because each delivery wakes the main thread. */
  #settle(now: number): void {
    const events = this.#router.takeEvents()
    if (events.length > 0) {
      this.#held.push(...events)
      this.#heldUntil = events.some(isUrgentEvent) ? now : Math.min(this.#heldUntil, now + SERVER_LIMITS.maxLaneWait)
    }
    if (now < this.#heldUntil) return
    const held = this.#held
    this.#held = []
    this.#heldUntil = Infinity
    this.#onEvents(held)
  }
}
