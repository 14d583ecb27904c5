// A browser behind an emulated link that watches video of a test lane: it receives what the router sends, and returns feedback.
import { extensionPlace, findExtension, RTP_SSRC, rtpHeaderLength } from '@parley/protocol'
import { TransportFeedback } from '../../media/bandwidth/transport-feedback.ts'
import type { Sent } from '../plain-io.ts'
import type { PlainLane } from '../plain-lane.ts'
import { seededRandom } from '../seeded-random.ts'
import { LinkEmulator, type LinkOptions } from './link-emulator.ts'

/** Bytes of IP, UDP and the tag of SRTP. */
const OVERHEAD = 44
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
    for (const each of sent) if (each.peer === this.#peer) this.link.send(each, each.bytes.length + OVERHEAD, now)
    this.link.tick(now)
    if (now >= this.#feedback.deadline) this.#send()
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
    if (length > 0) this.#lane.packets(this.#peer, this.#feedback.bytes.slice(0, length))
  }
}
