// The bandwidth from the node to one viewer, by its transport-wide feedback: queueing delay, loss, and probes while media uses less
// than the estimate (draft-ietf-rmcat-gcc-02).
import { referenceDistance, type TransportReport } from '@parley/protocol'
import { LIMITS } from '../../limits.ts'
import { DelayTrend, Usage } from './estimate/delay-trend.ts'
import { LossModel } from './estimate/loss-model.ts'
import { PacketGroups } from './estimate/packet-groups.ts'
import { Probe } from './estimate/probe.ts'
import { RateControl } from './estimate/rate-control.ts'
import { ReceivedRate } from './estimate/received-rate.ts'
import { SendingLoad } from './estimate/sending-load.ts'
import { SentPackets } from './estimate/sent-packets.ts'

/** A probe must exceed the estimate by this factor to be worth its packets. */
const WORTHWHILE = 1.1
/** A link that carried less than the estimate in a probe lowers it by at most this factor: one probe may meet other traffic. */
const DOUBTED = 0.85
/** The least turnaround grows by this factor per packet, so that it follows a path that changes. */
const LEAST_GROWTH = 1.001
/** The receiver's clock starts here, so that it stays positive when its reference time steps back. */
const CLOCK_START = 2 ** 31
/** Media that brings more than this part of the estimate to the viewer fills the link. */
const FULL = 0.8
/** Bits of a large packet, times a thousand. */
const PACKET = 9_600_000
/** Delay that grows faster than this shows a link that carries less than what is sent, even if that is less than the estimate. */
const STEEP = 0.1

/** One per viewer with transport-wide feedback. Per packet: no allocation. */
export class SendEstimator {
  readonly #sent = new SentPackets()
  readonly #groups = new PacketGroups()
  readonly #trend = new DelayTrend()
  readonly #received = new ReceivedRate()
  readonly #load = new SendingLoad()
  readonly #loss = new LossModel()
  readonly #control = new RateControl()
  readonly #probe = new Probe()
  /** Bits per second that the viewer could use, with a reserve; below it probes look for more. */
  desired = 0
  /** Milliseconds from a packet to the feedback about it, without the wait in the queue of the link. */
  #leastTurnaround = Infinity
  #clock = CLOCK_START
  #reference = -1
  #probeAt = -Infinity
  #probeInterval: number = LIMITS.probeInterval
  /** When the first feedback arrived. */
  #startedAt = Infinity
  #feedbackAt = Infinity
  #sentAt = -Infinity
  #isMeasured = false
  #hasProbed = false
  /** The last probe measured nothing: packets of it, or the feedback, were lost. */
  #hasFailed = false

  /** Bits per second. While nothing is measured, what a viewer may be sent to begin with. */
  get estimate(): number {
    return this.#isMeasured ? this.#control.estimate : LIMITS.startAllowance
  }

  /** Feedback has arrived: the client supports it. */
  get isActive(): boolean {
    return this.#startedAt < Infinity
  }

  /** Something was measured, by a probe or by a queue that grew. */
  get isMeasured(): boolean {
    return this.#isMeasured
  }

  /** A probe is being sent. */
  get isProbing(): boolean {
    return this.#probe.isSending
  }

  /** When `paddingDue` has bytes; Infinity if no probe is being sent. */
  get paddingAt(): number {
    return this.#probe.isSending ? this.#probe.dueAt : Infinity
  }

  /** Media uses less than 65 % of the estimate. */
  get isLimitedBySource(): boolean {
    return this.#load.isLimited
  }

