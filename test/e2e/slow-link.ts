// A link that carries the lower layer of a camera and not the better one, however much the encoder of a slow machine produces.
import type { BrowserScene } from './browser-scene.ts'
import type { UdpPath } from './udp-path.ts'

/** Without every second frame the better layer takes two thirds of its rate, the lower layer by its `maxBitrate` a sixth. */
const LOWER_ONLY = 0.45
/** Bits per second of the audio of a member, with its headers. */
export const AUDIO = 45_000

/** What the node sends a viewer of one camera. */
export interface View {
  current: number
  temporal?: number
  /** Bits per second. */
  bitrate: number
  reason: string | undefined
  estimate?: number
}

export const viewsOf = (scene: BrowserScene, user: string) => (scene.session(user) as { views: View[] }).views

export class SlowLink {
  /** Bits per second. */
  limit = Infinity
  readonly #scene: BrowserScene
  readonly #path: UdpPath
  readonly #neighbour: string

  /** `neighbour` is on a fast link, and sent the better layer of the camera. */
  constructor(scene: BrowserScene, path: UdpPath, neighbour: string) {
    this.#scene = scene
    this.#path = path
    this.#neighbour = neighbour
  }

  /** Limits the path by what the better layer takes at present, if that is less than before. */
  narrow(): void {
    const better = viewsOf(this.#scene, this.#neighbour).find(({ current }) => current === 1)
    if (better === undefined) return
    // Two members speak.
    const carried = LOWER_ONLY * better.bitrate + 2 * AUDIO
    if (carried >= this.limit) return
    this.limit = carried
    this.#path.limit(carried)
  }
}
