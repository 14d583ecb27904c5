// What one receiver is sent of one stream, where its numbers differ from those that all receivers share.
import { sequenceDistance } from '@parley/protocol'
import type { PeerId } from '../../lane/commands.ts'
import { LIMITS } from '../../limits.ts'
import type { Peer, Peers } from '../address/peers.ts'
import type { ReceiveStream } from './receive-stream.ts'

/** Sequences start below this, so that loss around the first wrap cannot put the SRTP rollover counters a cycle apart. */
const HALF_CYCLE = 0x8000

/**
 * WebRTC receivers have one per stream, because SRTP ties its index to the sequence. Receivers over Discord's UDP need none for the
 * packets themselves; they get one when they ask for a retransmission.
 */
export class SendStream {
  readonly receiver: Peer
  /** The receiver's sequence minus the stream's, modulo 2^16. */
  #offset: number
  /** The newest sequence of the stream that was sent. */
  #newest: number
  /** The sequence of the next RTX packet (RFC 4588 §4: a stream of its own). */
  rtxSequence = 0
  /** Of the sender reports: packets sent, and bytes of their payloads. */
  packets = 0
  octets = 0

  /** `sequence` is the first to be sent. */
  constructor(receiver: Peer, sequence: number) {
    this.receiver = receiver
    this.#newest = sequence
    this.#offset = receiver.isWebrtc ? (sequence % HALF_CYCLE) - sequence : 0
  }

  /**
   * The receiver's sequence for the next packet to send. A stream that steps back beyond reordering is continued behind the newest
   * packet, because SRTP cannot go back. Per packet: no allocation.
   */
  next(sequence: number): number {
    const distance = sequenceDistance(sequence, this.#newest)
    if (distance <= -LIMITS.replayWindow) this.#offset += this.#newest + 1 - sequence
    if (distance > 0 || distance <= -LIMITS.replayWindow) this.#newest = sequence
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

/** The send streams of a lane, by stream and receiver. */
export class SendStreams {
  readonly #peers: Peers
  /** The streams of which a receiver has a send stream. */
  readonly #byReceiver = new Map<PeerId, Set<ReceiveStream>>()

  constructor(peers: Peers) {
    this.#peers = peers
  }

  get size(): number {
    let size = 0
    for (const streams of this.#byReceiver.values()) size += streams.size
    return size
  }

  /**
   * The receiver's send stream for a packet of `stream` with this sequence. Undefined if packets cannot reach the receiver: it
   * has no address or no key. Per packet: allocates only for the first.
   */
  forPacket(stream: ReceiveStream, receiver: PeerId, sequence: number): SendStream | undefined {
    const sendStream = stream.sendStreams?.get(receiver) ?? this.#open(stream, receiver, sequence)
    return sendStream?.receiver.isBound === true ? sendStream : undefined
  }

  /** The receiver's send stream for a retransmission; undefined for a WebRTC client that was sent nothing of the stream. */
  forRetransmission(stream: ReceiveStream, receiver: Peer): SendStream | undefined {
    return receiver.isWebrtc ? stream.sendStreams?.get(receiver.id) : this.forPacket(stream, receiver.id, 0)
  }

  /** The receiver was removed or has another key, under which SRTP indexes start over (RFC 3711 §3.2.1). */
  receiverEnded(receiver: PeerId): void {
    for (const stream of this.#byReceiver.get(receiver) ?? []) stream.sendStreams?.delete(receiver)
    this.#byReceiver.delete(receiver)
  }

  /** The SSRC of the stream is no longer in use. */
  streamEnded(stream: ReceiveStream): void {
    for (const receiver of stream.sendStreams?.keys() ?? []) {
      const streams = this.#byReceiver.get(receiver)
      streams?.delete(stream)
      if (streams?.size === 0) this.#byReceiver.delete(receiver)
    }
    stream.sendStreams = undefined
  }

  #open(stream: ReceiveStream, receiver: PeerId, sequence: number): SendStream | undefined {
    const peer = this.#peers.get(receiver)
    if (peer === undefined || !peer.isBound || !peer.isProtected) return undefined
    const sendStream = new SendStream(peer, sequence)
    stream.sendStreams ??= new Map()
    stream.sendStreams.set(receiver, sendStream)
    const streams = this.#byReceiver.get(receiver)
    if (streams === undefined) this.#byReceiver.set(receiver, new Set([stream]))
    else streams.add(stream)
    return sendStream
  }
}
