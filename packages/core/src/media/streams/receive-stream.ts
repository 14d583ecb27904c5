// One stream that a peer may send, by its SSRC: where its packets go, and what was received of it.
import { DependencyDescriptor } from '@parley/protocol'
import type { LaneId, PeerId } from '../../lane/commands.ts'
import type { Peer } from '../address/peers.ts'
import { OutgoingNumbers } from '../numbers/outgoing-numbers.ts'
import { Reception } from '../receive/reception.ts'
import type { SendStream } from './send-stream.ts'
import type { TargetList } from './target-list.ts'

/** Timestamps per millisecond: Opus at 48 kHz, video at 90 kHz (RFC 7587 §4.1, RFC 7741 §4.1). */
const AUDIO_CLOCK_RATE = 48
const VIDEO_CLOCK_RATE = 90

/** A layer of a source of video, as far as its packets need it. */
export interface StreamLayer {
  /** Viewers that are sent the layer from its next keyframe on. */
  readonly waiting: number
  /** That of the last packet, in node numbering; 0 before the first. */
  readonly payloadType: number
  /** That of the last packet of any layer of the source. */
  readonly codec: number
  /** A packet arrived, with this payload type, of this temporal layer. Returns whether the source has to choose layers again. */
  arrived(type: number, temporal: number, bytes: number, now: number): boolean
}

/** What packets need of it is created by the first. */
export class ReceiveStream {
  /** The node's number for the stream, in Ready and towards every receiver. */
  readonly ssrc: number
  readonly owner: Peer
  /** The SSRC that the sender uses: WebRTC clients choose their own. Undefined while it has declared none. */
  clientSsrc: number | undefined
  isAudio: boolean
  /** Where packets go; undefined if nowhere. */
  targets: TargetList | undefined
  /** Other lanes that packets go to; undefined without any. */
  lanes: readonly LaneId[] | undefined
  /** The layer of a source of video that it is; undefined for audio, RTX and without a route. */
  layer: StreamLayer | undefined
  /** The stream whose SSRC WebRTC receivers get: another one for layers of a source that has several. */
  sendAs: ReceiveStream = this
  /** Audio that DAVE has not sealed is dropped. */
  isSealedOnly = false
  /** Control was notified of the first packet. */
  isAnnounced = false
  /** Packets that are still forwarded, as silence, before the route ends; 0 for a route that stays. */
  silenceLeft = 0
  /** When that silence ends at the latest. */
  silenceUntil = 0
  /** By receiver. Only `SendStreams` changes it. */
  sendStreams: Map<PeerId, SendStream> | undefined
  /** The dependency descriptor of the packet that is being forwarded; undefined if it has none. */
  dependencies: DependencyDescriptor | undefined
  #descriptor: DependencyDescriptor | undefined
  #reception: Reception | undefined
  #numbers: OutgoingNumbers | undefined

  constructor(ssrc: number, owner: Peer, isAudio: boolean) {
    this.ssrc = ssrc
    this.owner = owner
    this.isAudio = isAudio
  }

  /** Timestamps per millisecond. */
  get clockRate(): number {
    return this.isAudio ? AUDIO_CLOCK_RATE : VIDEO_CLOCK_RATE
  }

  /** Undefined before the first packet or report. */
  get received(): Reception | undefined {
    return this.#reception
  }

  /** Per packet: allocates only for the first. */
  get reception(): Reception {
    this.#reception ??= new Reception()
    return this.#reception
  }

  /** How receivers number the stream. Per packet: allocates only for the first. */
  get numbers(): OutgoingNumbers {
    this.#numbers ??= new OutgoingNumbers(this.clockRate, this.isAudio)
    return this.#numbers
  }

  /** Per packet: allocates only for the first. */
  get descriptor(): DependencyDescriptor {
    this.#descriptor ??= new DependencyDescriptor()
    return this.#descriptor
  }

  /** Sequences and timestamps start over with the next packet; receivers' continue. */
  interrupt(): void {
    this.#numbers?.interrupt()
  }

  /** Another source or key feeds the stream from now on: sequences and timestamps received so far say nothing about it. */
  reset(): void {
    this.#reception = undefined
    this.dependencies = undefined
    this.interrupt()
  }
}
