// What a simulated viewer is sent by: an estimator alone, or all that a lane has for a viewer.
import type { TransportReport } from '@parley/protocol'
import { type Paced, Pacer } from '../../media/bandwidth/pacer.ts'
import { SendEstimator } from '../../media/bandwidth/send-estimator.ts'
import type { Timed } from './virtual-time.ts'

/** Bytes are those of the link. */
export interface LinkSender extends Timed {
  /** Bits per second. */
  readonly estimate: number
  /** A packet of media is to leave: now, later, or never. */
  offer(bytes: number, now: number): Paced
  /** Whether a packet that waited leaves now. */
  next(now: number): boolean
  /** A packet leaves. Returns its transport-wide sequence. */
  sent(bytes: number, isPadding: boolean, now: number): number
  /** Bytes of padding that are due, and of each packet of it. */
  paddingDue(now: number): number
  readonly paddingSize: number
  feedback(report: TransportReport, now: number): void
}

/** The estimator and the pacer. */
export class EstimatedSender implements LinkSender {
  readonly estimator = new SendEstimator()
  readonly #pacer = new Pacer()

  get estimate(): number {
    return this.estimator.estimate
  }
  get deadline(): number {
    return Math.min(this.estimator.deadline, this.#pacer.deadline)
  }
  get paddingSize(): number {
    return this.estimator.paddingSize
  }
  tick(now: number): void {
    this.estimator.tick(now)
    this.#pacer.setEstimate(this.estimate)
  }
  offer(bytes: number, now: number): Paced {
    return this.#pacer.offer(0, bytes, now)
  }
  next(now: number): boolean {
    return this.#pacer.next(now) >= 0
  }
  sent(bytes: number, isPadding: boolean, now: number): number {
    return this.estimator.sent(bytes, isPadding, now)
  }
  paddingDue(now: number): number {
    return this.estimator.paddingDue(now)
  }
  feedback(report: TransportReport, now: number): void {
    this.estimator.feedback(report, now)
  }
}
