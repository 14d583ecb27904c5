// All lanes of a node: opened on consecutive ports, replaced when they crash, and connected where a channel is on several.
import { MessageChannel } from 'node:worker_threads'
import type { LaneCommand, LaneEvent, LaneId, OpenLane } from '@parley/core'
import { SERVER_LIMITS } from '../../limits.ts'
import { Native } from '../engine/native-calls.ts'
import type { Lane } from './lane.ts'
import { InlineLane } from './lane-inline.ts'
import { type Bell, createBell, createRing } from './lane-rings.ts'
import { ThreadLane } from './lane-thread.ts'
import type { Engine } from './thread-messages.ts'

export interface LanesOptions {
  engine: Engine
  /** Number of threads; 0 is one lane on this thread, on the portable engine. */
  count: number
  /** Address to listen on; all addresses by default. */
  ip?: string | undefined
  /** Port of the first lane; the others follow. 0 selects free ports. */
  port: number
  /** Announced addresses: the portable engine listens on those that are local, besides those of the interfaces. */
  addresses?: readonly string[] | undefined
}

/** Receives the events of lanes. */
export interface LanesObserver {
  laneEvents(lane: LaneId, events: readonly LaneEvent[]): void
  /** A lane crashed. Further commands wait for its replacement. */
  laneLost(lane: LaneId, reason: string): void
  laneReplaced(lane: LaneId, port: number): void
  /** A lost lane cannot be replaced yet; another attempt follows. */
  laneMissing(lane: LaneId, reason: string): void
}

/** A port that could not be opened, with the system's error. */
export class LanePortError extends Error {
  readonly port: number
  constructor(port: number, cause: unknown) {
    super(`UDP port ${port} cannot be opened`, { cause })
    this.name = 'LanePortError'
    this.port = port
  }
}

/** A lane's number and port, which its replacements keep if they can. */
interface Place {
  readonly id: LaneId
  port: number
  /** Undefined for a lane without others beside it. */
  bell: Bell | undefined
  /** Undefined while it is lost. */
  lane: Lane | undefined
  waiting: LaneCommand[]
  isOverfull: boolean
}

/**
 * Opens all lanes or none. A crash costs the sessions of that lane only; its commands wait, bounded, until it is
 * replaced.
 */
export class Lanes {
  readonly #options: LanesOptions
  readonly #observer: LanesObserver
  readonly #places: Place[] = []
  /** To create and close descriptors of bells; undefined without any. */
  readonly #native: Native | undefined
  /** The memory of rings between lanes, by `from to`: created with the first route from one lane to the other. */
  readonly #rings = new Map<string, SharedArrayBuffer>()
  readonly #timers = new Set<NodeJS.Timeout>()
  #isClosed = false

