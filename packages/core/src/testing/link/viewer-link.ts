// One viewer behind an emulated link: what a sender of the node sends, and the feedback that a browser returns.
import { readTransportFeedback, TransportReport } from '@parley/protocol'
import { Paced } from '../../media/bandwidth/pacer.ts'
import { TransportFeedback } from '../../media/bandwidth/transport-feedback.ts'
import { seededRandom } from '../seeded-random.ts'
import { LinkEmulator, type LinkOptions, type Packet, packetLink } from './link-emulator.ts'
import type { LinkSender } from './link-sender.ts'
import { type FramePacket, Playout } from './playout.ts'
import type { Timed } from './virtual-time.ts'
import { FRAME_INTERVAL } from './watched-source.ts'

const PACKET = 1_200
/** One speaker at 40 kbit/s. */
const AUDIO_INTERVAL = 20
const AUDIO_PACKET = 100
/** Bytes of a NACK, and packets that the node keeps. */
const NACK = 60
const KEPT = 512
/** The way back is fast; only delay and loss matter. */
const BACK = { rate: 1e9, queue: 1e9 }

export interface ViewerOptions<Sender> {
  /** What sends to the viewer. */
  sender: Sender
  seed: number
  link: LinkOptions
  /** The link that the packets share with other viewers' or flows'; otherwise one of its own is created. */
  shared?: LinkEmulator<Packet> | undefined
  /** Loss of feedback on the way back. */
  feedbackLoss?: number | undefined
  /** The viewer shows what it receives, with a playout buffer or without, and requests what is missing. */
  playout?: 'buffered' | 'immediate' | undefined
  /** Bits per second of video, by the estimate. */
  bitrate: (estimate: number, now: number) => number
}

/** Sends a frame 30 times a second, through the pacer. */
export class ViewerLink<Sender extends LinkSender = LinkSender> implements Timed {
  readonly sender: Sender
  readonly link: LinkEmulator<Packet>
  readonly #back: LinkEmulator<() => void>
  readonly #isShared: boolean
  readonly #feedback = new TransportFeedback()
  readonly #report = new TransportReport()
  readonly #bitrate: ViewerOptions<Sender>['bitrate']
  readonly #random: () => number
  readonly playout: Playout | undefined
  /** Packets of media that the node keeps for NACKs, and those that wait for the pacer. */
  readonly #kept: FramePacket[] = []
  readonly #paced: FramePacket[] = []
  #sequence = 0
  #now = 0
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

  constructor({ sender, seed, link, shared, feedbackLoss = 0, playout, bitrate }: ViewerOptions<Sender>) {
    this.sender = sender
    this.#random = seededRandom(seed)
    this.#isShared = shared !== undefined
    this.link = shared ?? packetLink(link, this.#random)
    this.#bitrate = bitrate
    const back = { ...BACK, delay: link.delay, loss: feedbackLoss }
    this.#back = new LinkEmulator(back, this.#random, arrived => arrived())
    if (playout !== undefined)
      this.playout = new Playout(2 * link.delay, playout === 'buffered', (sequence, now) => this.#nack(sequence, now))
  }

  /** The earliest of its parts. A shared link is driven by its owner, else it would be served twice. */
  get deadline(): number {
    const link = this.#isShared ? Infinity : this.link.deadline
    const receiver = Math.min(this.#feedback.deadline, this.playout?.deadline ?? Infinity)
    const own = Math.min(this.#frameAt, this.#audioAt, receiver, this.sender.deadline)
    return Math.min(link, this.#back.deadline, own)
  }

  /** In the order of a lane: arrivals and feedback before the estimate, the estimate before what is sent. */
  tick(now: number): void {
    this.#now = now
    if (!this.#isShared) this.link.tick(now)
    this.#back.tick(now)
    if (now >= this.#feedback.deadline) this.#sendFeedback(now)
    if (this.playout !== undefined && now >= this.playout.deadline) this.playout.tick(now)
    if (now >= this.#audioAt) this.#audio(now)
    if (now >= this.#frameAt) this.#frame(now)
    this.sender.tick(now)
    while (this.sender.next(now)) this.#send(PACKET, false, now, this.#paced.shift())
    while (this.sender.paddingDue(now) > 0) {
      const bytes = this.sender.paddingSize
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
    const size = (this.#bitrate(this.sender.estimate, now) * FRAME_INTERVAL) / 8_000
    this.#rest += size * (0.7 + 0.6 * this.#random())
    const first = this.#sequence
    const count = Math.floor(this.#rest / PACKET)
    for (this.#rest -= count * PACKET; this.#sequence < first + count; this.#sequence++)
      this.#offer({ sequence: this.#sequence, first, count, at: now }, now)
  }

  #offer(packet: FramePacket, now: number): void {
    if (this.playout !== undefined) this.#kept.push(packet)
    if (this.#kept.length > KEPT) this.#kept.shift()
    const paced = this.sender.offer(PACKET, now)
    if (paced === Paced.Now) this.#send(PACKET, false, now, packet)
    else if (paced === Paced.Queued) this.#paced.push(packet)
    else this.dropped++
  }

  #send(bytes: number, isPadding: boolean, now: number, packet?: FramePacket): void {
    this.sent++
    const sequence = this.sender.sent(bytes, isPadding, now)
    const arrived = (at: number) => {
      this.#arrived(sequence, bytes, at)
      if (packet !== undefined) this.playout?.arrived(packet, at)
    }
    this.link.send({ arrived }, bytes, now)
  }

  /** The viewer requests a packet; it is sent again once the request has arrived. */
  #nack(sequence: number, now: number): void {
    this.#back.send(() => this.#repeat(sequence), NACK, now)
  }

  #repeat(sequence: number): void {
    const packet = this.#kept.find(kept => kept.sequence === sequence)
    if (packet !== undefined) this.#send(PACKET, false, this.#now, packet)
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
    if (length === 0 || this.feedbackEnds) return
    const bytes = this.#feedback.bytes.slice(0, length)
    this.#back.send(() => this.#feedbackArrived(bytes), length, now)
  }

  #feedbackArrived(bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer)
    if (readTransportFeedback(view, 0, bytes.length, this.#report)) this.sender.feedback(this.#report, this.#now)
  }
}
