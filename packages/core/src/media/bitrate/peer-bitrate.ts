// Hot: whether a packet of a peer may be forwarded, by the budgets that bound the peer.
import type { BitBudget } from './bit-budget.ts'

/** The bounds of one peer. Per packet: no allocation. */
export class PeerBitrate {
  /** Undefined without a bound. */
  member: BitBudget | undefined
  channel: BitBudget | undefined
  /** Packets over each bound since the last report. */
  overMember = 0
  overChannel = 0

  /** Whether a packet may be forwarded, which is spent then. One that may not costs nothing, so that a flood ends with its sender. */
  admits(bytes: number, isAudio: boolean, now: number): boolean {
    const { member, channel } = this
    if (member?.hasRoom(isAudio, now) === false) {
      this.overMember++
      return false
    }
    if (channel?.hasRoom(isAudio, now) === false) {
      this.overChannel++
      return false
    }
    member?.spend(bytes * 8)
    channel?.spend(bytes * 8)
    return true
  }
}
