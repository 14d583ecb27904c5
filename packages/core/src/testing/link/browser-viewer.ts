// A browser behind an emulated link that watches video of a test lane: it receives what the router sends, and returns feedback.
import { extensionPlace, findExtension, RTP_SSRC, rtpHeaderLength } from '@parley/protocol'
import { TransportFeedback } from '../../media/bandwidth/transport-feedback.ts'
import { PACKET_OVERHEAD } from '../../media/viewers/viewer.ts'
import type { Sent } from '../plain-io.ts'
import type { PlainLane } from '../plain-lane.ts'
import { seededRandom } from '../seeded-random.ts'
import { LinkEmulator, type LinkOptions } from './link-emulator.ts'

/** The payload type of Opus in browsers' mappings. */
const AUDIO_TYPE = 111
const isRtcp = (bytes: Uint8Array) => bytes[1]! >= 192 && bytes[1]! <= 223

export class BrowserViewer {
  readonly link: LinkEmulator<Sent>
  readonly #lane: PlainLane
  readonly #peer: number
  readonly #extension: number
  readonly #feedback = new TransportFeedback()
  /** Bytes that arrived by SSRC. */
  readonly bytes = new Map<number, number>()
  /** The transport-wide sequences that arrived, and packets that had none. */
  readonly stamps: number[] = []
  unstamped = 0
  /** Packets of audio that entered the link, and that found its queue full. */
  audioSent = 0
  audioDropped = 0
  /** Whether it sends transport-wide feedback. */
  sendsFeedback = true
  /** Called with each RTP packet that arrived. */
  onPacket: (bytes: Uint8Array) => void = () => {}

  /** `extension` is the id of the transport-wide sequence in the mapping of the peer. */
  constructor(lane: PlainLane, peer: number, extension: number, link: LinkOptions) {
    this.#lane = lane
    this.#peer = peer
    this.#extension = extension
    this.link = new LinkEmulator(link, seededRandom(peer), (sent, now) => this.#arrived(sent, now))
  }

  /** Takes what the lane sent to the peer; then the link delivers, and feedback that is due returns. */
  step(sent: readonly Sent[], now: number): void {
    for (const each of sent) if (each.peer === this.#peer) this.#enter(each, now)
    while (this.link.deadline <= now) this.link.tick(this.link.deadline)
    if (now >= this.#feedback.deadline) this.#send()
  }

  /** Audio carries no transport-wide sequence; only video fills the queue. */
  #enter(sent: Sent, now: number): void {
    const isAudio = !isRtcp(sent.bytes) && (sent.bytes[1]! & 0x7f) === AUDIO_TYPE
    const fits = this.link.send(sent, sent.bytes.length + PACKET_OVERHEAD, now)
    if (!isAudio) return
    this.audioSent++
    if (!fits) this.audioDropped++
  }

  /** What arrived of the stream since the last call. */
  take(ssrc: number): number {
    const bytes = this.bytes.get(ssrc) ?? 0
    this.bytes.delete(ssrc)
    return bytes
  }

  #arrived({ bytes }: Sent, now: number): void {
    if (isRtcp(bytes)) return
    this.onPacket(bytes)
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const ssrc = view.getUint32(RTP_SSRC)
    this.bytes.set(ssrc, (this.bytes.get(ssrc) ?? 0) + bytes.length)
    const found = findExtension(view, 0, rtpHeaderLength(view, 0, bytes.length), this.#extension)
    if (found < 0) {
      this.unstamped++
      return
    }
    const sequence = view.getUint16(extensionPlace(found))
    this.stamps.push(sequence)
    if (this.#feedback.arrived(sequence, ssrc, now)) return
    this.#send()
    if (this.#feedback.arrived(sequence, ssrc, now)) return
    this.#feedback.restart(sequence)
    this.#feedback.arrived(sequence, ssrc, now)
  }

  #send(): void {
    const length = this.#feedback.take(1)
    if (length > 0 && this.sendsFeedback) this.#lane.packets(this.#peer, this.#feedback.bytes.slice(0, length))
  }
}
