// A Discord client over UDP behind an emulated link: it sends receiver reports, and an estimate of its own (REMB) if it has one. The node
// does not pace its video, and sends no probes.
import { LIMITS } from '../../limits.ts'
import type { Peer } from '../../media/address/peers.ts'
import { NO_LAYER } from '../../media/layers/layer-choice.ts'
import { Viewer } from '../../media/viewers/viewer.ts'
import { seededRandom } from '../seeded-random.ts'
import { hostOf, type SimulatedHost } from './allocated-viewer.ts'
import { LinkEmulator, type LinkOptions, type Packet, packetLink } from './link-emulator.ts'
import { type Timed, VirtualTime } from './virtual-time.ts'
import { FRAME_INTERVAL, SteadyLayers, WatchedSource } from './watched-source.ts'

const START = 1_000
const PACKET = 1_200
/** The way back is fast; only delay and loss matter. */
const BACK = { rate: 1e9, queue: 1e9 }

export interface ReportedViewerOptions {
  seed: number
  link: LinkOptions
  /** Bits per second of the layers of each source; the first is the selected one. */
  sources: readonly (readonly number[])[]
  /** Milliseconds between two reports. */
  reportInterval?: number
  /** The client's own estimate as a part of what its link carries, sent with each report. Undefined: it sends none. */
  remb?: number | undefined
}

/** One source, each layer with an SSRC and sequences of its own, as Discord clients get them. */
class ReportedSource {
  readonly choice: WatchedSource
  /** By layer: the next sequence, and what the report since the last covers. */
  readonly streams: { ssrc: number; next: number; highest: number; expected: number; arrived: number }[]
  rest = 0

  constructor(bitrates: readonly number[], index: number) {
    this.choice = new WatchedSource(new SteadyLayers(bitrates), index, NO_LAYER)
    this.streams = bitrates.map((_, layer) => ({
      ssrc: 100 * index + layer,
      next: 0,
      highest: -1,
      expected: 0,
      arrived: 0,
    }))
  }
}

/** Run it with `time.run(end)`. */
export class ReportedViewer implements Timed {
  readonly link: LinkEmulator<Packet>
  readonly time: VirtualTime
  readonly #back: LinkEmulator<() => void>
  readonly #viewer: Viewer
  readonly #sources: readonly ReportedSource[]
  readonly #random: () => number
  readonly #reportInterval: number
  readonly #remb: number | undefined
  readonly #host: SimulatedHost
  /** Bits per second of the link, for the client's own estimate. */
  rate: number
  #frameAt = START
  #tickAt = START
  #reportAt: number
  sent = 0
  arrivedBytes = 0

  constructor({ seed, link, sources, reportInterval = 1_000, remb }: ReportedViewerOptions) {
    this.#random = seededRandom(seed)
    this.#sources = sources.map((bitrates, index) => new ReportedSource(bitrates, index))
    this.#reportInterval = reportInterval
    this.#remb = remb
    this.#reportAt = START + reportInterval * this.#random()
    this.rate = link.rate
    this.link = packetLink(link, this.#random)
    this.#back = new LinkEmulator({ ...BACK, delay: link.delay, loss: link.loss }, this.#random, report => report())
    this.#host = hostOf(this.#sources.map(({ choice }) => choice))
    this.#viewer = new Viewer({ id: 1 } as Peer, this.#host)
    this.time = new VirtualTime(START, [this])
  }

  setRate(rate: number): void {
    this.rate = rate
    this.link.setRate(rate, this.time.now)
  }

  get estimate(): number {
    return this.#viewer.estimate
  }

  /** Bits per second of what the viewer is sent. */
  get bitrate(): number {
    return this.#sources.reduce((sum, source) => sum + source.choice.sentBitrate(this.time.now), 0)
  }

  get deadline(): number {
    return Math.min(this.link.deadline, this.#back.deadline, this.#frameAt, this.#tickAt, this.#reportAt)
  }

  tick(now: number): void {
    this.#host.now = now
    this.link.tick(now)
    this.#back.tick(now)
    if (now >= this.#reportAt) this.#report(now)
    if (now >= this.#tickAt) {
      this.#tickAt = now + LIMITS.viewerInterval
      this.#viewer.tick(now)
    }
    if (now >= this.#frameAt) this.#frames(now)
  }

  #frames(now: number): void {
    this.#frameAt += FRAME_INTERVAL
    for (const source of this.#sources) {
      const size = (source.choice.frameRate(now) * FRAME_INTERVAL) / 8_000
      const stream = source.streams[source.choice.current]
      if (stream === undefined) continue
      for (source.rest += size * (0.7 + 0.6 * this.#random()); source.rest >= PACKET; source.rest -= PACKET) {
        const sequence = stream.next++
        this.sent++
        const arrived = () => {
          this.arrivedBytes += PACKET
          stream.arrived++
          stream.expected += sequence - stream.highest
          stream.highest = sequence
        }
        this.link.send({ arrived }, PACKET, now)
      }
    }
  }

  /** A receiver report with a block for each stream that arrives (RFC 3550 §6.4.2), and the client's own estimate. */
  #report(now: number): void {
    this.#reportAt = now + this.#reportInterval
    const blocks = this.#sources
      .flatMap(({ streams }) => streams)
      .filter(({ expected }) => expected > 0)
      .map(stream => {
        const fraction = Math.floor((256 * Math.max(0, stream.expected - stream.arrived)) / stream.expected)
        stream.expected = stream.arrived = 0
        return { ssrc: stream.ssrc, highest: stream.highest, fraction }
      })
    const remb = this.#remb === undefined ? undefined : this.#remb * this.rate
    this.#back.send(() => this.#reported(blocks, remb), 100, now)
  }

  #reported(blocks: readonly { ssrc: number; highest: number; fraction: number }[], remb: number | undefined): void {
    const { now } = this.#host
    for (const { ssrc, highest, fraction } of blocks) this.#viewer.block(ssrc, highest, fraction)
    this.#viewer.blocksRead(now)
    if (remb !== undefined) this.#viewer.remb(remb, now)
  }
}
