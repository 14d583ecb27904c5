// The queue of a link: whether it grows, how steeply, and whether it stands.
import { DelayTrend, Usage } from './delay-trend.ts'
import { PacketGroups } from './packet-groups.ts'
import { StandingQueue } from './standing-queue.ts'

/** Milliseconds that the last groups tell the state of the queue. Then it has drained: media has paused. */
const LIFE = 500
/** Delay that grows faster than this shows a link that carries less than what is sent, even if that is less than the estimate. */
const STEEP = 0.1
/** A packet that arrives this many ms, and the time of a large packet, later than without a queue has waited in one. */
const WAITED = 10
/** Bits of a large packet, times a thousand. */
const PACKET = 9_600_000
/** Milliseconds between two attempts to empty a queue that stands, and how many are made. */
const DRAIN_INTERVAL = 700
const DRAINS = 4

/** Per packet: no allocation. */
export class LinkQueue {
  readonly #groups = new PacketGroups()
  readonly #trend = new DelayTrend()
  readonly #standing = new StandingQueue()
  /** When the last complete group arrived, by the clock of the node. */
  #groupAt = -Infinity
  /** A group since `take` showed overuse. */
  #wasOver = false
  #drains = 0
  #drainedAt = -Infinity

  /** The queue is long and grows: the link carries far less than what is sent. */
  get isSevere(): boolean {
    return this.#trend.isSevere
  }

  get isSteep(): boolean {
    return this.#trend.isSevere || this.#trend.slope > STEEP
  }

  /** The last packet has waited behind others, and not only those of its own frame: packets leave the link at its rate. */
  get isFilled(): boolean {
    return this.#standing.excess > WAITED + this.#standing.packetTime
  }

  /** A packet arrived. Those of a probe do not tell what media does to the queue. */
  arrived(sent: number, arrival: number, isProbe: boolean, estimate: number, now: number): void {
    const packetTime = PACKET / estimate
    this.#standing.packetTime = packetTime
    this.#standing.add(sent, arrival)
    if (isProbe || !this.#groups.add(sent, arrival)) return
    const { sentDelta, arrivalDelta, arrival: groupArrival } = this.#groups
    this.#groupAt = now - (arrival - groupArrival)
    this.#trend.packetTime = packetTime
    this.#trend.add(sentDelta, arrivalDelta, groupArrival)
    this.#wasOver ||= this.usageAt(now) === Usage.Over
  }

  usageAt(now: number): Usage {
    return now - this.#groupAt > LIFE ? Usage.Normal : this.#trend.usage
  }

  /** The queue grows, or stands. */
  isCongested(now: number): boolean {
    return this.usageAt(now) === Usage.Over || this.#standing.stands
  }

  /** The usage since the last call: overuse of any group counts. */
  take(now: number): Usage {
    const usage = this.#wasOver ? Usage.Over : this.usageAt(now)
    this.#wasOver = false
    return usage
  }

  /**
   * Whether less has to be sent, so that a queue that stands empties. If it does not shrink with what is sent, others fill it, or the
   * path is longer: then it is accepted.
   */
  mustDrain(now: number): boolean {
    if (!this.#standing.stands) {
      this.#drains = 0
      return false
    }
    if (now - this.#drainedAt < DRAIN_INTERVAL) return false
    this.#drainedAt = now
    if (this.#drains++ < DRAINS) return true
    this.#standing.accept()
    return false
  }
}
