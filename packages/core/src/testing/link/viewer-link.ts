// One viewer behind an emulated link: what the node's estimator sends, and the feedback that a browser returns.
import { readTransportFeedback, TransportReport } from '@parley/protocol'
import { Paced, Pacer } from '../../media/bandwidth/pacer.ts'
import { SendEstimator } from '../../media/bandwidth/send-estimator.ts'
import { TransportFeedback } from '../../media/bandwidth/transport-feedback.ts'
import { seededRandom } from '../seeded-random.ts'
import { LinkEmulator, type LinkOptions, type Packet, packetLink } from './link-emulator.ts'
import type { Timed } from './virtual-time.ts'

const FRAME_INTERVAL = 1_000 / 30
const PACKET = 1_200
const PADDING = 270
/** One speaker at 40 kbit/s. */
const AUDIO_INTERVAL = 20
const AUDIO_PACKET = 100
/** The way back is fast; only delay and loss matter. */
const BACK = { rate: 1e9, queue: 1e9 }

export interface ViewerOptions {
  seed: number
  link: LinkOptions
  /** The link that the packets share with other viewers' or flows'; otherwise one of its own is created. */
  shared?: LinkEmulator<Packet> | undefined
  /** Loss of feedback on the way back. */
  feedbackLoss?: number | undefined
  /** Bits per second of video, by the estimate. */
  bitrate: (estimate: number, now: number) => number
}

/** Sends a frame 30 times a second, through the pacer. */
export class ViewerLink implements Timed {
  readonly estimator = new SendEstimator()
  readonly pacer = new Pacer()
  readonly link: LinkEmulator<Packet>
  readonly #back: LinkEmulator<Uint8Array>
  readonly #isShared: boolean
  readonly #feedback = new TransportFeedback()
  readonly #report = new TransportReport()
  readonly #bitrate: ViewerOptions['bitrate']
  readonly #random: () => number
  #frameAt = -Infinity
  /** Bytes of frames that did not fill a packet. */
  #rest = 0
  /** Audio packets that were sent beside the video, and that found the queue full of video; when the last packet of video arrived, and the longest gap. */
  audioSent = 0
  audioDropped = 0
  #audioAt = -Infinity
  #arrivedAt = -Infinity
  longestGap = 0
  /** Video bytes that arrived, video packets that left and were dropped by the pacer. */
  arrivedBytes = 0
  sent = 0
  dropped = 0
  paddingBytes = 0
  /** The client sends no more feedback. */
  feedbackEnds = false

  constructor({ seed, link, shared, feedbackLoss = 0, bitrate }: ViewerOptions) {
    this.#random = seededRandom(seed)
    this.#isShared = shared !== undefined
    this.link = shared ?? packetLink(link, this.#random)
    this.#bitrate = bitrate
    const back = { ...BACK, delay: link.delay, loss: feedbackLoss }
    this.#back = new LinkEmulator(back, this.#random, (bytes, now) => this.#feedbackArrived(bytes, now))
  }

  /** The earliest of its parts. A shared link is driven by its owner, else it would be served twice. */
  get deadline(): number {
    const link = this.#isShared ? Infinity : this.link.deadline
    const own = Math.min(
      this.#frameAt,
      this.#audioAt,
      this.#feedback.deadline,
      this.estimator.deadline,
      this.pacer.deadline,
    )
    return Math.min(link, this.#back.deadline, own)
  }

  /** In the order of a lane: arrivals and feedback before the estimate, the estimate before what is sent. */
  tick(now: number): void {
    if (!this.#isShared) this.link.tick(now)
    this.#back.tick(now)
    if (now >= this.#feedback.deadline) this.#sendFeedback(now)
    if (now >= this.#audioAt) this.#audio(now)
    if (now >= this.#frameAt) this.#frame(now)
    this.estimator.tick(now)
    this.pacer.setEstimate(this.estimator.estimate)
    while (this.pacer.next(now) >= 0) this.#send(PACKET, false, now)
    for (let due = this.estimator.paddingDue(now); due > 0; due = this.estimator.paddingDue(now)) {
      const bytes = due > PADDING ? Math.min(PACKET, due) : PADDING
      this.paddingBytes += bytes
      this.#send(bytes, true, now)
    }
  }

  /** Not paced and not estimated: audio measures what the video's queue costs it. */
  #audio(now: number): void {
    this.#audioAt = now + AUDIO_INTERVAL
    this.audioSent++
    if (!this.link.send({}, AUDIO_PACKET, now)) this.audioDropped++
  }

  #frame(now: number): void {
    this.#frameAt = (this.#frameAt === -Infinity ? now : this.#frameAt) + FRAME_INTERVAL
    // Frames of a codec vary in size.
    const size = (this.#bitrate(this.estimator.estimate, now) * FRAME_INTERVAL) / 8_000
    for (this.#rest += size * (0.7 + 0.6 * this.#random()); this.#rest >= PACKET; this.#rest -= PACKET) {
      const paced = this.pacer.offer(0, PACKET, now)
      if (paced === Paced.Now) this.#send(PACKET, false, now)
      else if (paced === Paced.Dropped) this.dropped++
    }
  }

  #send(bytes: number, isPadding: boolean, now: number): void {
    this.sent++
    const sequence = this.estimator.sent(bytes, isPadding, now)
    this.link.send({ arrived: at => this.#arrived(sequence, bytes, at) }, bytes, now)
  }

  #arrived(sequence: number, bytes: number, now: number): void {
    this.arrivedBytes += bytes
    if (this.#arrivedAt > -Infinity) this.longestGap = Math.max(this.longestGap, now - this.#arrivedAt)
    this.#arrivedAt = now
    if (this.#feedback.arrived(sequence, 1, now)) return
    this.#sendFeedback(now)
    if (this.#feedback.arrived(sequence, 1, now)) return
    this.#feedback.restart(sequence)
    this.#feedback.arrived(sequence, 1, now)
  }

  /** Feedback of the browser (draft-holmer-rmcat-transport-wide-cc-extensions-01). The fields are those of the wire. */
  #sendFeedback(now: number): void {
    const length = this.#feedback.take(1)
    if (length > 0 && !this.feedbackEnds) this.#back.send(this.#feedback.bytes.slice(0, length), length, now)
  }

  #feedbackArrived(bytes: Uint8Array, now: number): void {
    const view = new DataView(bytes.buffer)
    if (readTransportFeedback(view, 0, bytes.length, this.#report)) this.estimator.feedback(this.#report, now)
  }
}
