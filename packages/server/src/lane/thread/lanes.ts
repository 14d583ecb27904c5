// All lanes of a node: opened on consecutive ports, and replaced when they are lost.
import type { LaneCommand, LaneEvent, LaneId, OpenLane } from '@parley/core'
import type { Lane } from './lane.ts'
import { InlineLane } from './lane-inline.ts'
import { ThreadLane } from './lane-thread.ts'
import type { Engine } from './thread-messages.ts'

export interface LanesOptions {
  engine: Engine
  /** Threads; 0 is one lane on this thread, on the portable engine. */
  count: number
  /** Where to listen; without it on all addresses. */
  ip?: string | undefined
  /** Of the first lane; the others follow. 0: any free ones. */
  port: number
  /** Announced addresses: the portable engine listens on those that are local, besides the interfaces' own. */
  addresses?: readonly string[] | undefined
}

/** What happens to lanes by themselves. */
export interface LanesObserver {
  laneEvents(lane: LaneId, events: readonly LaneEvent[]): void
  /** A lane crashed. Commands to it wait from now on for the one that takes its place. */
  laneLost(lane: LaneId, reason: string): void
  laneReplaced(lane: LaneId, port: number): void
  /** A lost lane cannot be replaced yet; it is tried again. */
  laneMissing(lane: LaneId, reason: string): void
}

/** The address that could not be had, and the system's error. */
export class LanePortError extends Error {
  readonly port: number
  constructor(port: number, cause: unknown) {
    super(`UDP port ${port} cannot be opened`, { cause })
    this.name = 'LanePortError'
    this.port = port
  }
}

const RETRY = 1_000
/** Commands kept for a lane that is missing. Beyond it, who joins is told to come again. */
const WAITING = 10_000

interface Place {
  readonly id: LaneId
  port: number
  /** Undefined while it is lost. */
  lane: Lane | undefined
  waiting: LaneCommand[]
  isOverfull: boolean
}

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

  /** In the order of their ids. */
  get all(): readonly OpenLane[] {
    return this.#places.map(({ id, port }) => ({ id, port }))
  }

  command(id: LaneId, command: LaneCommand): void {
    const place = this.#places[id]
    if (place === undefined) return
    if (place.lane !== undefined) return place.lane.command(command)
    if (place.waiting.length < WAITING) place.waiting.push(command)
    else place.isOverfull = true
  }

  /** See `Lane`. */
  flush(): void {
    for (const { lane } of this.#places) lane?.flush()
  }

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

  async #replace(place: Place): Promise<void> {
    try {
      // Somebody else may have taken the port.
      const lane = await this.#open(place, place.port).catch(() => this.#open(place, 0))
      if (this.#isClosed) return void lane.close()
      this.#fill(place, lane)
    } catch (error) {
      if (this.#isClosed) return
      this.#observer.laneMissing(place.id, error instanceof Error ? error.message : String(error))
      const timer = setTimeout(() => {
        this.#timers.delete(timer)
        void this.#replace(place)
      }, RETRY)
      this.#timers.add(timer)
    }
  }

  #fill(place: Place, lane: Lane): void {
    const { waiting, isOverfull } = place
    place.waiting = []
    place.isOverfull = false
    place.lane = lane
    place.port = lane.port
    // What was lost of the commands is made anew, as after a crash.
    if (isOverfull) this.#observer.laneLost(place.id, 'too many commands while it was missing')
    else for (const command of waiting) lane.command(command)
    lane.flush()
    this.#observer.laneReplaced(place.id, lane.port)
  }
}
