// A peer that is sent video: the estimate of its bandwidth, and its division among the sources.
import type { TransportReport } from '@parley/protocol'
import type { PeerId } from '../../lane/commands.ts'
import { LIMITS } from '../../limits.ts'
import type { Peer, SendMeter } from '../address/peers.ts'
import { allocate, type Demand } from '../bandwidth/allocation.ts'
import { AllocationClock } from '../bandwidth/allocation-clock.ts'
import { Paced, Pacer } from '../bandwidth/pacer.ts'
import { ReportedEstimator } from '../bandwidth/reported-estimator.ts'
import { SendEstimator } from '../bandwidth/send-estimator.ts'
import { type LayerChoice, type LayerChoices, NO_LAYER } from '../layers/layer-choice.ts'
import { Share } from './share.ts'

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
  /** When audio of the peer last arrived. */
  spokeAt(peer: PeerId): number
}

/** Packets that wait are named by SSRC and sequence in one number. */
const SEQUENCES = 0x1_0000
export const ssrcOf = (packet: number): number => Math.floor(packet / SEQUENCES)
export const sequenceOf = (packet: number): number => packet % SEQUENCES

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

  constructor(peer: Peer, host: ViewerHost) {
    this.peer = peer
    this.#host = host
  }

  /** Bits per second for video; Infinity while nothing limits it. */
  get estimate(): number {
    const { now } = this.#host
    if (this.#send === undefined) return this.#reported.estimateAt(now)
    const isAwaited = now - this.#startedAt < LIMITS.feedbackWait
    return this.#send.isActive || isAwaited ? this.#send.estimate : this.#reported.estimateAt(now)
  }

  /** A probe is being sent. */
  get isProbing(): boolean {
    return this.#send?.isProbing === true
  }

  /** When padding of a probe is due. */
  get paddingAt(): number {
    return this.#send?.paddingAt ?? Infinity
  }

  /** Bytes of padding that are due. */
  get paddingDue(): number {
    return this.#send?.paddingDue(this.#host.now) ?? 0
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
    if (this.#send === undefined) this.#begin(now)
    return this.#send!.sent(bytes, isPadding, now)
  }

  feedback(report: TransportReport, now: number): void {
    this.#send?.feedback(report, now)
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

  #begin(now: number): void {
    this.#send = new SendEstimator()
    this.#host.begin(this)
    this.#startedAt = now
  }

  #allocate(estimate: number, now: number): void {
    const demands = this.#refresh(now)
    const isStarting = this.#send?.isMeasured === false
    const desired = this.#desired()
    if (this.#send !== undefined) this.#send.desired = desired * LIMITS.desiredReserve
    allocate(demands, isStarting ? Math.max(estimate, startOf(demands)) : estimate)
    this.#clock.allocated(estimate, now)
    for (const share of this.#shares.values()) {
      share.apply(isStarting || !this.#hasAllocated, now)
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
      share.refresh(this.#host.spokeAt(choice.source.sender), now)
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

/** Before anything is measured, one source is sent whatever it takes: only packets can measure the link. */
function startOf(demands: readonly Demand[]): number {
  let least = 0
  for (const { wanted, lowest, bitrates } of demands)
    if (wanted !== NO_LAYER) least = Math.max(least, bitrates[lowest]!)
  return least
}
