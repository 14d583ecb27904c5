// A peer that is sent video: the estimate of its bandwidth, and its division among the sources.
import type { TransportReport } from '@parley/protocol'
import type { PeerId } from '../../lane/commands.ts'
import { LIMITS } from '../../limits.ts'
import type { Peer, SendMeter } from '../address/peers.ts'
import { allocate, allocateStart, type Demand } from '../bandwidth/allocation.ts'
import { AllocationClock } from '../bandwidth/allocation-clock.ts'
import { Paced, Pacer } from '../bandwidth/pacer.ts'
import { ReportedEstimator } from '../bandwidth/reported-estimator.ts'
import { SendEstimator } from '../bandwidth/send-estimator.ts'
import { type LayerChoice, type LayerChoices, NO_LAYER } from '../layers/layer-choice.ts'
import { type SenderAudio, Share } from './share.ts'

/** What a viewer needs of the lane. */
export interface ViewerHost extends LayerChoices {
  /** The time of the current input. */
  readonly now: number
  /** A packet to the viewer waits for its time to leave. */
  waits(viewer: Viewer): void
  /** A packet would have waited too long. */
  dropped(): void
  /** Video is sent to the viewer, or it reports about it. */
  begin(viewer: Viewer): void
  /** The audio of the peer; undefined before its first packet. */
  audioOf(peer: PeerId): SenderAudio | undefined
}

/** Packets that wait are named by SSRC and sequence in one number. */
const SEQUENCES = 0x1_0000
export const ssrcOf = (packet: number): number => Math.floor(packet / SEQUENCES)
export const sequenceOf = (packet: number): number => packet % SEQUENCES

/** What a packet takes on the link beside its header and payload: IPv4, UDP, and the tag of its encryption. Small packets need it. */
export const PACKET_OVERHEAD = 20 + 8 + 16
/** Packets that tell how much of what is sent to the viewer is overhead: older ones count half. */
const OVERHEAD_PACKETS = 2_000

export class Viewer implements SendMeter {
  readonly peer: Peer
  readonly #host: ViewerHost
  /** Of a viewer with transport-wide feedback; created with the first packet that is stamped. */
  #send: SendEstimator | undefined
  #startedAt = Infinity
  readonly #reported = new ReportedEstimator()
  /** The highest sequence that the viewer reported last, by SSRC. */
  readonly #highest = new Map<number, number>()
  #reportedAt = -Infinity
  readonly #clock = new AllocationClock()
  readonly #pacer = new Pacer()
  readonly #shares = new Map<LayerChoice, Share>()
  #round = 0
  #hasAllocated = false
  /** Nothing was measured before the last allocation. */
  #isStarting = false
  /** Packets of media that were sent, and their bytes. */
  #packets = 0
  #bytes = 0

  constructor(peer: Peer, host: ViewerHost) {
    this.peer = peer
    this.#host = host
  }

  /** Bits per second for video; Infinity while nothing limits it. */
  get estimate(): number {
    const { now } = this.#host
    return this.#send !== undefined && this.#hasFeedback(now) ? this.#send.estimate : this.#reported.estimateAt(now)
  }

