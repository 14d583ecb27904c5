// A lane on the current thread, with the portable engine.
import { BATCH, type LaneCommand, type LaneEvent, type LaneId, LatencyHistogram, Router, stackOf } from '@parley/core'
import { SERVER_LIMITS } from '../../limits.ts'
import { StallGuard } from '../../stall.ts'
import { protectionReady } from '../crypto/protection.ts'
import { stunMac } from '../crypto/stun-mac.ts'
import { openDgramPort } from '../engine/dgram-port.ts'
import type { DatagramPort, OnDatagram } from '../engine/portable-engine.ts'
import { PortableEngine } from '../engine/portable-engine.ts'
import type { Lane } from './lane.ts'
import { ASLEEP, openRing, type RingMessage } from './lane-rings.ts'

export interface InlineLaneOptions {
  id: LaneId
  /** Address to listen on; all addresses by default. */
  ip?: string | undefined
  /** 0 selects a free port. */
  port: number
  /** See `DgramPortOptions`. */
  addresses?: readonly string[] | undefined
  /** Called after the input that caused the events, never with an empty list. */
  onEvents(events: readonly LaneEvent[]): void
  /** Called before a datagram is handled: see `LaneLoopOptions`. */
  takeCommands?(): void
  /** Monotonic milliseconds; `performance.now` if absent. */
  clock?: (() => number) | undefined
  /**
   * The lane failed and has closed; the port is free again. Without it a failure is an exception, which ends the thread of a lane that has
   * its own.
   */
  onLost?: ((reason: string) => void) | undefined
}

/** Feeds a router from a port, and ticks it at its deadlines. */
export class InlineLane implements Lane {
  readonly id: LaneId
  /** It shares its thread with other work. */
  readonly copiesPerSecond = undefined
  readonly #port: DatagramPort
  readonly #engine: PortableEngine
  readonly #router: Router
  readonly #clock: () => number
  readonly #onEvents: InlineLaneOptions['onEvents']
  readonly #takeCommands: InlineLaneOptions['takeCommands']
  readonly #onLost: InlineLaneOptions['onLost']
  #timeout: NodeJS.Timeout | undefined
  #armedFor = Infinity
  readonly #stallGuard = new StallGuard(SERVER_LIMITS.laneStallPause)
  readonly #latency = new LatencyHistogram()
  /** Datagrams that were forwarded. */
  #forwarded = 0
  #isClosed = false
  #utilization = performance.eventLoopUtilization()

  /** Rejects with the system's error if the address is not available. */
  static async open(options: InlineLaneOptions): Promise<InlineLane> {
    await protectionReady()
    let lane: InlineLane | undefined
    const onDatagram: OnDatagram = (bytes, ip, port, local) => lane?.receive(bytes, ip, port, local)
    const { ip, port, addresses } = options
    lane = new InlineLane(await openDgramPort({ ip, port, addresses, onDatagram }), options)
    return lane
  }

