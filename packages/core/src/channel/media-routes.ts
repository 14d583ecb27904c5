// Who receives audio from which source in one channel, of the members on one lane: keeps the lane's routes and target lists in step with it.
import type { Deadlines, Timed } from '../deadlines.ts'
import type { LaneId, PeerId, TargetsId } from '../lane/commands.ts'
import { type Wants, wantOf } from '../lane/wants.ts'
import { LIMITS } from '../limits.ts'
import type { LaneHandle } from './lane-handle.ts'

/** One SSRC of a peer whose packets may be forwarded. */
export interface RouteSource {
  readonly peer: PeerId
  readonly ssrc: number
  /** A sound that accompanies video, see `SoundSource`. */
  readonly isSound?: boolean
}

/** A peer that packets may be forwarded to. Its wants are replaced by others, never changed. */
export interface Listener {
  readonly peer: PeerId
  readonly wants: Wants
  /** Whether its client knows sources of sound beside voices; it is sent none otherwise. */
  readonly knowsSounds?: boolean
}

interface Route {
  source: RouteSource
  /** Listeners whose want of this source differs from their place in the shared list. With one, the route gets a list of its own. */
  exceptions: Set<Listener>
  privateTargets: TargetsId | undefined
  /** The source is on another lane: its packets arrive from there. */
  readonly isRemote: boolean
}

/** What the lane was sent about a listener. */
interface Listening {
  readonly wants: Wants
  readonly isShared: boolean
}

/**
 * All sources share one list of targets, so that a join costs one command and not one per source; only a source that some
 * listener has muted for itself gets a list of its own. The shared list holds the listeners that want most of the sources,
 * however they express it: a listener with `any: 0` that names every source is an exception nowhere.
 *
 * A list of its own is one command that names each listener. Such lists are opened in slices, in turn for each listener that asked
 * for some: one op 15 may ask for a thousand. Until then the route uses the shared list.
 */
export class MediaRoutes implements Timed {
  readonly #lane: LaneHandle
  /** Open while there are listeners or sources. */
  #shared: TargetsId | undefined
  readonly #routes = new Map<number, Route>()
  readonly #listeners = new Map<Listener, Listening>()
  readonly #deadlines: Deadlines
  /** Routes that need a list of their own, by the listener that asked for it. */
  readonly #requests = new Map<Listener, Set<Route>>()
  #nextSlice = -Infinity
  #sealedOnly = false
  /** The other lanes of the channel. */
  #otherLanes: readonly LaneId[] = []

  constructor(lane: LaneHandle, deadlines: Deadlines) {
    this.#lane = lane
    this.#deadlines = deadlines
  }

  get deadline(): number {
    return this.#requests.size > 0 ? this.#nextSlice : Infinity
  }

