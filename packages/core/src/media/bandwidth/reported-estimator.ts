// The bandwidth to a viewer that sends no transport-wide feedback: receiver reports tell what is lost, a REMB is an upper bound
// (draft-ietf-rmcat-gcc-02 §6). Discord's clients over UDP send one, the other, or neither.
import { LIMITS } from '../../limits.ts'
import { LossModel } from './estimate/loss-model.ts'

/** Reports come once a second, and are all that tells the bandwidth: each attempt at more costs packets. */
const REPORTS = { life: 20_000, evidence: 12, growth: 0.05, nearGrowth: 0.01, unconfirmed: 4, ends: false }
/** A viewer that is sent no video reports none: its limit grows after so many ms, by this part of it per second. */
const IDLE = 3_000
const IDLE_GROWTH = 0.1

/** Without reports nothing is limited: the client may never send any. Per packet: no allocation. */
export class ReportedEstimator {
  readonly #loss = new LossModel(REPORTS)
  #bits = 0
  #packets = 0
  #lost = 0
  #remb = Infinity
  #rembUntil = -Infinity
  /** When reports last covered packets. */
  #reportedAt = -Infinity

  /** `bytes` of video, with its headers, were sent. */
  sent(bytes: number): void {
    this.#bits += bytes * 8
  }

  /** A report block: of `packets` since the last report on the stream a part was lost, in 1/256. */
  block(packets: number, fractionLost: number): void {
    this.#packets += packets
    this.#lost += (packets * fractionLost) / 256
  }

  /** All blocks of a compound are read. Its packets and bits were sent since the report before. */
  reported(now: number): void {
    if (this.#packets === 0) return
    if (now - this.#reportedAt > IDLE) this.#loss.resume(this.#limitAt(now))
    this.#reportedAt = now
    this.#loss.add(this.#packets, this.#lost, this.#bits, now)
    this.#packets = this.#lost = this.#bits = 0
  }

  /** The client estimates its own bandwidth, in bits per second. */
  remb(estimate: number, now: number): void {
    this.#remb = Math.max(LIMITS.lowestBitrate, estimate)
    this.#rembUntil = now + LIMITS.rembLife
  }

  /** Bits per second; Infinity while nothing limits. */
  estimateAt(now: number): number {
    const remb = now < this.#rembUntil ? this.#remb : Infinity
    return Math.max(LIMITS.lowestBitrate, Math.min(this.#limitAt(now), remb))
  }

  #limitAt(now: number): number {
    const idle = now - this.#reportedAt - IDLE
    return idle > 0 ? this.#loss.limit * (1 + IDLE_GROWTH) ** (idle / 1_000) : this.#loss.limit
  }
}