  /** On an open port, whose datagrams the caller passes to `receive`. */
  constructor(port: DatagramPort, options: InlineLaneOptions) {
    const { id, onEvents, takeCommands, onLost, clock = () => performance.now() } = options
    this.id = id
    this.#port = port
    this.#onEvents = onEvents
    this.#takeCommands = takeCommands
    this.#onLost = onLost
    this.#clock = clock
    this.#engine = new PortableEngine(port)
    const { timeOrigin } = performance
    const measured = () => ({ busy: this.#busy(), latency: this.#latency.counts })
    this.#router = new Router(this.#engine, { measured, stunMac, timeOrigin })
  }

  get port(): number {
    return this.#port.port
  }

  command(command: LaneCommand): void {
    if (this.#isClosed) return
    try {
      this.#router.command(command, this.#clock())
      this.#settle()
    } catch (error) {
      this.#failed(error)
    }
  }

  /** Commands take effect at once. */
  flush(): void {}

  /** The thread at the other end of a ring to this lane posts to `port` while this one sleeps. */
  connect(message: RingMessage): void {
    const ring = openRing(message, this.#clock, undefined)
    if (message.direction === 'out') return this.#router.addOutput(message.lane, ring)
    const bell = new Int32Array(message.bell.words)
    this.#router.addInput(message.lane, ring)
    message.port?.on('message', () => this.#drain(bell)).unref()
    this.#drain(bell)
  }

  /** One datagram from the port. */
  receive(bytes: Uint8Array, ip: string, port: number, local = 0): void {
    try {
      this.#receive(bytes, ip, port, local)
    } catch (error) {
      this.#failed(error)
    }
  }

  #receive(bytes: Uint8Array, ip: string, port: number, local: number): void {
    this.#takeCommands?.()
    const batch = this.#isClosed ? undefined : this.#engine.load(bytes, ip, port, local)
    if (batch === undefined) return
    const now = this.#clock()
    const before = this.#engine.packets
    this.#router.receive(batch, now)
    const isForwarded = this.#engine.packets > before
    if (isForwarded && this.#forwarded++ % SERVER_LIMITS.latencySample === 0) this.#latency.observe(this.#clock() - now)
    this.#settle()
  }

  /** Sizes of the lane's tables. */
  inspect() {
    return this.#router.inspect()
  }

  close(): Promise<void> {
    if (!this.#isClosed) this.#router.close()
    this.#isClosed = true
    clearTimeout(this.#timeout)
    return this.#port.close()
  }

  /** Handles packets of other lanes, in turn with the event loop, and sleeps when none is left. */
  #drain(bell: Int32Array): void {
    if (this.#isClosed) return
    Atomics.store(bell, ASLEEP, 0)
    this.#takeCommands?.()
    const count = this.#router.receiveCrossed(BATCH, this.#clock())
    if (count > 0) this.#settle()
    else Atomics.store(bell, ASLEEP, 1)
    // A packet that was pushed before that found the lane awake.
    if (this.#router.hasCrossed || count > 0) setImmediate(() => this.#drain(bell))
  }

  /** Busy share of this thread since the last call, including other work on it. */
  #busy(): number {
    const last = this.#utilization
    this.#utilization = performance.eventLoopUtilization()
    return performance.eventLoopUtilization(this.#utilization, last).utilization
  }

  #settle(): void {
    if (!Object.is(this.#router.deadline, this.#armedFor)) this.#arm()
    const events = this.#router.takeEvents()
    if (events.length > 0) this.#onEvents(events)
  }

  #arm(): void {
    clearTimeout(this.#timeout)
    this.#armedFor = this.#router.deadline
    if (this.#armedFor === Infinity) return
    // A fault of the router: a timer of NaN ms would fire without end.
    if (Number.isNaN(this.#armedFor)) return this.#tickAt(this.#clock() + SERVER_LIMITS.failedTickPause)
    this.#tickAt(Math.max(this.#armedFor, this.#clock()))
  }

  #tickAt(due: number): void {
    this.#timeout = setTimeout(() => this.#wake(due), Math.ceil(due - this.#clock()))
    this.#timeout.unref()
  }

  #wake(due: number): void {
    try {
      const now = this.#clock()
      const pause = this.#stallGuard.pause(due, now)
      if (pause > 0) return this.#tickAt(now + pause)
      this.#armedFor = Infinity
      this.#router.tick(now)
      this.#settle()
    } catch (error) {
      this.#failed(error)
    }
  }

  /** Ends the lane as a crash ends that of a thread. The router is not used again: its state may be inconsistent. */
  #failed(error: unknown): void {
    const onLost = this.#onLost
    if (onLost === undefined) throw error
    if (this.#isClosed) return
    this.#isClosed = true
    clearTimeout(this.#timeout)
    void this.#port.close().then(() => onLost(stackOf(error)))
  }
}
