// The bandwidth from the node to one viewer, by its transport-wide feedback: queueing delay, loss, and probes while media uses less
// than the estimate (draft-ietf-rmcat-gcc-02).
import { referenceDistance, type TransportReport } from '@parley/protocol'
import { LIMITS } from '../../limits.ts'
import { Usage } from './estimate/delay-trend.ts'
import { FirstRate } from './estimate/first-rate.ts'
import { LinkQueue } from './estimate/link-queue.ts'
import { LossModel } from './estimate/loss-model.ts'
import { estimateAfter, ProbeSchedule } from './estimate/probe-schedule.ts'
import { RateControl } from './estimate/rate-control.ts'
import { ReceivedRate } from './estimate/received-rate.ts'
import { SendingLoad } from './estimate/sending-load.ts'
import { SentPackets } from './estimate/sent-packets.ts'

/** Part of the rate of a slow link that is used once the first packets have filled its queue. */
const AFTER_START = 0.7
/** The least turnaround grows by this factor per packet, so that it follows a path that changes. */
const LEAST_GROWTH = 1.001
/** Nothing has been sent for so many ms: the viewer has nothing to answer. */
const IDLE = 3_000
/** The receiver's clock starts here, so that it stays positive when its reference time steps back. */
const CLOCK_START = 2 ** 31

/** One per viewer with transport-wide feedback. Per packet: no allocation. */
export class SendEstimator {
  readonly #sent = new SentPackets()
  readonly #queue = new LinkQueue()
  readonly #received = new ReceivedRate()
  readonly #load = new SendingLoad()
  readonly #loss = new LossModel()
  readonly #control = new RateControl()
  readonly #probes = new ProbeSchedule()
  readonly #first = new FirstRate()
  /** Bits per second that the viewer could use, with a reserve; below it probes look for more. */
  desired = 0
  /** Milliseconds from a packet to the feedback about it, without the wait in the queue of the link. */
  #leastTurnaround = Infinity
  #clock = CLOCK_START
  #reference = -1
  /** When the first feedback arrived. */
  #startedAt = Infinity
  #feedbackAt = Infinity
  #sentAt = -Infinity
  /** When the estimate of a viewer that is sent nothing last grew. */
  #grownAt = -Infinity
  #isMeasured = false
  /** The last probe had no stream to carry its padding. */
  #isBlind = false

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

  /** A probe has measured something. */
  get hasProbed(): boolean {
    return this.#probes.hasProbed
  }

  /** A probe is being sent. */
  get isProbing(): boolean {
    return this.#probes.probe.isSending
  }

  /** When `paddingDue` has bytes; Infinity if no probe is being sent. */
  get paddingAt(): number {
    return this.isProbing ? this.#probes.probe.dueAt : Infinity
  }

  /** Bytes of each packet of padding. */
  get paddingSize(): number {
    return this.#probes.probe.packetSize
  }

  /** Media uses less than 65 % of the estimate. */
  get isLimitedBySource(): boolean {
    return this.#load.isLimited
  }

  /** A queue grows or stands: what is sent exceeds the link. */
  isCongested(now: number): boolean {
    return this.#queue.isCongested(now)
  }

  /** A probe has just shown that the link carries clearly more than was known: that needs no further confirmation. */
  isRaised(now: number): boolean {
    return this.#probes.isRaised(now)
  }

  /** When `tick` has something to do. */
  get deadline(): number {
    if (!this.isActive) return Infinity
    if (this.isProbing) return this.paddingAt
    const { probe, at } = this.#probes
    const isProbeNext = !probe.isPending && this.#wantsProbe(Math.max(this.#feedbackAt, at))
    return isProbeNext ? at : this.#feedbackAt + LIMITS.feedbackTimeout
  }