  /** Transport-wide feedback arrives, or may arrive yet. */
  #hasFeedback(now: number): boolean {
    return this.#send?.isActive === true || now - this.#startedAt < LIMITS.feedbackWait
  }

  /** A probe is being sent. */
  get isProbing(): boolean {
    return this.#send?.isProbing === true
  }

  /** When padding of a probe is due. */
  get paddingAt(): number {
    return this.#send?.paddingAt ?? Infinity
  }

  /** Bytes of a packet of padding. */
  get paddingSize(): number {
    return (this.#send?.paddingSize ?? 0) - PACKET_OVERHEAD
  }

  /** Bytes of padding that are due. */
  get paddingDue(): number {
    return this.#send?.paddingDue(this.#host.now) ?? 0
  }

  /** No packet of padding can be sent. */
  abandonProbe(): void {
    this.#send?.abandonProbe(this.#host.now)
  }

  leavesNow(ssrc: number, sequence: number, bytes: number): boolean {
    const paced = this.#pacer.offer(ssrc * SEQUENCES + sequence, bytes, this.#host.now)
    if (paced === Paced.Queued) this.#host.waits(this)
    else if (paced === Paced.Dropped) this.#host.dropped()
    return paced === Paced.Now
  }

  /** When a packet that waits may leave; Infinity if none waits. */
  get packetAt(): number {
    return this.#pacer.deadline
  }

  /** The next packet that leaves now, by `ssrcOf` and `sequenceOf`; −1 if none does. */
  nextPacket(now: number): number {
    return this.#pacer.next(now)
  }

  /** A packet of video, its retransmission or padding leaves. Returns its transport-wide sequence. Per packet: no allocation. */
  sent(bytes: number, isPadding: boolean): number {
    const { now } = this.#host
    if (this.#send === undefined) this.begin()
    this.#startedAt = Math.min(this.#startedAt, now)
    if (!isPadding) this.#count(bytes)
    return this.#send!.sent(bytes + PACKET_OVERHEAD, isPadding, now)
  }

  #count(bytes: number): void {
    this.#bytes += bytes
    if (++this.#packets < OVERHEAD_PACKETS) return
    this.#packets /= 2
    this.#bytes /= 2
  }

  /** Part of what is sent to the viewer that is headers and payload: bitrates of layers are counted in those. */
  get #mediaShare(): number {
    return this.#packets === 0 ? 1 : this.#bytes / (this.#bytes + PACKET_OVERHEAD * this.#packets)
  }

  /** Returns when an allocation is due because of it. */
  feedback(report: TransportReport, now: number): number {
    this.#send?.feedback(report, now)
    // Layers may take more than they did, at the same estimate; and the first measurement may be what was assumed.
    const isStarted = this.#isStarting && this.#send?.isMeasured === true
    if (isStarted || this.#send?.isCongested(now) === true) this.#clock.isStale = true
    return this.#clock.dueAt(this.estimate)
  }

  remb(estimate: number, now: number): void {
    this.#reported.remb(estimate, now)
  }

  /** A block of a receiver report about a stream of video. */
  block(ssrc: number, highest: number, fractionLost: number): void {
    const before = this.#highest.get(ssrc)
    if (before === undefined && this.#highest.size >= LIMITS.reportedStreams) this.#highest.clear()
    this.#highest.set(ssrc, highest)
    const packets = before === undefined ? 0 : (highest - before) | 0
    if (packets > 0 && packets < LIMITS.reportedPackets) this.#reported.block(packets, fractionLost)
  }

  /** All blocks of a compound are read. Packets are not counted for each viewer, so that what was sent follows from its layers. */
  blocksRead(now: number): void {
    const elapsed = Math.min(LIMITS.rembLife, now - this.#reportedAt)
    this.#reportedAt = now
    let bits = 0
    for (const choice of this.#host.choicesOf(this.peer.id)) bits += choice.sentBitrate(now)
    this.#reported.sent((bits * elapsed) / 8_000)
    this.#reported.reported(now)
  }

  /** Its sources or wants changed. */
  changed(): void {
    this.#clock.isStale = true
  }

  tick(now: number): void {
    this.#send?.tick(now)
    const { estimate } = this
    this.#pacer.setEstimate(estimate)
    if (now >= this.#clock.dueAt(estimate)) this.#allocate(estimate, now)
  }

  /** Its video is stamped: allocations begin before the first packet, so that no layer is sent that the link may not carry. */
  begin(): void {
    if (this.#send !== undefined) return
    this.#send = new SendEstimator()
    this.#host.begin(this)
  }

  #allocate(estimate: number, now: number): void {
    const demands = this.#refresh(now)
    const isMeasured = this.#send?.isMeasured === true
    const isStarting = this.#send !== undefined && !isMeasured && this.#hasFeedback(now)
    // What a probe has measured needs no confirmation, and nothing will be measured without feedback.
    const isKnown = this.#isStarting && !isStarting && (this.#send?.hasProbed === true || !isMeasured)
    this.#isStarting = isStarting
    const desired = this.#desired()
    if (this.#send !== undefined) this.#send.desired = (desired * LIMITS.desiredReserve) / this.#mediaShare
    const bandwidth = estimate * this.#mediaShare
    if (isStarting) allocateStart(demands)
    else allocate(demands, bandwidth)
    this.#clock.allocated(estimate, now)
    const isConfirmed = this.#send?.isRaised(now) === true
    const applied = { estimate, isConfirmed, isAtOnce: isStarting || isKnown || !this.#hasAllocated }
    for (const share of this.#shares.values()) {
      share.apply(applied, now)
      this.#clock.raiseAt = Math.min(this.#clock.raiseAt, share.hysteresis.deadline)
    }
    this.#hasAllocated = true
  }

  /** One demand per source that the viewer has now. */
  #refresh(now: number): Demand[] {
    const demands: Demand[] = []
    let selected: Share | undefined
    this.#round++
    for (const choice of this.#host.choicesOf(this.peer.id)) {
      const share = this.#shareOf(choice)
      share.refresh(this.#host.audioOf(choice.source.sender), now)
      share.demand.isSelected = false
      if (isLarger(choice, selected?.choice)) selected = share
      demands.push(share.demand)
    }
    if (selected !== undefined) selected.demand.isSelected = true
    for (const share of this.#shares.values()) if (share.round !== this.#round) this.#shares.delete(share.choice)
    return demands
  }

  #shareOf(choice: LayerChoice): Share {
    let share = this.#shares.get(choice)
    if (share === undefined) {
      share = new Share(choice)
      this.#shares.set(choice, share)
    }
    share.round = this.#round
    return share
  }

  #desired(): number {
    let bits = 0
    for (const share of this.#shares.values()) bits += share.wantedBitrate
    return bits
  }
}

/** Whether the viewer shows the choice larger than the other; of choices without pixels, whether it alone wants a better layer. */
function isLarger(choice: LayerChoice, other: LayerChoice | undefined): boolean {
  if (choice.wanted === NO_LAYER || choice.source.kind === 'screen') return false
  if (other === undefined) return choice.pixels > 0 || choice.wanted > 0
  return choice.pixels === other.pixels ? choice.wanted > other.wanted : choice.pixels > other.pixels
}
