// Who hears, or sees, whom in one channel: keeps the lane's routes of audio or video and target lists in step with sources, listeners and wants.
import type { PeerId, TargetsId } from '../media/lane.ts'
import type { LaneControl } from '../media/lane-control.ts'

/** What a peer sends under one SSRC, and may be forwarded. */
export interface RouteSource {
  readonly peer: PeerId
  readonly ssrc: number
}

/** Somebody to whom packets may be forwarded. `any` and `wants` are those of the last media sink wants message. */
export interface Listener {
  readonly peer: PeerId
  readonly wants: { readonly any: number; readonly wants: ReadonlyMap<number, number> }
}

interface Route {
  source: RouteSource
  /** Listeners who want this source otherwise than they want any. While there is one, the route has a list of its own. */
  exceptions: Set<Listener>
  ownTargets: TargetsId | undefined
}

const wantsAny = (listener: Listener) => listener.wants.any > 0
const wants = (listener: Listener, ssrc: number) => (listener.wants.wants.get(ssrc) ?? listener.wants.any) > 0
const isException = (listener: Listener, ssrc: number) => wants(listener, ssrc) !== wantsAny(listener)

/**
 * All sources share one list of targets, so that a join costs one command and not one per source; only a source whom
 * somebody has muted for himself gets a list of its own.
 */
export class MediaRoutes {
  readonly #lane: LaneControl
  readonly #media: 'audio' | 'video'
  readonly #shared: TargetsId
  readonly #routes = new Map<number, Route>()
  readonly #listeners = new Set<Listener>()

  constructor(lane: LaneControl, media: 'audio' | 'video') {
    this.#lane = lane
    this.#media = media
    this.#shared = lane.openTargets()
  }

  addListener(listener: Listener): void {
    if (this.#listeners.has(listener)) return
    this.#listeners.add(listener)
    if (wantsAny(listener)) this.#lane.send({ kind: 'addTarget', targets: this.#shared, peer: listener.peer })
    for (const route of this.#routes.values())
      if (route.ownTargets !== undefined && wants(listener, route.source.ssrc))
        this.#lane.send({ kind: 'addTarget', targets: route.ownTargets, peer: listener.peer })
    for (const ssrc of listener.wants.wants.keys()) {
      const route = this.#routes.get(ssrc)
      if (route !== undefined && isException(listener, ssrc)) this.#addException(route, listener)
    }
  }

  removeListener(listener: Listener): void {
    if (!this.#listeners.delete(listener)) return
    this.#lane.send({ kind: 'removeTarget', targets: this.#shared, peer: listener.peer })
    for (const route of this.#routes.values()) {
      if (route.ownTargets === undefined) continue
      this.#lane.send({ kind: 'removeTarget', targets: route.ownTargets, peer: listener.peer })
      route.exceptions.delete(listener)
      if (route.exceptions.size === 0) this.#shareTargets(route)
    }
  }

  /** To be used around a change of a listener's wants. */
  changeListener(listener: Listener, change: () => void): void {
    const listening = this.#listeners.has(listener)
    this.removeListener(listener)
    change()
    if (listening) this.addListener(listener)
  }

  /** Returns false if there is a route already. */
  openSource(source: RouteSource): boolean {
    if (this.#routes.has(source.ssrc)) return false
    const route: Route = { source, exceptions: new Set(), ownTargets: undefined }
    this.#routes.set(source.ssrc, route)
    this.#setRoute(route)
    for (const listener of this.#listeners) if (isException(listener, source.ssrc)) this.#addException(route, listener)
    return true
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

  #addException(route: Route, listener: Listener): void {
    route.exceptions.add(listener)
    if (route.ownTargets !== undefined) return
    route.ownTargets = this.#lane.openTargets()
    for (const other of this.#listeners)
      if (wants(other, route.source.ssrc))
        this.#lane.send({ kind: 'addTarget', targets: route.ownTargets, peer: other.peer })
    this.#setRoute(route)
  }

  #shareTargets(route: Route): void {
    const own = route.ownTargets
    if (own === undefined) return
    route.ownTargets = undefined
    this.#setRoute(route)
    this.#lane.send({ kind: 'closeTargets', targets: own })
  }

  #setRoute(route: Route): void {
    const { peer, ssrc } = route.source
    const targets = route.ownTargets ?? this.#shared
    this.#lane.send({ kind: 'setRoute', ssrc, owner: peer, media: this.#media, targets })
  }
}