  /** When `tick` has something to do. */
  get deadline(): number {
    if (!this.isActive) return Infinity
    if (this.#probe.isSending) return this.paddingAt
    if (this.#probe.isPending || !this.#wantsProbe()) return this.#feedbackAt + LIMITS.feedbackTimeout
    return this.#probeAt
  }

  /** A packet of `bytes` with its headers leaves. Returns its transport-wide sequence. Per packet: no allocation. */
  sent(bytes: number, isPadding: boolean, now: number): number {
    this.#sentAt = now
    if (!isPadding) this.#load.sent(bytes, this.#control.estimate, now)
    const probe = this.#probe.isSending ? this.#probe.id : 0
    if (probe > 0) this.#probe.sent(this.#sent.next, bytes, isPadding, now)
    return this.#sent.add(bytes, probe, now)
  }

  /** Bytes of padding that a probe needs now. */
  paddingDue(now: number): number {
    return this.#probe.due(now)
  }

  /** Starts probes, and lowers the estimate of a viewer whose feedback ends while packets are sent to it. */
  tick(now: number): void {
    if (!this.isActive) return
    this.#load.update(this.#control.estimate, now)
    this.#takeProbe(now)
    if (now - this.#feedbackAt >= LIMITS.feedbackTimeout) this.#timedOut(now)
    if (!this.#probe.isPending && now >= this.#probeAt && this.#wantsProbe()) this.#beginProbe(now)
  }

  /** Feedback of the viewer arrived. Per feedback: no allocation. */
  feedback(report: TransportReport, now: number): void {
    const start = this.#clockOf(report)
    const first = this.#sent.find(report.base)
    if (first < 0 || report.count === 0) return
    if (!this.isActive) this.#startedAt = now
    this.#feedbackAt = now
    const fresh = this.#sent.cover(first + report.count)
    const skipped = this.#bytesBetween(fresh, first)
    this.#probe.cover(first + report.count)
    const arrived = this.#read(report, first, fresh, start, now)
    // Packets of a lost feedback: they arrived as those before and after them did.
    if (arrived > -Infinity && skipped > 0) this.#received.add(skipped * (1 - this.#loss.inherent), arrived)
    this.#load.update(this.#control.estimate, now)
    this.#update(now)
  }

  /** Reads the arrivals of packets from `first` on, of which those before `fresh` were reported before. Returns the last arrival. */
  #read(report: TransportReport, first: number, fresh: number, start: number, now: number): number {
    let packets = 0
    let lost = 0
    let bits = 0
    let last = -Infinity
    for (let index = Math.max(0, fresh - first); index < report.count; index++) {
      const packet = first + index
      if (this.#sent.find(packet & 0xffff) !== packet) break
      const bytes = this.#sent.sizeOf(packet)
      const arrival = start + report.times[index]!
      packets++
      bits += bytes * 8
      if (this.#sent.probeOf(packet) === this.#probe.id && this.#probe.isPending) this.#probe.reported(bytes, arrival)
      if (Number.isNaN(arrival)) lost++
      else {
        last = Math.max(last, arrival)
        this.#arrived(packet, bytes, arrival)
        this.#measureTurnaround(now - this.#sent.sentAt(packet))
      }
    }
    if (packets > 0 && this.#loss.add(packets, lost, bits, now)) this.#control.limit(this.#loss.limit)
    return last
  }

  #arrived(packet: number, bytes: number, arrival: number): void {
    this.#received.add(bytes, arrival)
    const groups = this.#groups
    if (this.#sent.probeOf(packet) > 0) return
    this.#trend.packetTime = PACKET / this.#control.estimate
    if (groups.add(this.#sent.sentAt(packet), arrival))
      this.#trend.add(groups.sentDelta, groups.arrivalDelta, groups.arrival)
  }

  #measureTurnaround(turnaround: number): void {
    this.#leastTurnaround = Math.min(this.#leastTurnaround * LEAST_GROWTH, turnaround)
  }

  #update(now: number): void {
    const { usage } = this.#trend
    this.#takeProbe(now)
    const isSteep = this.#trend.isSevere || this.#trend.slope > STEEP
    const isConfirming = !this.#load.isLimited || (usage === Usage.Over && isSteep)
    this.#control.update(usage, this.#carried(), this.#leastTurnaround, isConfirming, now)
    this.#control.limit(this.#loss.limit)
    if (usage === Usage.Over || now - this.#startedAt >= LIMITS.startTime) this.#isMeasured = true
    if (usage === Usage.Over) this.#delayProbe(now)
  }

  /** Bits per second that the link carried, packets included that it lost at the end. */
  #carried(): number | undefined {
    const isSevere = this.#trend.isSevere
    const received = isSevere ? this.#received.recentBitsPerSecond : this.#received.bitsPerSecond
    return received === undefined ? undefined : received / (1 - this.#loss.inherent)
  }

  #takeProbe(now: number): void {
    const result = this.#probe.take(this.#loss.inherent, now)
    if (Number.isNaN(result)) return
    const before = this.#control.estimate
    if (result !== 0) this.#probed(result, before)
    const isHigher = result > before * WORTHWHILE
    const isRetried = result === 0 && !this.#hasFailed
    this.#hasFailed = result === 0
    if (isHigher) this.#probeInterval = 0
    else if (isRetried) this.#probeInterval = LIMITS.probeInterval
    this.#probeAt = now + Math.min(this.#longestInterval, this.#probeInterval)
    this.#probeInterval = Math.max(LIMITS.probeInterval, 2 * this.#probeInterval)
  }

  /** Media that fills the link leaves less room for probes. */
  get #longestInterval(): number {
    const isFull = (this.#carried() ?? 0) > FULL * this.#control.estimate
    return isFull ? LIMITS.probeIntervalFull : LIMITS.probeIntervalHighest
  }

  /** Negative results are those of a full link. */
  #probed(result: number, before: number): void {
    const isFull = result < 0
    const least = isFull ? (this.#hasProbed ? DOUBTED * before : 0) : before
    const measured = Math.max(least, Math.abs(result))
    if (result > this.#loss.limit) this.#loss.forget()
    else if (isFull) this.#loss.raise(-result)
    this.#control.probed(measured, isFull)
    this.#isMeasured = this.#hasProbed = true
  }

  /** After overuse the queue has to drain first. */
  #delayProbe(now: number): void {
    this.#probeAt = Math.max(this.#probeAt, now + LIMITS.probePause)
  }

  /** The viewer could use more, and media alone cannot show that the link has it. */
  #wantsProbe(): boolean {
    const { estimate } = this.#control
    if (!this.#hasProbed) return true
    return this.desired > estimate && this.#trend.usage !== Usage.Over && !this.#loss.isCongested
  }

  #beginProbe(now: number): void {
    const factor = this.#hasProbed ? LIMITS.probeFactor : LIMITS.startProbeFactor
    const most = Math.max(LIMITS.lowestBitrate, this.desired) * WORTHWHILE
    this.#probe.begin(Math.min(most, factor * this.#control.estimate), now)
  }

  #timedOut(now: number): void {
    this.#feedbackAt = now
    if (this.#sentAt < now - LIMITS.feedbackTimeout) return
    this.#isMeasured = true
    this.#control.limit(this.#control.estimate / 2)
  }

  /** The receiver's clock at the reference time of the feedback. */
  #clockOf({ reference }: TransportReport): number {
    if (this.#reference >= 0) this.#clock += referenceDistance(reference, this.#reference)
    this.#reference = reference
    return this.#clock
  }

  #bytesBetween(from: number, to: number): number {
    let bytes = 0
    for (let packet = from; packet < to; packet++) bytes += this.#sent.sizeOf(packet)
    return bytes
  }
}
