// A lane on a separate thread: commands in batches, events back, and detection of a crash or of a thread that hangs.
import { type MessagePort, Worker } from 'node:worker_threads'
import { isUrgentCommand, type LaneCommand, type LaneEvent, type LaneId, ok, stackOf } from '@parley/core'
import { SERVER_LIMITS } from '../../limits.ts'
import { Native } from '../engine/native-calls.ts'
import type { Lane } from './lane.ts'
import { type Bell, createBell, POSTED, type RingMessage } from './lane-rings.ts'
import type { Engine, FromLane, LaneStart, ToLane } from './thread-messages.ts'

/** How to start the thread, and where its events go. */
export interface ThreadLaneOptions {
  id: LaneId
  engine: Engine
  /** Address to listen on; all addresses by default. */
  ip?: string | undefined
  /** 0 selects a free port. */
  port: number
  /** See `LanesOptions`. */
  addresses?: readonly string[] | undefined
  /** That of its place; one of its own by default, for a lane without others beside it. */
  bell?: Bell | undefined
  onEvents(events: readonly LaneEvent[]): void
  /** The thread has ended without `close`. The port is free again. */
  onLost(reason: string): void
}

/** In a checkout the thread first loads the hooks that run TypeScript. */
const IS_SOURCE = import.meta.url.endsWith('.ts')
const LANE = new URL(IS_SOURCE ? './lane-worker.ts' : './lane-worker.js', import.meta.url)
const ENTRY = IS_SOURCE ? new URL('../../../bin/source-worker.mjs', import.meta.url) : LANE

type Opened = Extract<FromLane, { kind: 'opened' }>

/** The main thread's end of one lane. Created by `Lanes`, which replaces it after `onLost`. */
export class ThreadLane implements Lane {
  readonly id: LaneId
  copiesPerSecond: number | undefined
  readonly #options: ThreadLaneOptions
  readonly #worker: Worker
  /** While messages wait, a word of it is 1, so that the lane reads a word and not a port per turn. */
  readonly #bell: Int32Array
  readonly #native: Native | undefined
  readonly #ended: Promise<void>
  #opened: Opened | undefined
  #pending: LaneCommand[] = []
  /** Reports that were asked for since the last event. */
  #missedReports = 0
  #failure: unknown = new Error("the lane's thread ended")
  /** From the opened port until `close` or a crash. */
  #isOpen = false

  /** Rejects with the system's error if the address is not available. */
  static async open(options: ThreadLaneOptions): Promise<ThreadLane> {
    const loaded = options.engine === 'ffi' ? await Native.load() : ok(undefined)
    if (!loaded.ok) throw new Error(loaded.reason)
    const native = loaded.value
    return new Promise((resolve, reject) => {
      const lane: ThreadLane = new ThreadLane(options, native, { opened: () => resolve(lane), failed: reject })
    })
  }

  private constructor(
    options: ThreadLaneOptions,
    native: Native | undefined,
    callbacks: { opened(): void; failed(error: unknown): void },
  ) {
    this.id = options.id
    this.#options = options
    this.#native = native
    const { id, engine, ip, port, addresses = [], bell = createBell() } = options
    const workerData: LaneStart = { entry: LANE.href, id, engine, ip, port, addresses, bell }
    this.#bell = new Int32Array(bell.words).fill(0)
    const resourceLimits = { maxYoungGenerationSizeMb: SERVER_LIMITS.laneYoungGeneration }
    const worker = new Worker(ENTRY, { workerData, execArgv: [], name: `lane ${id}`, resourceLimits })
    this.#worker = worker
    worker.on('error', error => {
      this.#failure = error
    })
    worker.on('message', (message: FromLane) => {
      if (message.kind === 'events') this.#events(message.events)
      else if (message.kind === 'calibrated') this.copiesPerSecond = message.copiesPerSecond
      else if (message.kind === 'refused')
        this.#failure = Object.assign(new Error(message.message), { code: message.code })
      else {
        this.#opened = message
        this.#isOpen = true
        callbacks.opened()
      }
    })
    this.#ended = new Promise(resolve => {
      worker.once('exit', code => {
        if (code !== 0) this.#freeDescriptors()
        resolve()
        if (this.#opened === undefined) callbacks.failed(this.#failure)
        else if (this.#isOpen) this.#lost(this.#failure)
      })
    })
  }

  /** The open UDP port; 0 before it is open. */
  get port(): number {
    return this.#opened?.port ?? 0
  }

  /** Sent with the next `flush`. */
  command(command: LaneCommand): void {
    if (!this.#isOpen) return
    this.#pending.push(command)
    if (command.kind === 'report') this.#watch()
  }

  /** Sends the commands of one input as one message. A lane that sleeps is woken only for urgent ones; see `takeCommands`. */
  flush(): void {
    if (!this.#isOpen || this.#pending.length === 0) return
    const commands = this.#pending
    this.#pending = []
    this.#post({ kind: 'commands', commands })
    if (commands.some(isUrgentCommand)) this.#wake()
  }

  /** Gives the lane its end of a ring, behind the commands so far. */
  connect(ring: RingMessage): void {
    this.flush()
    if (this.#isOpen) this.#send(ring, ring.port === undefined ? [] : [ring.port])
  }

  /** Lets the lane execute what was sent, then ends it. */
  close(): Promise<void> {
    if (this.#isOpen) {
      this.#end()
      this.#isOpen = false
    }
    return this.#ended
  }

  /** Called once per report, about once a second: after a stall of the process only one more is missing. */
  #watch(): void {
    if (++this.#missedReports !== SERVER_LIMITS.maxMissedReports) return
    this.#failure = new Error("the lane's thread does not respond")
    this.#end()
  }

  /**
   * Ends the thread behind the commands so far; one that does not end in time is terminated. A thread that is only late ends by
   * itself: Node-API aborts the process if a thread is terminated inside some of its calls, such as the one that maps memory.
   */
  #end(): void {
    this.flush()
    this.#send({ kind: 'close' })
    const timer = setTimeout(() => void this.#worker.terminate(), SERVER_LIMITS.laneCloseTimeout)
    void this.#ended.then(() => clearTimeout(timer))
  }

  #events(events: readonly LaneEvent[]): void {
    this.#missedReports = 0
    if (this.#isOpen) this.#options.onEvents(events)
  }

  #send(message: ToLane, ports?: readonly MessagePort[]): void {
    this.#post(message, ports)
    this.#wake()
  }

  /** In this order, so that a thread that finds the mark finds the message too. */
  #post(message: ToLane, ports: readonly MessagePort[] = []): void {
    this.#worker.postMessage(message, ports)
    Atomics.store(this.#bell, POSTED, 1)
  }

  #wake(): void {
    const wake = this.#opened?.descriptors?.wake
    if (wake !== undefined) this.#native?.wake(wake)
  }

  /** A crashed thread leaves its descriptors open. */
  #freeDescriptors(): void {
    const descriptors = this.#opened?.descriptors
    if (descriptors === undefined) return
    this.#native?.close(descriptors.socket)
    if (this.#options.bell === undefined) this.#native?.close(descriptors.wake)
  }

  #lost(failure: unknown): void {
    this.#isOpen = false
    this.#options.onLost(stackOf(failure))
  }
}
