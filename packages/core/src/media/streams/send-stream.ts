// What one receiver is sent of one stream, where its numbers differ from those that all receivers share.
import { sequenceDistance } from '@parley/protocol'
import type { Peer } from '../address/peers.ts'
import { HALF_CYCLE, type LayerNumbers } from '../numbers/layer-numbers.ts'
import { isOvertaken } from '../receive/overtaken.ts'

/**
 * WebRTC receivers have one per stream, because SRTP ties its index to the sequence. Receivers over Discord's UDP need none for the
 * packets themselves; they get one when they ask for a retransmission.
 */
export class SendStream {
  /** To whom the stream is sent. */
  readonly receiver: Peer
  /** Of video towards a WebRTC client: it numbers the packets instead. */
  readonly layers: LayerNumbers | undefined
  /** The receiver's sequence minus the stream's, modulo 2^16. */
  #offset: number
  /** The newest sequence of the stream that was sent, and when. */
  #newest: number
  #sentAt = -Infinity
  /** The sequence of the next RTX packet (RFC 4588 §4: a stream of its own). */
  rtxSequence = 0
  /** Of the sender reports: packets sent, and bytes of their payloads. */
  packets = 0
  octets = 0

  /** `sequence` is the first to be sent. */
  constructor(receiver: Peer, sequence: number, layers?: LayerNumbers) {
    this.receiver = receiver
    this.layers = layers
    this.#newest = sequence - 1
    this.#offset = receiver.isWebrtc ? (sequence % HALF_CYCLE) - sequence : 0
  }

  /**
   * The receiver's sequence for the next packet to send. A stream that steps back beyond reordering is continued behind the newest
   * packet, because SRTP cannot go back. Per packet: no allocation.
   */
  next(sequence: number, now: number): number {
    const distance = sequenceDistance(sequence, this.#newest)
    if (isOvertaken(distance, now - this.#sentAt)) return this.toReceiver(sequence)
    if (distance <= 0) this.#offset += this.#newest + 1 - sequence
    this.#newest = sequence
    this.#sentAt = now
    return this.toReceiver(sequence)
  }

  /** The receiver's sequence of a packet that was sent. */
  toReceiver(sequence: number): number {
    return (sequence + this.#offset) & 0xffff
  }

  /** The stream's sequence of the packet that the receiver knows as `sequence`. */
  toStream(sequence: number): number {
    return (sequence - this.#offset) & 0xffff
  }
}
