// Looks at the demo's backend from time to time: names and mutes, and layers while they are shown.
import { pictureKey } from './call-view.ts'
import type { DemoApi, LayerView, Overview } from './demo-api.ts'

const INTERVAL = 1_500

export interface Seen {
  readonly overview: Overview
  /** By key of the picture. */
  readonly layers: ReadonlyMap<string, LayerView>
}

export class DemoWatch {
  readonly #demo: DemoApi
  readonly #viewer: () => string | undefined
  readonly #seen: (seen: Seen) => void
  /** Requests that are not answered. */
  #pending = 0

  /** Begins at once. `viewer`: the user whose layers are shown; undefined for none. */
  constructor(demo: DemoApi, viewer: () => string | undefined, seen: (seen: Seen) => void) {
    this.#demo = demo
    this.#viewer = viewer
    this.#seen = seen
    // A backend that does not answer must not find a request for each interval once it does.
    window.setInterval(() => void (this.#pending === 0 && this.look()), INTERVAL)
    void this.look()
  }

  /** Never rejects. A failed request changes nothing. */
  async look(): Promise<void> {
    const viewer = this.#viewer()
    this.#pending++
    const asked = viewer === undefined ? undefined : this.#demo.views(viewer).catch(() => undefined)
    const overview = await this.#demo.overview().catch(() => undefined)
    const views = await asked
    this.#pending--
    if (overview === undefined) return
    this.#seen({ overview, layers: new Map(views?.map(view => [pictureKey(view.senderId, view.kind), view])) })
  }
}
