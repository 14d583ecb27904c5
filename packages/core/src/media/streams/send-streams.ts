// All send streams of a lane: opens them with the first packet, and closes them with their stream or receiver.
import { rtxTypeOf } from '@parley/protocol'
import type { PeerId } from '../../lane/commands.ts'
import type { Peer, Peers } from '../address/peers.ts'
import { LayerNumbers } from '../numbers/layer-numbers.ts'
import type { ReceiveStream } from './receive-stream.ts'
import { isKnownType, type RtpMapping } from './rtp-mapping.ts'
import { SendStream } from './send-stream.ts'

/** A stream of video that a viewer is sent, by the SSRC that the viewer knows it by. */
export interface PaddedStream {
  readonly ssrc: number
  readonly sendStream: SendStream
  /** The receiver's payload type of RTX for the video. */
  readonly rtxType: number
}

/** By stream and receiver. */
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
    return receiver.isWebrtc ? stream.sendAs.sendStreams?.get(receiver.id) : this.forPacket(stream, receiver.id, 0)
  }

  /**
   * A stream of video that padding can follow: the receiver has RTX for its codec. One that has ended has no codec. Undefined if there is
   * none.
   */
  paddedOf(receiver: PeerId, { outgoing }: RtpMapping): PaddedStream | undefined {
    for (const stream of this.#byReceiver.get(receiver) ?? []) {
      const sendStream = stream.sendStreams?.get(receiver)
      const codec = stream.layer?.codec ?? 0
      const rtxType = outgoing[rtxTypeOf(codec)]!
      if (sendStream !== undefined && codec !== 0 && isKnownType(rtxType))
        return { ssrc: stream.ssrc, sendStream, rtxType }
    }
    return undefined
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

  /** The first packet decides the offset. Nothing is opened before the receiver can be reached: SRTP starts with it. */
  #open(stream: ReceiveStream, receiver: PeerId, sequence: number): SendStream | undefined {
    const peer = this.#peers.get(receiver)
    if (peer === undefined || !peer.isBound || !peer.isProtected) return undefined
    const isLayered = peer.isWebrtc && !stream.isAudio
    const sendStream = new SendStream(peer, sequence, isLayered ? new LayerNumbers() : undefined)
    stream.sendStreams ??= new Map()
    stream.sendStreams.set(receiver, sendStream)
    const streams = this.#byReceiver.get(receiver)
    if (streams === undefined) this.#byReceiver.set(receiver, new Set([stream]))
    else streams.add(stream)
    return sendStream
  }
}
