// Requests packets that were lost between a sender and the lane (RFC 4585 §6.2.1), before any receiver asks for them.
import { writeNack } from '@parley/protocol'
import type { PacketIo } from '../../lane/packet-io.ts'
import { LIMITS } from '../../limits.ts'
import { LANE_SSRC } from '../rtcp/receiver-reports.ts'
import type { ReceiveStream } from '../streams/receive-stream.ts'
import type { KeyframeRequests } from './keyframe-requests.ts'
import { MissingPackets } from './missing-packets.ts'

const NACK_HEADER = 12
const NACK_ENTRY = 4

/** A retransmission that arrives is forwarded to every receiver, since none of them can have got the packet. */
export class NackGenerator {
  readonly #io: PacketIo
  readonly #keyframes: KeyframeRequests
  readonly #streams = new Map<ReceiveStream, MissingPackets>()
  /** Streams with missing packets. */
  readonly #waiting = new Set<ReceiveStream>()
  readonly #requested = new Int32Array(LIMITS.nackedPackets)
  readonly #bytes = new Uint8Array(NACK_HEADER + NACK_ENTRY * LIMITS.nackedPackets)
  readonly #view = new DataView(this.#bytes.buffer)
  deadline = Infinity

  constructor(io: PacketIo, keyframes: KeyframeRequests) {
    this.#io = io
    this.#keyframes = keyframes
  }

  /** Video streams whose packets are followed. */
  get size(): number {
    return this.#streams.size
  }

  /** The video has ended, or another source feeds the stream. */
  forget(stream: ReceiveStream): void {
    this.#streams.delete(stream)
    if (this.#waiting.delete(stream)) this.#rearm()
  }

  /** A packet arrived on its own SSRC. Per packet: allocates only for the first of a stream. */
  arrived(stream: ReceiveStream, sequence: number, now: number): void {
    const missing = this.#streams.get(stream) ?? this.#open(stream)
    if (!missing.arrived(sequence, now)) return
    this.#waiting.add(stream)
    this.deadline = Math.min(this.deadline, this.#deadlineOf(stream, missing))
  }

  /** Whether a packet of the stream is missing, so that one this old may be a retransmission on its own SSRC. */
  isMissing(stream: ReceiveStream, sequence: number): boolean {
    return this.#streams.get(stream)?.isMissing(sequence) ?? false
  }

  /** Whether a packet of the stream was requested not long ago: what arrives under its sequence is a retransmission. */
  wasRequested(stream: ReceiveStream, sequence: number): boolean {
    return this.#streams.get(stream)?.wasRequested(sequence) ?? false
  }

  /** A retransmission arrived, requested or not. Returns whether the packet had been missing. */
  repaired(stream: ReceiveStream, sequence: number, now: number): boolean {
    return this.#streams.get(stream)?.found(sequence, now) ?? false
  }

  /** A receiver requests the first `count` of `sequences`; those that the lane misses too are requested now. */
  missedBy(stream: ReceiveStream, sequences: Int32Array, count: number, now: number): void {
    const missing = this.#streams.get(stream)
    if (missing === undefined) return
    let isUrgent = false
    for (let index = 0; index < count; index++) if (missing.hurry(sequences[index]!, now)) isUrgent = true
    if (isUrgent) this.#request(stream, missing, now)
  }

  /** Requests what is due, for all streams with missing packets. */
  tick(now: number): void {
    for (const stream of this.#waiting) this.#request(stream, this.#streams.get(stream)!, now)
    this.#rearm()
  }

  #open(stream: ReceiveStream): MissingPackets {
    const missing = new MissingPackets()
    this.#streams.set(stream, missing)
    return missing
  }

  /** Sends the NACK that is due, and a keyframe request once packets were given up. */
  #request(stream: ReceiveStream, missing: MissingPackets, now: number): void {
    const count = missing.take(this.#requested, now)
    if (count > 0) {
      const ssrcs = { sender: LANE_SSRC, media: stream.clientSsrc ?? stream.ssrc }
      this.#io.sendRtcp(stream.owner.id, this.#bytes, writeNack(this.#view, 0, ssrcs, this.#requested, count))
    }
    if (missing.isBroken && this.#keyframes.request(stream, now)) missing.isBroken = false
    if (missing.count === 0 && !missing.isBroken) this.#waiting.delete(stream)
  }

  /** A stream that gave packets up also waits for its keyframe request to be allowed. */
  #deadlineOf(stream: ReceiveStream, missing: MissingPackets): number {
    return missing.isBroken ? Math.min(missing.deadline, this.#keyframes.nextAt(stream)) : missing.deadline
  }

  #rearm(): void {
    this.deadline = Infinity
    for (const stream of this.#waiting)
      this.deadline = Math.min(this.deadline, this.#deadlineOf(stream, this.#streams.get(stream)!))
  }
}
