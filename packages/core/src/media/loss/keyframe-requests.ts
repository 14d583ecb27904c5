// Keyframe requests to senders: one PLI (RFC 4585 §6.3.1) serves all receivers that need it, at most one per interval.
import { PICTURE_LOSS_LENGTH, writePictureLoss } from '@parley/protocol'
import type { LaneEvent } from '../../lane/commands.ts'
import type { PacketIo } from '../../lane/packet-io.ts'
import { LIMITS } from '../../limits.ts'
import { LANE_SSRC } from '../rtcp/receiver-reports.ts'
import type { ReceiveStream } from '../streams/receive-stream.ts'

/** Requests come from receivers, from control (a new viewer), and from the lane itself when it gives packets up. */
export class KeyframeRequests {
  readonly #io: PacketIo
  /** Where requests to remote peers are pushed. */
  readonly #events: LaneEvent[]
  /** When a keyframe of each stream was last requested. */
  readonly #requestedAt = new Map<ReceiveStream, number>()
  readonly #bytes = new Uint8Array(PICTURE_LOSS_LENGTH)
  readonly #view = new DataView(this.#bytes.buffer)

  constructor(io: PacketIo, events: LaneEvent[]) {
    this.#io = io
    this.#events = events
  }

  /** The video has ended, or another source feeds the stream. */
  forget(stream: ReceiveStream): void {
    this.#requestedAt.delete(stream)
  }

  /** The earliest time of the next request. */
  nextAt(stream: ReceiveStream): number {
    return (this.#requestedAt.get(stream) ?? -Infinity) + LIMITS.keyframeInterval
  }

  /** Returns false if the last request was less than an interval ago. */
  request(stream: ReceiveStream, now: number): boolean {
    if (now < this.nextAt(stream)) return false
    this.#requestedAt.set(stream, now)
    const { lane } = stream.owner
    if (lane !== undefined) return this.#events.push({ kind: 'keyframeNeeded', lane, ssrc: stream.ssrc }) > 0
    writePictureLoss(this.#view, 0, LANE_SSRC, stream.clientSsrc ?? stream.ssrc)
    this.#io.sendRtcp(stream.owner.id, this.#bytes, PICTURE_LOSS_LENGTH)
    return true
  }
}
