// All lanes of a node: opened on consecutive ports, and replaced when they crash.
import type { LaneCommand, LaneEvent, LaneId, OpenLane } from '@parley/core'
import { SERVER_LIMITS } from '../../limits.ts'
import type { Lane } from './lane.ts'
import { InlineLane } from './lane-inline.ts'
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
  readonly #timers = new Set<NodeJS.Timeout>()
  #isClosed = false

  /** All lanes or none: rejects with a `LanePortError`. */
  static async open(options: LanesOptions, observer: LanesObserver): Promise<Lanes> {
    const lanes = new Lanes(options, observer)
    const ids = Array.from({ length: Math.max(1, options.count) }, (_, id) => id)
    const results = await Promise.allSettled(ids.map(id => lanes.#openFirst(id)))
    const failed = results.find(result => result.status === 'rejected')
    if (failed === undefined) return lanes
    await lanes.close()
    throw failed.reason
  }

  private constructor(options: LanesOptions, observer: LanesObserver) {
    this.#options = options
    this.#observer = observer
  }

  /** Sorted by id. */
  get all(): readonly OpenLane[] {
    return this.#places.map(({ id, port }) => ({ id, port }))
  }

  /** Queues a command; it is sent with `flush`. */
  command(id: LaneId, command: LaneCommand): void {
    const place = this.#places[id]
    if (place === undefined) return
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
  }

  async #openFirst(id: LaneId): Promise<void> {
    const port = this.#options.port === 0 ? 0 : this.#options.port + id
    const place: Place = { id, port, lane: undefined, waiting: [], isOverfull: false }
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
    const { id } = place
    const { engine, count, ip, addresses } = this.#options
    const onEvents = (events: readonly LaneEvent[]) => this.#observer.laneEvents(id, events)
    if (count === 0) return InlineLane.open({ id, ip, port, addresses, onEvents })
    return ThreadLane.open({ id, engine, ip, port, addresses, onEvents, onLost: reason => this.#lost(place, reason) })
  }

  #lost(place: Place, reason: string): void {
    place.lane = undefined
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

  /** The replacement executes the commands that waited for it. */
  #fill(place: Place, lane: Lane): void {
    const { waiting, isOverfull } = place
    place.waiting = []
    place.isOverfull = false
    place.lane = lane
    place.port = lane.port
    // Commands were lost: the sessions end and start again, as after a crash.
    if (isOverfull) this.#observer.laneLost(place.id, 'too many commands while it was missing')
    else for (const command of waiting) lane.command(command)
    lane.flush()
    this.#observer.laneReplaced(place.id, lane.port)
  }
}