  tick(now: number): void {
    if (now < this.deadline) return
    this.#nextSlice = now + LIMITS.targetsInterval
    let targets = 0
    for (const [listener, routes] of this.#requests) {
      if (targets >= LIMITS.targetsPerSlice) return
      this.#requests.delete(listener)
      for (const route of routes) {
        routes.delete(route)
        if (!this.#openPrivateList(route)) continue
        targets += this.#listeners.size
        break
      }
      // At the end of the map: this loop meets it again after the others.
      if (routes.size > 0) this.#requests.set(listener, routes)
    }
  }

  /** The listener may receive: it is added to the shared list, or to the sources' own lists, as its wants say. */
  addListener(listener: Listener): void {
    if (this.#listeners.has(listener)) return
    const { wants } = listener
    const listening = { wants, isShared: this.#belongsInShared(listener, wants.any > 0) }
    this.#listeners.set(listener, listening)
    if (listening.isShared) this.#setTarget(this.#sharedTargets, listener, true)
    for (const route of this.#routes.values()) {
      const isWanted = wantsRoute(route, listener, listening)
      if (isWanted && route.privateTargets !== undefined) this.#setTarget(route.privateTargets, listener, true)
      if (isWanted !== listening.isShared) this.#addException(route, listener)
    }
  }

  removeListener(listener: Listener): void {
    const listening = this.#listeners.get(listener)
    if (listening === undefined) return
    this.#listeners.delete(listener)
    this.#requests.delete(listener)
    if (listening.isShared) this.#setTarget(this.#sharedTargets, listener, false)
    for (const route of this.#routes.values()) {
      const { privateTargets } = route
      if (privateTargets !== undefined && wantsRoute(route, listener, listening))
        this.#setTarget(privateTargets, listener, false)
      this.#removeException(route, listener)
    }
    this.#releaseUnused()
  }

  /** The listener's wants changed. The lane is sent only the differences. */
  wantsChanged(listener: Listener): void {
    const before = this.#listeners.get(listener)
    if (before === undefined) return
    const after = { wants: listener.wants, isShared: this.#belongsInShared(listener, before.isShared) }
    this.#listeners.set(listener, after)
    if (before.isShared !== after.isShared) this.#setTarget(this.#sharedTargets, listener, after.isShared)
    for (const route of this.#routes.values()) {
      const isWanted = wantsRoute(route, listener, after)
      const isChanged = isWanted !== wantsRoute(route, listener, before)
      if (isChanged && route.privateTargets !== undefined) this.#setTarget(route.privateTargets, listener, isWanted)
      if (isWanted === after.isShared) this.#removeException(route, listener)
      else this.#addException(route, listener)
    }
  }

  /** The peers that may be forwarded to. */
  get listeners(): Iterable<Listener> {
    return this.#listeners.keys()
  }

  /** Returns false if the source has a route already. `isRemote`: its peer is a remote one of this lane. */
  openSource(source: RouteSource, isRemote = false): boolean {
    if (this.#routes.has(source.ssrc)) return false
    const route: Route = { source, exceptions: new Set(), privateTargets: undefined, isRemote }
    this.#routes.set(source.ssrc, route)
    // The shared list has listeners that do not know sounds: a sound never uses it.
    if (source.isSound) route.privateTargets = this.#lane.openTargets(this.#wanting(route))
    this.#setRoute(route)
    if (source.isSound) return true
    for (const [listener, listening] of this.#listeners)
      if (wantsRoute(route, listener, listening) !== listening.isShared) this.#addException(route, listener)
    return true
  }

  /** Whether audio that is not encrypted end to end is dropped from now on. */
  requireSealed(isRequired: boolean): void {
    if (isRequired === this.#sealedOnly) return
    this.#sealedOnly = isRequired
    for (const route of this.#routes.values()) this.#setRoute(route)
  }

  /** The lanes that packets of the sources of this lane go to besides. */
  setOtherLanes(lanes: readonly LaneId[]): void {
    this.#otherLanes = lanes
    for (const route of this.#routes.values()) if (!route.isRemote) this.#setRoute(route)
  }

  has(source: RouteSource): boolean {
    return this.#routes.has(source.ssrc)
  }

  /** With `silence`, listeners of a speaker cut off mid-word receive silence frames. Returns whether the source had a route. */
  closeSource(source: RouteSource, silence: boolean): boolean {
    const route = this.#routes.get(source.ssrc)
    if (route === undefined) return false
    this.#routes.delete(source.ssrc)
    // Silence frames still need targets, so the route returns to the shared list first; a sound has none.
    if (!route.source.isSound) this.#shareTargets(route)
    this.#lane.send({ kind: 'removeRoute', ssrc: source.ssrc, silence: silence && !route.source.isSound })
    if (route.privateTargets !== undefined) this.#lane.send({ kind: 'closeTargets', targets: route.privateTargets })
    this.#releaseUnused()
    return true
  }

  /** Closes every route and target list; the object can be used again. */
  close(): void {
    for (const route of [...this.#routes.values()]) this.closeSource(route.source, false)
    this.#listeners.clear()
    this.#requests.clear()
    this.#deadlines.remove(this)
    this.#releaseUnused()
  }

  /** Without listeners and sources the lane keeps nothing of the channel. */
  #releaseUnused(): void {
    if (this.#shared === undefined || this.#routes.size > 0 || this.#listeners.size > 0) return
    this.#lane.send({ kind: 'closeTargets', targets: this.#shared })
    this.#shared = undefined
  }

  get #sharedTargets(): TargetsId {
    this.#shared ??= this.#lane.openTargets()
    return this.#shared
  }

  /** Whether the listener belongs in the shared list: as `before`, unless that made it an exception for most sources. */
  #belongsInShared({ peer, wants }: Listener, before: boolean): boolean {
    let surplus = 0
    for (const { source } of this.#routes.values())
      if (source.peer !== peer && !source.isSound) surplus += wantOf(wants, source.ssrc) > 0 === before ? -1 : 1
    return surplus > 1 ? !before : before
  }

  /**
   * The listener is not in the shared list for this source, or only there: the source gets a list of its own if it has
   * none.
   */
  #addException(route: Route, listener: Listener): void {
    if (route.source.isSound) return
    route.exceptions.add(listener)
    if (route.privateTargets !== undefined) return
    const requested = this.#requests.get(listener) ?? new Set()
    this.#requests.set(listener, requested.add(route))
    this.#deadlines.update(this)
  }

  /** Returns false if the route needs no list of its own, or has one. */
  #openPrivateList(route: Route): boolean {
    const isOpen = this.#routes.get(route.source.ssrc) === route
    if (!isOpen || route.exceptions.size === 0 || route.privateTargets !== undefined) return false
    route.privateTargets = this.#lane.openTargets(this.#wanting(route))
    this.#setRoute(route)
    return true
  }

  /** The last exception of a route returns it to the shared list. */
  #removeException(route: Route, listener: Listener): void {
    if (route.exceptions.delete(listener) && route.exceptions.size === 0) this.#shareTargets(route)
  }

  /** Moves a route back to the shared list and closes its own one. */
  #shareTargets(route: Route): void {
    const targets = route.privateTargets
    if (targets === undefined) return
    route.privateTargets = undefined
    this.#setRoute(route)
    this.#lane.send({ kind: 'closeTargets', targets })
  }

  /** The peers of the listeners that want the source. */
  #wanting(route: Route): PeerId[] {
    return Array.from(this.#listeners).flatMap(([listener, listening]) =>
      wantsRoute(route, listener, listening) ? [listener.peer] : [],
    )
  }

  #setTarget(targets: TargetsId, { peer }: Listener, isTarget: boolean): void {
    this.#lane.send({ kind: isTarget ? 'addTarget' : 'removeTarget', targets, peer })
  }

  #setRoute({ source: { peer, ssrc }, privateTargets, isRemote }: Route): void {
    const targets = privateTargets ?? this.#sharedTargets
    const lanes = isRemote || this.#otherLanes.length === 0 ? {} : { lanes: this.#otherLanes }
    const route = { kind: 'setRoute', ssrc, owner: peer, media: 'audio', targets, ...lanes } as const
    this.#lane.send(this.#sealedOnly ? { ...route, sealedOnly: true } : route)
  }
}

/** A peer never receives its own packets, so it is no exception for its own source. */
function wantsRoute({ source }: Route, { peer, knowsSounds }: Listener, { wants, isShared }: Listening): boolean {
  if (source.isSound && (!knowsSounds || source.peer === peer)) return false
  return source.peer === peer ? isShared : wantOf(wants, source.ssrc) > 0
}