  /** A packet of `bytes` with its headers leaves. Returns its transport-wide sequence. Per packet: no allocation. */
  sent(bytes: number, isPadding: boolean, now: number): number {
    this.#sentAt = now
    if (isPadding) this.#isBlind = false
    else this.#load.sent(bytes, this.#control.estimate, now)
    const { probe } = this.#probes
    if (!probe.isSending) return this.#sent.add(bytes, 0, now)
    probe.sent(this.#sent.next, bytes, isPadding, now)
    return this.#sent.add(bytes, probe.id, now)
  }

  /** A probe has no stream to carry its padding. */
  abandonProbe(now: number): void {
    this.#isBlind = true
    this.#probes.abandon(now)
  }

  /** Bytes of padding that a probe needs now. */
  paddingDue(now: number): number {
    return this.#probes.probe.due(now)
  }

  /** Starts probes, and lowers the estimate of a viewer whose feedback ends while packets are sent to it. */
  tick(now: number): void {
    if (!this.isActive) return
    this.#load.update(this.#control.estimate, now)
    this.#takeProbe(now)
    this.#growIdle(now)
    if (now - this.#feedbackAt >= LIMITS.feedbackTimeout) this.#timedOut(now)
    if (this.#probes.probe.isPending || now < this.#probes.at || !this.#wantsProbe(now)) return
    // What layers take that have just begun is not known yet.
    const desired = this.#probes.hasProbed ? this.desired : Math.max(this.desired, LIMITS.startAllowance)
    this.#probes.begin(this.#control.estimate, desired, now)
  }

  /** Feedback of the viewer arrived. Per feedback: no allocation. */
  feedback(report: TransportReport, now: number): void {
    const start = this.#clockOf(report)
    const first = this.#sent.find(report.base)
    if (first < 0 || report.count === 0) return
    if (!this.isActive) this.#startedAt = now
    this.#feedbackAt = now
    const fresh = this.#sent.cover(first + report.count)
    this.#probes.probe.cover(first + report.count)
    this.#received.skipped(this.#bytesBetween(fresh, first), start)
    this.#read(report, first, fresh, start, now)
    this.#load.update(this.#control.estimate, now)
    this.#update(now)
  }

  /** Reads the arrivals of packets from `first` on, of which those before `fresh` were reported before. */
  #read(report: TransportReport, first: number, fresh: number, start: number, now: number): void {
    let packets = 0
    let lost = 0
    let bits = 0
    for (let index = Math.max(0, fresh - first); index < report.count; index++) {
      const packet = first + index
      if (this.#sent.find(packet & 0xffff) !== packet) break
      const bytes = this.#sent.sizeOf(packet)
      const arrival = start + report.times[index]!
      packets++
      bits += bytes * 8
      this.#reported(packet, bytes, arrival)
      if (Number.isNaN(arrival)) {
        lost++
        this.#received.lost(bytes)
      } else this.#arrived(packet, bytes, arrival, now)
    }
    if (packets > 0 && this.#loss.add(packets, lost, bits, now)) this.#limit(now)
  }

  /** `arrival` is NaN for a lost packet. */
  #reported(packet: number, bytes: number, arrival: number): void {
    const { probe } = this.#probes
    if (!this.#isMeasured) this.#first.add(bytes, this.#sent.sentAt(packet), arrival)
    if (probe.isPending && this.#sent.probeOf(packet) === probe.id) probe.reported(bytes, arrival)
  }

  #arrived(packet: number, bytes: number, arrival: number, now: number): void {
    const sent = this.#sent.sentAt(packet)
    this.#leastTurnaround = Math.min(this.#leastTurnaround * LEAST_GROWTH, now - sent)
    this.#queue.arrived(sent, arrival, this.#sent.probeOf(packet) > 0, this.#control.estimate, now)
    this.#received.arrived(bytes, this.#loss.inherent, this.#queue.isFilled, arrival)
  }

  /** Loss shows congestion. */
  #limit(now: number): void {
    if (this.#loss.limit >= this.#control.estimate) return
    this.#control.limit(this.#loss.limit)
    this.#probes.pause(now)
  }

  #update(now: number): void {
    if (!this.#isMeasured) this.#measureStart(now)
    this.#takeProbe(now)
    const usage = this.#queue.take(now)
    this.#control.update(this.#isEcho(usage, now) ? Usage.Under : usage, this.#carried(), this.#leastTurnaround, {
      isConfirming: !this.#load.isLimited || (usage === Usage.Over && this.#queue.isSteep),
      isSevere: this.#queue.isSevere,
      isBlind: this.#isBlind && this.#control.estimate < this.desired,
      now,
    })
    this.#control.limit(this.#loss.limit)
    this.#drain(now)
    if (usage === Usage.Over || now - this.#startedAt >= LIMITS.startTime) this.#isMeasured = true
    if (usage === Usage.Over) this.#probes.pause(now)
  }

  /** What looks like overuse is the queue of a probe, unless it grows steeply. */
  #isEcho(usage: Usage, now: number): boolean {
    return usage === Usage.Over && !this.#queue.isSteep && this.#probes.isEcho(this.#leastTurnaround, now)
  }

  /** The first packets have filled the queue of a slow link: it drains before a probe measures the rest. */
  #measureStart(now: number): void {
    const rate = this.#first.bitsPerSecond
    if (rate === undefined) return
    this.#isMeasured = true
    this.#control.probed(AFTER_START * rate, false, now)
    this.#probes.pause(now)
  }

  #drain(now: number): void {
    if (!this.#queue.mustDrain(now)) return
    this.#control.drain(this.#carried(), now)
    this.#probes.pause(now)
  }

  /** Bits per second that the link carried. */
  #carried(): number | undefined {
    return this.#queue.isSevere ? this.#received.recentBitsPerSecond : this.#received.smoothedBitsPerSecond
  }

  #takeProbe(now: number): void {
    const before = this.#control.estimate
    const { hasProbed } = this.#probes
    const result = this.#probes.take(this.#loss.inherent, this.#leastTurnaround, before, now)
    if (Number.isNaN(result) || result === 0) return
    if (result > this.#loss.limit) this.#loss.forget()
    else if (result < 0) this.#loss.raise(-result)
    this.#control.probed(hasProbed ? estimateAfter(result, before) : Math.abs(result), result < 0, now)
    this.#isMeasured = true
  }

  /** The viewer could use more, and media alone cannot show that the link has it. */
  #wantsProbe(now: number): boolean {
    if (!this.#probes.hasProbed) return true
    return this.desired > this.#control.estimate && this.#queue.usageAt(now) !== Usage.Over
  }

  /**
   * All sources of a viewer that cannot be probed are paused: without packets no feedback arrives that could raise the estimate. What was
   * measured before says little about the link after a while.
   */
  #growIdle(now: number): void {
    const since = Math.max(this.#sentAt + IDLE, this.#grownAt)
    if (!this.#isBlind || now <= since || this.#control.estimate >= this.desired) return
    this.#control.grow(now - since, this.desired)
    this.#loss.resume(Infinity)
    this.#grownAt = now
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
