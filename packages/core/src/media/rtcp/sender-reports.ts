// Sender reports to WebRTC clients: which moment the timestamps of each stream stand for, and which streams belong together
// (RFC 3550 §6.4.1, §6.5). Browsers synchronise audio and video by them. Discord's UDP clients get none: none is known to use them.
import {
  DESCRIPTION_CHUNK_LENGTH,
  DESCRIPTION_HEADER,
  NTP_EPOCH,
  SENDER_REPORT_LENGTH,
  writeDescriptionChunk,
  writeDescriptionHeader,
  writeSenderReport,
} from '@parley/protocol'
import type { PeerId } from '../../lane/commands.ts'
import type { PacketIo } from '../../lane/packet-io.ts'
import { LIMITS } from '../../limits.ts'
import type { ReceiveStream } from '../streams/receive-stream.ts'
import type { RouteTable } from '../streams/route-table.ts'
import type { TargetList } from '../streams/target-list.ts'

/** Where the descriptions are written, before they are moved to behind the reports. */
const DESCRIPTIONS = LIMITS.senderReportsPerCompound * SENDER_REPORT_LENGTH
const LENGTH = DESCRIPTIONS + DESCRIPTION_HEADER + LIMITS.senderReportsPerCompound * DESCRIPTION_CHUNK_LENGTH

/**
 * A compound holds the reports of up to `LIMITS.senderReportsPerCompound` streams, and one source description with their CNAMEs.
 * Packets are only noted per list; who gets which reports is found out once per interval.
 */
export class SenderReports {
  readonly #io: PacketIo
  readonly #routes: RouteTable
  /** NTP time in ms when `now` was 0. */
  readonly #epoch: number
  /** Lists to which packets were forwarded since their last reports. All wait equally long, so the first is due first. */
  readonly #waiting = new Set<TargetList>()
  /** The reports of one list, over as many turns as they take: about which streams, to which receivers. */
  #streams: ReceiveStream[] = []
  #receivers: PeerId[] = []
  readonly #bytes = new Uint8Array(LENGTH)
  readonly #view = new DataView(this.#bytes.buffer)

  /** `timeOrigin` is the wall clock when `now` was 0. */
  constructor(io: PacketIo, routes: RouteTable, timeOrigin: number) {
    this.#io = io
    this.#routes = routes
    this.#epoch = NTP_EPOCH + timeOrigin
  }

  /** When `tick` has something to do. */
  get deadline(): number {
    if (this.#receivers.length > 0) return -Infinity
    const [first] = this.#waiting
    return first?.reportAt ?? Infinity
  }

  /** Lists that wait. */
  get size(): number {
    return this.#waiting.size
  }

  /** A packet was forwarded to the list. Per packet: allocates only for the first in an interval. */
  forwarded(list: TargetList, now: number): void {
    if (list.reportAt !== Infinity || list.groups.length === 1) return
    list.reportAt = now + LIMITS.senderReportInterval
    this.#waiting.add(list)
  }

  /** Without effect for a list that was not open. */
  listClosed(list: TargetList | undefined): void {
    if (list !== undefined) this.#waiting.delete(list)
  }

  tick(now: number): void {
    for (let sent = 0; sent < LIMITS.senderReportsPerTurn; ) {
      const receiver = this.#receivers.pop()
      if (receiver === undefined && !this.#begin(now)) return
      if (receiver === undefined) continue
      this.#report(receiver, now)
      sent++
    }
  }

  /** Takes streams and receivers of the first list that is due. Returns false if none is. */
  #begin(now: number): boolean {
    const [list] = this.#waiting
    if (list === undefined || list.reportAt > now) return false
    this.#waiting.delete(list)
    list.reportAt = Infinity
    this.#streams = [...this.#routes.routedTo(list)].filter(takeActivity)
    this.#receivers = this.#streams.length === 0 ? [] : webrtcReceivers(list)
    return true
  }

  /** Sends one receiver the reports about all streams of the list. */
  #report(receiver: PeerId, now: number): void {
    let count = 0
    for (const stream of this.#streams) {
      if (!this.#write(count, stream, receiver, now) || ++count < LIMITS.senderReportsPerCompound) continue
      this.#send(receiver, count)
      count = 0
    }
    if (count > 0) this.#send(receiver, count)
  }

  /** Returns false if the receiver was sent nothing of the stream, or cannot be reached. */
  #write(place: number, stream: ReceiveStream, receiver: PeerId, now: number): boolean {
    const { owner, received, numbers } = stream
    const { ssrc, sendStreams } = stream.sendAs
    const sent = sendStreams?.get(receiver)
    if (received === undefined || sent === undefined || !sent.receiver.isBound) return false
    const offset = numbers.timestampOffset + (sent.layers?.timestampOffset(0) ?? 0)
    const timestamp = received.clock.timestampAt(now, stream.clockRate) + offset
    const { packets, octets } = sent
    const info = { ssrc, time: this.#epoch + now, timestamp, packets, octets }
    writeSenderReport(this.#view, place * SENDER_REPORT_LENGTH, info)
    const chunk = DESCRIPTIONS + DESCRIPTION_HEADER + place * DESCRIPTION_CHUNK_LENGTH
    writeDescriptionChunk(this.#view, chunk, ssrc, owner.ssrcs[0]!)
    return true
  }

  /** Sends the reports, followed by the descriptions of their streams. */
  #send(receiver: PeerId, count: number): void {
    const reports = count * SENDER_REPORT_LENGTH
    const length = writeDescriptionHeader(this.#view, DESCRIPTIONS, count)
    this.#bytes.copyWithin(reports, DESCRIPTIONS, DESCRIPTIONS + length)
    this.#io.sendRtcp(receiver, this.#bytes, reports + length)
  }
}

function webrtcReceivers({ groups }: TargetList): PeerId[] {
  return groups
    .filter(({ traits }) => traits.isWebrtc)
    .flatMap(({ peers, count }) => Array.from(peers.subarray(0, count)))
}

/** Whether packets arrived since the last reports about the stream. */
function takeActivity({ received }: ReceiveStream): boolean {
  if (received === undefined || received.stats.count === received.reportedCount) return false
  received.reportedCount = received.stats.count
  return true
}
