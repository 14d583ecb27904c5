// Sender reports to browsers: which moment the timestamps of each source stand for, and whose source it is (RFC 3550 §6.4.1, §6.5).
// Browsers play sound and picture together by them. Native clients get none: Discord's are not known to need any.
import {
  DESCRIPTION_CHUNK_LENGTH,
  DESCRIPTION_HEADER,
  SENDER_REPORT_LENGTH,
  writeDescriptionChunk,
  writeDescriptionHeader,
  writeSenderReport,
} from '@parley/protocol'
import type { PeerId } from '../../lane/commands.ts'
import type { PacketIo } from '../../lane/packet-io.ts'
import { LIMITS } from '../../limits.ts'
import type { Peers } from '../address/peers.ts'
import type { RouteTable, TargetList } from '../forward/route-table.ts'
import type { Talkspurts } from '../forward/talkspurts.ts'
import type { ClockMap } from '../receive/clock-map.ts'
import type { ReceiveStats } from '../receive/receive-stats.ts'

/** So many fit one datagram on any path, sealed. */
const SOURCES_PER_COMPOUND = 24
const DESCRIPTIONS = SOURCES_PER_COMPOUND * SENDER_REPORT_LENGTH
const LONGEST = DESCRIPTIONS + DESCRIPTION_HEADER + SOURCES_PER_COMPOUND * DESCRIPTION_CHUNK_LENGTH
/** Milliseconds from 1900, where NTP's time begins, to 1970. */
const NTP_EPOCH = 2_208_988_800_000

export interface SenderReportParts {
  readonly io: PacketIo
  readonly peers: Peers
  readonly routes: RouteTable
  readonly stats: ReceiveStats
  readonly clocks: ClockMap
  readonly talkspurts: Talkspurts
}

export class SenderReports {
  readonly #io: PacketIo
  readonly #peers: Peers
  readonly #routes: RouteTable
  readonly #stats: ReceiveStats
  readonly #clocks: ClockMap
  readonly #talkspurts: Talkspurts
  readonly #epoch: number
  /** Lists that something was sent to since their browsers were told. All wait equally long, so the first is due first. */
  readonly #waiting = new Set<TargetList>()
  /** By row: its count of packets when it was last told of. */
  #counts = new Float64Array(0)
  /** What is being told, over as many turns as it takes: rows, and to whom. */
  #rows: number[] = []
  #receivers: PeerId[] = []
  readonly #bytes = new Uint8Array(LONGEST)
  readonly #view = new DataView(this.#bytes.buffer)

  /** `timeOrigin` is the wall clock when `now` was 0. */
  constructor({ io, peers, routes, stats, clocks, talkspurts }: SenderReportParts, timeOrigin: number) {
    this.#io = io
    this.#peers = peers
    this.#routes = routes
    this.#stats = stats
    this.#clocks = clocks
    this.#talkspurts = talkspurts
    this.#epoch = NTP_EPOCH + timeOrigin
  }

  /** When it wants `tick`. */
  get deadline(): number {
    if (this.#receivers.length > 0) return -Infinity
    const [first] = this.#waiting
    return first?.reportAt ?? Infinity
  }

  /** Lists that wait. */
  get size(): number {
    return this.#waiting.size
  }

  /** Makes room for `rows` rows. */
  resize(rows: number): void {
    const counts = new Float64Array(rows)
    counts.set(this.#counts)
    this.#counts = counts
  }

  reset(row: number): void {
    this.#counts[row] = 0
  }

  /** A packet goes to the list. Per packet: allocates only for the first in an interval. */
  forwarded(list: TargetList, now: number): void {
    if (list.reportAt !== Infinity || list.groups.length === 1) return
    list.reportAt = now + LIMITS.senderReportInterval
    this.#waiting.add(list)
  }

  listClosed(list: TargetList): void {
    this.#waiting.delete(list)
  }

  tick(now: number): void {
    for (let told = 0; told < LIMITS.senderReportsPerTurn; ) {
      const receiver = this.#receivers.pop()
      if (receiver === undefined && !this.#begin(now)) return
      if (receiver === undefined) continue
      this.#tell(receiver, now)
      told++
    }
  }

  /** Takes what is to be told of the first list that is due. Returns false if none is. */
  #begin(now: number): boolean {
    const [list] = this.#waiting
    if (list === undefined || list.reportAt > now) return false
    this.#waiting.delete(list)
    list.reportAt = Infinity
    this.#rows = [...list.rows].filter(row => this.#isActive(row))
    this.#receivers = this.#rows.length === 0 ? [] : this.#browsersOf(list)
    return true
  }

  #browsersOf({ groups }: TargetList): PeerId[] {
    const webrtcPeers: PeerId[] = []
    for (const { peers, count } of groups)
      for (let index = 0; index < count; index++)
        if (this.#peers.get(peers[index]!)?.isWebrtc === true) webrtcPeers.push(peers[index]!)
    return webrtcPeers
  }

  /** Whether packets came since it was last told of. */
  #isActive(row: number): boolean {
    const count = this.#stats.count(row)
    if (count === this.#counts[row]) return false
    this.#counts[row] = count
    return true
  }

  #tell(receiver: PeerId, now: number): void {
    if (this.#peers.get(receiver)?.isBound !== true) return
    let sources = 0
    for (const row of this.#rows) {
      if (!this.#write(sources, row, receiver, now) || ++sources < SOURCES_PER_COMPOUND) continue
      this.#send(receiver, sources)
      sources = 0
    }
    if (sources > 0) this.#send(receiver, sources)
  }

  /** Returns false if the receiver was sent nothing of the row. */
  #write(place: number, row: number, receiver: PeerId, now: number): boolean {
    const ssrc = this.#routes.ssrcs[row]!
    const owner = this.#peers.get(this.#routes.owners[row]!)
    const sent = owner === undefined ? undefined : this.#io.sentOf(receiver, ssrc)
    if (owner === undefined || sent === undefined) return false
    const own = this.#clocks.timestampAt(row, now, this.#routes.clockRate(row))
    const timestamp = own + this.#talkspurts.timestampShift(row)
    const { packets, octets } = sent
    const info = { ssrc, time: this.#epoch + now, timestamp, packets, octets }
    writeSenderReport(this.#view, place * SENDER_REPORT_LENGTH, info)
    const chunk = DESCRIPTIONS + DESCRIPTION_HEADER + place * DESCRIPTION_CHUNK_LENGTH
    writeDescriptionChunk(this.#view, chunk, ssrc, owner.ssrcs[0]!)
    return true
  }

  /** The reports, and right behind them the descriptions of their sources. */
  #send(receiver: PeerId, sources: number): void {
    const reports = sources * SENDER_REPORT_LENGTH
    const length = writeDescriptionHeader(this.#view, DESCRIPTIONS, sources)
    this.#bytes.copyWithin(reports, DESCRIPTIONS, DESCRIPTIONS + length)
    this.#io.sendRtcp(receiver, this.#bytes, reports + length)
  }
}
