// Who hears, or sees, whom in one channel: keeps the lane's routes of audio or video and target lists in step with sources, listeners and wants.
import type { PeerId, TargetsId } from '../lane/commands.ts'
import type { LaneHandle } from './lane-handle.ts'

/** What a peer sends under one SSRC, and may be forwarded. */
export interface RouteSource {
  readonly peer: PeerId
  readonly ssrc: number
}

/** Those of the last media sink wants message. */
export interface Wants {
  readonly any: number
  readonly wants: ReadonlyMap<number, number>
  /** How many pixels of a source are shown, where that was told. */
  readonly pixelCounts: ReadonlyMap<number, number>
}

/** Somebody to whom packets may be forwarded. Its wants are replaced by others, never changed. */
export interface Listener {
  readonly peer: PeerId
  readonly wants: Wants
}

interface Route {
  source: RouteSource
  /** Listeners whose want of this source is not what their place in the shared list says. With one, the route has a list of its own. */
  exceptions: Set<Listener>
  ownTargets: TargetsId | undefined
}

/** What the lane was told of a listener. */
interface Listening {
  readonly wants: Wants
  /** Whether it is in the shared list. */
  readonly isUsual: boolean
}

/** 0 to 100. */
export const wantOf = ({ any, wants }: Wants, ssrc: number): number => wants.get(ssrc) ?? any

/**
 * All sources share one list of targets, so that a join costs one command and not one per source; only a source whom
 * somebody has muted for himself gets a list of its own. In the shared list are those who want most of what there is, in
 * whatever words they say so: one that wants nothing but what it names, and names everybody, is no exception anywhere.
 */
export class MediaRoutes {
  readonly #lane: LaneHandle
  readonly #media: 'audio' | 'video'
  readonly #shared: TargetsId
  readonly #routes = new Map<number, Route>()
  readonly #listeners = new Map<Listener, Listening>()
  #sealedOnly = false

  constructor(lane: LaneHandle, media: 'audio' | 'video') {
    this.#lane = lane
    this.#media = media
    this.#shared = lane.openTargets()
  }