  /** All lanes or none: rejects with a `LanePortError`. */
  static async open(options: LanesOptions, observer: LanesObserver): Promise<Lanes> {
    const needsBells = options.engine === 'ffi' && options.count > 1
    const native = needsBells ? await Native.load() : undefined
    const lanes = new Lanes(options, observer, native?.ok === true ? native.value : undefined)
    const ids = Array.from({ length: Math.max(1, options.count) }, (_, id) => id)
    const results = await Promise.allSettled(ids.map(id => lanes.#openFirst(id)))
    const failed = results.find(result => result.status === 'rejected')
    if (failed === undefined) return lanes
    await lanes.close()
    throw failed.reason
  }

  private constructor(options: LanesOptions, observer: LanesObserver, native: Native | undefined) {
    this.#options = options
    this.#observer = observer
    this.#native = native
  }

  /** Sorted by id. */
  get all(): readonly OpenLane[] {
    return this.#places.map(({ id, port }) => ({ id, port }))
  }

  /** Lanes that have crashed and are not replaced yet. */
  get lost(): number {
    return this.#places.filter(({ lane }) => lane === undefined).length
  }

  /** Copies that all lanes together can send in a second; undefined until each has measured itself. */
  get copiesPerSecond(): number | undefined {
    const each = this.#places.map(({ lane }) => lane?.copiesPerSecond)
    return each.reduce((sum, one) => (sum === undefined || one === undefined ? undefined : sum + one), 0)
  }

  /** Queues a command; it is sent with `flush`. */
  command(id: LaneId, command: LaneCommand): void {
    const place = this.#places[id]
    if (place === undefined) return
    if (command.kind === 'setRoute') for (const lane of command.lanes ?? []) this.#connect(place, this.#places[lane])
    if (place.lane !== undefined) return place.lane.command(command)
    if (place.waiting.length < SERVER_LIMITS.maxLaneCommands) place.waiting.push(command)
    else place.isOverfull = true
  }

  /** See `Lane`. */
  flush(): void {
    for (const { lane } of this.#places) lane?.flush()
  }

  /** Ends all lanes and attempts to replace one. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const timer of this.#timers) clearTimeout(timer)
    await Promise.all(this.#places.map(place => place.lane?.close()))
    for (const place of this.#places) {
      if (place.bell?.descriptor !== undefined) this.#native?.close(place.bell.descriptor)
      place.bell = undefined
    }
  }

  async #openFirst(id: LaneId): Promise<void> {
    const port = this.#options.port === 0 ? 0 : this.#options.port + id
    const bell = this.#options.count > 1 ? createBell(this.#native?.openWake()) : undefined
    const place: Place = { id, port, bell, lane: undefined, waiting: [], isOverfull: false }
    this.#places[id] = place
    try {
      place.lane = await this.#open(place, port)
    } catch (error) {
      throw new LanePortError(port, error)
    }
    place.port = place.lane.port
  }

  /** Rejects if the address is not available. */
  #open(place: Place, port: number): Promise<Lane> {
    const { id, bell } = place
    const { engine, count, ip, addresses } = this.#options
    const onEvents = (events: readonly LaneEvent[]) => this.#observer.laneEvents(id, events)
    const onLost = (reason: string) => this.#lost(place, reason)
    if (count === 0) return InlineLane.open({ id, ip, port, addresses, onEvents, onLost })
    return ThreadLane.open({ id, engine, ip, port, addresses, bell, onEvents, onLost })
  }

  #lost(place: Place, reason: string): void {
    if (this.#isClosed) return
    place.lane = undefined
    for (const other of this.#places) {
      this.#rings.delete(ringKey(place, other))
      this.#rings.delete(ringKey(other, place))
    }
    this.#observer.laneLost(place.id, reason)
    void this.#replace(place)
  }

  /** Opens another lane on the same port, on a free one if that fails, and tries again later if both do. */
  async #replace(place: Place): Promise<void> {
    try {
      // Another program may have opened the port.
      const lane = await this.#open(place, place.port).catch(() => this.#open(place, 0))
      if (this.#isClosed) return void lane.close()
      this.#fill(place, lane)
    } catch (error) {
      if (this.#isClosed) return
      this.#observer.laneMissing(place.id, error instanceof Error ? error.message : String(error))
      const timer = setTimeout(() => {
        this.#timers.delete(timer)
        void this.#replace(place)
      }, SERVER_LIMITS.laneRetryInterval)
      this.#timers.add(timer)
    }
  }

  /** The first route from one lane to another creates the ring between them. */
  #connect(from: Place, to: Place | undefined): void {
    if (to?.bell === undefined || from === to || this.#rings.has(ringKey(from, to))) return
    const memory = createRing()
    this.#rings.set(ringKey(from, to), memory)
    sendRing(from, to, memory)
  }

  /** A replacement takes the rings that were created while its lane was missing. */
  #reconnect(place: Place): void {
    const pairs = this.#places.flatMap(other => [[place, other] as const, [other, place] as const])
    for (const [from, to] of pairs) {
      const memory = this.#rings.get(ringKey(from, to))
      if (memory !== undefined) sendRing(from, to, memory)
    }
  }

  /** The replacement executes the commands that waited for it. */
  #fill(place: Place, lane: Lane): void {
    const { waiting, isOverfull } = place
    place.waiting = []
    place.isOverfull = false
    place.lane = lane
    place.port = lane.port
    this.#reconnect(place)
    // Commands were lost: the sessions end and start again, as after a crash.
    if (isOverfull) this.#observer.laneLost(place.id, 'too many commands while it was missing')
    else for (const command of waiting) lane.command(command)
    lane.flush()
    this.#observer.laneReplaced(place.id, lane.port)
  }
}

const ringKey = (from: Place, to: Place): string => `${from.id} ${to.id}`

/** Both lanes get their end, as far as they are there. */
function sendRing(from: Place, to: Place, memory: SharedArrayBuffer): void {
  const { bell } = to
  if (bell === undefined) return
  // Where a descriptor wakes the lane, no port does.
  const { port1, port2 } = bell.descriptor === undefined ? new MessageChannel() : {}
  from.lane?.connect({ kind: 'ring', direction: 'out', lane: to.id, memory, bell, port: port1 })
  to.lane?.connect({ kind: 'ring', direction: 'in', lane: from.id, memory, bell, port: port2 })
}
