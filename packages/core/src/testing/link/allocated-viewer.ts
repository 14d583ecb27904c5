// A viewer behind an emulated link whose sources have layers, with the estimate and the allocation of a lane.
import type { TransportReport } from '@parley/protocol'
import { LIMITS } from '../../limits.ts'
import type { Peer } from '../../media/address/peers.ts'
import { Paced } from '../../media/bandwidth/pacer.ts'
import { paddingPacket } from '../../media/viewers/padding.ts'
import { PACKET_OVERHEAD, Viewer, type ViewerHost } from '../../media/viewers/viewer.ts'
import type { LinkOptions } from './link-emulator.ts'
import type { LinkSender } from './link-sender.ts'
import { ViewerLink } from './viewer-link.ts'
import { VirtualTime } from './virtual-time.ts'
import { SteadyLayers, type WatchedLayers, WatchedSource } from './watched-source.ts'

const START = 1_000
const SSRC = 1

/** The present time of a lane is that of its last input. */
export type SimulatedHost = { -readonly [Key in keyof ViewerHost]: ViewerHost[Key] }

/** A lane with one viewer, without packets: later sources spoke longer ago. */
export const hostOf = (sources: readonly WatchedSource[]): SimulatedHost => ({
  now: START,
  choicesOf: () => sources,
  waits: () => {},
  dropped: () => {},
  begin: () => {},
  audioOf: peer => ({ arrivedAt: -peer, heardSince: -peer, isHeard: () => false }),
})

/** The viewer as a lane runs it: looked at every `LIMITS.viewerInterval`, and when feedback makes an allocation due. */
class LaneSender implements LinkSender {
  readonly #host: SimulatedHost
  readonly #viewer: Viewer
  #tickAt = START
  #isDropped = false
  #sequence = 0

  constructor(sources: readonly WatchedSource[]) {
    const dropped = () => {
      this.#isDropped = true
    }
    this.#host = { ...hostOf(sources), dropped }
    this.#viewer = new Viewer({ id: 1 } as Peer, this.#host)
    this.#viewer.begin()
  }

  get estimate(): number {
    return this.#viewer.estimate
  }
  get deadline(): number {
    return Math.min(this.#tickAt, this.#viewer.paddingAt, this.#viewer.packetAt)
  }
  get paddingSize(): number {
    return paddingPacket(this.#viewer.paddingSize) + PACKET_OVERHEAD
  }
  tick(now: number): void {
    this.#host.now = now
    if (now < this.#tickAt) return
    this.#tickAt = now + LIMITS.viewerInterval
    this.#viewer.tick(now)
  }
  offer(bytes: number, now: number): Paced {
    this.#host.now = now
    this.#isDropped = false
    if (this.#viewer.leavesNow(SSRC, this.#sequence++ & 0xffff, bytes - PACKET_OVERHEAD)) return Paced.Now
    return this.#isDropped ? Paced.Dropped : Paced.Queued
  }
  next(now: number): boolean {
    return this.#viewer.nextPacket(now) >= 0
  }
  sent(bytes: number, isPadding: boolean, now: number): number {
    this.#host.now = now
    return this.#viewer.sent(bytes - PACKET_OVERHEAD, isPadding)
  }
  paddingDue(now: number): number {
    this.#host.now = now
    return this.#viewer.paddingDue
  }
  feedback(report: TransportReport, now: number): void {
    this.#host.now = now
    this.#tickAt = Math.min(this.#tickAt, this.#viewer.feedback(report, now))
  }
}

export interface AllocatedViewerOptions {
  seed: number
  link: LinkOptions
  feedbackLoss?: number | undefined
  playout?: 'buffered' | 'immediate' | undefined
  /** Bits per second of the layers of each source, or what its layers send; the first is the selected one. */
  sources: readonly (readonly number[] | WatchedLayers)[]
}

/** The viewer is sent the sum of the chosen layers. Run it with `time.run(end)`. */
export class AllocatedViewer {
  readonly viewer: ViewerLink<LinkSender>
  readonly time: VirtualTime
  readonly sources: readonly WatchedSource[]

  constructor({ seed, link, feedbackLoss, playout, sources }: AllocatedViewerOptions) {
    this.sources = sources.map(
      (layers, index) => new WatchedSource('views' in layers ? layers : new SteadyLayers(layers), index, 0),
    )
    const sender = new LaneSender(this.sources)
    const bitrate = (_: number, now: number) => this.sources.reduce((sum, source) => sum + source.frameRate(now), 0)
    this.viewer = new ViewerLink<LinkSender>({ sender, seed, link, feedbackLoss, playout, bitrate })
    this.time = new VirtualTime(START, [this.viewer])
  }

  /** Bits per second of what the viewer is sent. */
  get bitrate(): number {
    return this.sources.reduce((sum, source) => sum + source.sentBitrate(this.time.now), 0)
  }

  /** Layers that the viewer is sent, in the order of importance. */
  get layers(): number[] {
    return this.sources.map(({ current }) => current)
  }
}
