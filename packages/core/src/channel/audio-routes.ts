// Who hears whom in one channel: keeps the lane's audio routes and target lists in step with sources, listeners and wants.
import type { PeerId, TargetsId } from '../media/lane.ts'
import type { LaneControl } from '../media/lane-control.ts'

/** Somebody whose packets may be forwarded. */
export interface AudioSource {
  readonly peer: PeerId
  readonly audioSsrc: number
}

/** Somebody to whom packets may be forwarded. `any` and `wants` are those of the last media sink wants message. */
export interface Listener {
  readonly peer: PeerId
  readonly wants: { readonly any: number; readonly wants: ReadonlyMap<number, number> }
}

interface Route {
  source: AudioSource
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
export class AudioRoutes {
  readonly #lane: LaneControl
  readonly #shared: TargetsId
  readonly #routes = new Map<number, Route>()
  readonly #listeners = new Set<Listener>()

  constructor(lane: LaneControl) {
    this.#lane = lane
    this.#shared = lane.openTargets()
  }

  addListener(listener: Listener): void {
    if (this.#listeners.has(listener)) return
    this.#listeners.add(listener)
    if (wantsAny(listener)) this.#lane.send({ kind: 'addTarget', targets: this.#shared, peer: listener.peer })
    for (const route of this.#routes.values())
      if (route.ownTargets !== undefined && wants(listener, route.source.audioSsrc))
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

  openSource(source: AudioSource): void {
    if (this.#routes.has(source.audioSsrc)) return
    const route: Route = { source, exceptions: new Set(), ownTargets: undefined }
    this.#routes.set(source.audioSsrc, route)
    this.#setRoute(route)
    for (const listener of this.#listeners)
      if (isException(listener, source.audioSsrc)) this.#addException(route, listener)
  }

  /** With `silence`, a speaker cut off in mid-word ends with silence frames. Returns whether there was a route. */
  closeSource(source: AudioSource, silence: boolean): boolean {
    const route = this.#routes.get(source.audioSsrc)
    if (route === undefined) return false
    this.#routes.delete(source.audioSsrc)
    // The silence still needs targets, so a list of its own is given up first.
    this.#shareTargets(route)
    this.#lane.send({ kind: 'removeRoute', ssrc: source.audioSsrc, silence })
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
      if (wants(other, route.source.audioSsrc))
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
    const { peer, audioSsrc } = route.source
    const targets = route.ownTargets ?? this.#shared
    this.#lane.send({ kind: 'setRoute', ssrc: audioSsrc, owner: peer, media: 'audio', targets })
  }
}
