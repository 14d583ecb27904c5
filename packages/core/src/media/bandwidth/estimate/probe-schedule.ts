// When probes are sent to a viewer, how large they are, and what their results change.
import { LIMITS } from '../../../limits.ts'
import { Probe } from './probe.ts'

/** Padding of a probe takes the link this many ms at the estimate. It is at least so many packets: fewer measure chance. */
const TIME = 40
const PACKETS = 10
/** Bytes of a packet: small on a slow link, and so many at most. */
const LEAST_PACKET = 140
const MOST_PACKET = 300
/** A probe's rate by the estimate, and by what the viewer could use. */
const FACTOR = 4
const USEFUL = 1.1
/** Milliseconds from the result of a probe to the next one while the viewer could use more: first, and doubled by each that finds no more … */
const SHORTEST_INTERVAL = 250
/** … until probes begin at this interval. A link that has become faster is found after half of it and a turnaround, on average. */
const LONGEST_INTERVAL = 900
/** After overuse or loss the queue has to drain first. */
const PAUSE = 1_000
/** A probe that finds this multiple of the estimate shows another link, not noise. */
const DISTINCT = 1.2
/** A link that carried less than the estimate in a probe lowers it by at most this factor: one probe may meet other traffic. */
const DOUBTED = 0.85
/** The result of a probe confirms a better layer for so many ms. */
const CONFIRMED = 300
/** Packets behind a probe wait in its queue: feedback within a turnaround and so many ms shows that, not overuse. */
const ECHO = 250
/** Milliseconds after its last packet, at most, until a probe without feedback ends. */
const LONGEST_WAIT = 1_000

/** One per viewer. Per packet: no allocation. */
export class ProbeSchedule {
  readonly probe = new Probe()
  /** A probe has measured something. */
  hasProbed = false
  /** When the next probe may be sent. */
  at = -Infinity
  #interval: number = SHORTEST_INTERVAL
  /** The last probe measured nothing: packets of it, or the feedback, were lost. */
  #hasFailed = false
  #raisedAt = -Infinity

  /** The last probe has just shown that the link carries clearly more than was known. */
  isRaised(now: number): boolean {
    return now - this.#raisedAt < CONFIRMED
  }

  /** Feedback that arrives now may still show the queue that a probe has left. */
  isEcho(turnaround: number, now: number): boolean {
    return now - this.probe.sentAt < turnaround + ECHO
  }

  /** No probe before the queue has drained. */
  pause(now: number): void {
    this.at = Math.max(this.at, now + PAUSE)
  }

  begin(estimate: number, desired: number, now: number): void {
    const most = Math.max(LIMITS.lowestBitrate, desired) * USEFUL
    const bytes = (estimate * TIME) / 8_000
    const size = Math.round(Math.max(LEAST_PACKET, Math.min(MOST_PACKET, bytes / PACKETS)))
    this.probe.begin(Math.min(most, FACTOR * estimate), Math.max(bytes, PACKETS * size), size, now)
  }

  /** Ends the probe without a result. */
  abandon(now: number): void {
    this.probe.abandon()
    this.at = now + LONGEST_INTERVAL
  }

  /** What `Probe.take` returns. `turnaround` is the time from a packet to its feedback. */
  take(inherent: number, turnaround: number, estimate: number, now: number): number {
    const wait = Math.min(LONGEST_WAIT, 2 * turnaround + ECHO)
    const result = this.probe.take(inherent, wait, now)
    if (Number.isNaN(result)) return result
    const isRetried = result === 0 && (!this.#hasFailed || this.probe.isUnreported)
    this.#hasFailed = result === 0
    this.hasProbed ||= result !== 0
    if (Math.abs(result) > DISTINCT * estimate) {
      this.#raisedAt = now
      this.#interval = 0
    } else if (isRetried) this.#interval = SHORTEST_INTERVAL
    this.at = Math.max(now, Math.min(this.probe.startedAt + LONGEST_INTERVAL, now + this.#interval))
    this.#interval = Math.max(SHORTEST_INTERVAL, 2 * this.#interval)
    return result
  }
}

/** The estimate after a probe with this result. Small differences are noise: they count half. */
export function estimateAfter(result: number, before: number): number {
  const isFull = result < 0
  const measured = Math.abs(result)
  if (!isFull) return Math.max(before, measured)
  if (measured > DISTINCT * before) return measured
  return Math.max(DOUBTED * before, (before + measured) / 2)
}
