// What a peer reports of the packets that it receives (RFC 3550 §6.4): loss, and the round trip by the node's sender reports.
// It is a statement of the peer about itself, and shown as such; nothing is decided by it.
import {
  blockDelay,
  blockFractionLost,
  blockLastReport,
  NTP_EPOCH,
  ntpMiddle,
  REPORT_BLOCK_LENGTH,
  reportBlocksOffset,
  rtcpCount,
} from '@parley/protocol'
import type { Peer } from '../address/peers.ts'

/** Weight of a new report in the average. */
const WEIGHT = 1 / 8
/** In 1/65536 s: a longer round trip is that of a clock that stepped, or of a wrong report. */
const LONGEST = 10 * 65_536
const FRACTIONS = 256

export class ReportedReceptions {
  /** NTP time in ms when `now` was 0. */
  readonly #epoch: number

  /** `timeOrigin` is the wall clock when `now` was 0. */
  constructor(timeOrigin: number) {
    this.#epoch = NTP_EPOCH + timeOrigin
  }

  /** Reads the report at `offset`, if it is one with blocks. Per packet: no allocation. */
  read(view: DataView, offset: number, length: number, peer: Peer, now: number): void {
    const blocks = reportBlocksOffset(view, offset, length)
    const count = blocks < 0 ? 0 : rtcpCount(view, offset)
    if (count === 0) return
    let lost = 0
    for (let block = 0; block < count; block++) {
      const at = blocks + block * REPORT_BLOCK_LENGTH
      lost += blockFractionLost(view, at)
      this.#roundTrip(view, at, peer, now)
    }
    const loss = lost / count / FRACTIONS
    peer.reportedLoss = peer.reportedLoss < 0 ? loss : peer.reportedLoss + (loss - peer.reportedLoss) * WEIGHT
  }

  /** RFC 3550 §6.4.1: the time of arrival, less LSR and DLSR. */
  #roundTrip(view: DataView, at: number, peer: Peer, now: number): void {
    const last = blockLastReport(view, at)
    if (last === 0) return
    const time = (ntpMiddle(this.#epoch + now) - last - blockDelay(view, at)) >>> 0
    if (time < LONGEST) peer.reportedRoundTrip = (time * 1_000) / 65_536
  }
}