  addListener(listener: Listener): void {
    if (this.#listeners.has(listener)) return
    const { wants } = listener
    const listening = { wants, isUsual: this.#isUsual(listener, wants.any > 0) }
    this.#listeners.set(listener, listening)
    if (listening.isUsual) this.#setTarget(this.#shared, listener, true)
    for (const route of this.#routes.values()) {
      const isWanted = wantsRoute(route, listener, listening)
      if (isWanted && route.ownTargets !== undefined) this.#setTarget(route.ownTargets, listener, true)
      if (isWanted !== listening.isUsual) this.#addException(route, listener)
      if (isWanted) this.#askKeyframe(route, listener)
    }
  }

  removeListener(listener: Listener): void {
    const listening = this.#listeners.get(listener)
    if (listening === undefined) return
    this.#listeners.delete(listener)
    if (listening.isUsual) this.#setTarget(this.#shared, listener, false)
    for (const route of this.#routes.values()) {
      if (route.ownTargets === undefined) continue
      if (wantsRoute(route, listener, listening)) this.#setTarget(route.ownTargets, listener, false)
      this.#removeException(route, listener)
    }
  }

  /** The listener has other wants than before. The lane is told of what differs. */
  wantsChanged(listener: Listener): void {
    const before = this.#listeners.get(listener)
    if (before === undefined) return
    const after = { wants: listener.wants, isUsual: this.#isUsual(listener, before.isUsual) }
    this.#listeners.set(listener, after)
    if (before.isUsual !== after.isUsual) this.#setTarget(this.#shared, listener, after.isUsual)
    for (const route of this.#routes.values()) {
      const isWanted = wantsRoute(route, listener, after)
      const isChanged = isWanted !== wantsRoute(route, listener, before)
      if (isChanged && route.ownTargets !== undefined) this.#setTarget(route.ownTargets, listener, isWanted)
      if (isWanted === after.isUsual) this.#removeException(route, listener)
      else this.#addException(route, listener)
      if (isChanged && isWanted) this.#askKeyframe(route, listener)
    }
  }

  /** Who is sent something, if it wants it. */
  get listeners(): Iterable<Listener> {
    return this.#listeners.keys()
  }

  /** Returns false if there is a route already. */
  openSource(source: RouteSource): boolean {
    if (this.#routes.has(source.ssrc)) return false
    const route: Route = { source, exceptions: new Set(), ownTargets: undefined }
    this.#routes.set(source.ssrc, route)
    this.#setRoute(route)
    for (const [listener, listening] of this.#listeners)
      if (wantsRoute(route, listener, listening) !== listening.isUsual) this.#addException(route, listener)
    return true
  }

  /** Whether audio that is not sealed end to end is dropped from now on. */
  requireSealed(isRequired: boolean): void {
    if (isRequired === this.#sealedOnly) return
    this.#sealedOnly = isRequired
    for (const route of this.#routes.values()) this.#setRoute(route)
  }

  has(source: RouteSource): boolean {
    return this.#routes.has(source.ssrc)
  }

  /** With `silence`, a speaker cut off in mid-word ends with silence frames. Returns whether there was a route. */
  closeSource(source: RouteSource, silence: boolean): boolean {
    const route = this.#routes.get(source.ssrc)
    if (route === undefined) return false
    this.#routes.delete(source.ssrc)
    // The silence still needs targets, so a list of its own is given up first.
    this.#shareTargets(route)
    this.#lane.send({ kind: 'removeRoute', ssrc: source.ssrc, silence })
    return true
  }

  close(): void {
    for (const route of [...this.#routes.values()]) this.closeSource(route.source, false)
    this.#listeners.clear()
    this.#lane.send({ kind: 'closeTargets', targets: this.#shared })
  }

  /** Whether the listener belongs in the shared list: as before, unless it were an exception for most sources then. */
  #isUsual({ peer, wants }: Listener, before: boolean): boolean {
    let surplus = 0
    for (const { source } of this.#routes.values())
      if (source.peer !== peer) surplus += wantOf(wants, source.ssrc) > 0 === before ? -1 : 1
    return surplus > 1 ? !before : before
  }

  #addException(route: Route, listener: Listener): void {
    route.exceptions.add(listener)
    if (route.ownTargets !== undefined) return
    route.ownTargets = this.#lane.openTargets()
    for (const [other, listening] of this.#listeners)
      if (wantsRoute(route, other, listening)) this.#setTarget(route.ownTargets, other, true)
    this.#setRoute(route)
  }

  #removeException(route: Route, listener: Listener): void {
    if (route.exceptions.delete(listener) && route.exceptions.size === 0) this.#shareTargets(route)
  }

  #shareTargets(route: Route): void {
    const own = route.ownTargets
    if (own === undefined) return
    route.ownTargets = undefined
    this.#setRoute(route)
    this.#lane.send({ kind: 'closeTargets', targets: own })
  }

  #setTarget(targets: TargetsId, { peer }: Listener, isTarget: boolean): void {
    this.#lane.send({ kind: isTarget ? 'addTarget' : 'removeTarget', targets, peer })
  }

  /** Of video nothing can be shown before one. */
  #askKeyframe({ source }: Route, { peer }: Listener): void {
    if (this.#media === 'video' && source.peer !== peer) this.#lane.send({ kind: 'askKeyframe', ssrc: source.ssrc })
  }

  #setRoute({ source: { peer, ssrc }, ownTargets }: Route): void {
    const targets = ownTargets ?? this.#shared
    const route = { kind: 'setRoute', ssrc, owner: peer, media: this.#media, targets } as const
    this.#lane.send(this.#sealedOnly ? { ...route, sealedOnly: true } : route)
  }
}

/** Nobody is sent his own packets, so nobody is an exception for his own source. */
const wantsRoute = ({ source }: Route, { peer }: Listener, { wants, isUsual }: Listening): boolean =>
  source.peer === peer ? isUsual : wantOf(wants, source.ssrc) > 0
