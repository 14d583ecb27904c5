// One probe: packets that leave faster than the estimate for a moment, and the rate at which they arrive.
import { LIMITS } from '../../../limits.ts'

/** A probe whose packets arrive this much slower than they were sent has filled the link: its rate is that of the link. */
const SATURATED = 0.9
/** Part of the measured rate of a link that is used. */
const USABLE = 0.95
/** Part of the packets that must arrive, apart from inherent loss. */
const ARRIVED = 0.8
/** Packets that arrive faster than they were sent by more than this factor were held back on the way, and measure nothing. */
const RELEASED = 2
/** Loss in a probe of a few packets may exceed the mean by this factor. */
const LOSS_SPREAD = 1.5
/** Milliseconds after the last packet until a probe without feedback ends. */
const TIMEOUT = 1_000

/** Reused for each probe. Per packet: no allocation. */
export class Probe {
  /** 0 before the first. */
  id = 0
  /** Bits per second at which packets leave. */
  rate = 0
  /** Packets are still to be sent. */
  isSending = false
  /** The result is still to come. */
  isPending = false
  #startedAt = 0
  #lastSent = 0
  /** Index of the last packet, and up to where feedback has come. */
  #lastPacket = -1
  #covered = -1
  #length = 0
  #bytes = 0
  #padding = 0
  #packets = 0
  #lastBytes = 0
  #arrived = 0
  #arrivedBytes = 0
  #lostBytes = 0
  #firstArrival = 0
  #lastArrival = 0
  #firstBytes = 0

  begin(rate: number, now: number): void {
    this.id++
    this.rate = rate
    this.isSending = this.isPending = true
    this.#startedAt = this.#lastSent = now
    this.#length = Math.max((rate * LIMITS.probeTime) / 8_000, LIMITS.probePackets * LIMITS.probePacket)
    this.#bytes = this.#padding = this.#packets = this.#lastBytes = 0
    this.#arrived = this.#arrivedBytes = this.#lostBytes = 0
    this.#firstArrival = Infinity
    this.#lastArrival = -Infinity
  }

  /** Bytes that should have left by now, but did not. */
  due(now: number): number {
    if (!this.isSending) return 0
    const target = Math.min(this.#length, LIMITS.probePacket + (this.rate * (now - this.#startedAt)) / 8_000)
    return Math.max(0, target - this.#padding)
  }

  /** When the next packet is due. */
  get dueAt(): number {
    return this.#startedAt + ((this.#padding + 1 - LIMITS.probePacket) * 8_000) / this.rate
  }

  /** A packet left while the probe was sending. Media counts for the rate that is measured, not as padding. */
  sent(packet: number, bytes: number, isPadding: boolean, now: number): void {
    this.#lastPacket = packet
    this.#bytes += bytes
    if (isPadding) this.#padding += bytes
    this.#lastBytes = bytes
    this.#packets++
    this.#lastSent = now
    if (this.#padding >= this.#length) this.isSending = false
  }

  /** Feedback covers packets up to, but not including, this one. Those that it left out were in a lost feedback. */
  cover(end: number): void {
    this.#covered = end
  }

  /** Feedback covers one of the packets. `arrival` is NaN for a lost one. */
  reported(bytes: number, arrival: number): void {
    if (Number.isNaN(arrival)) {
      this.#lostBytes += bytes
      return
    }
    this.#arrived++
    this.#arrivedBytes += bytes
    if (arrival < this.#firstArrival) {
      this.#firstArrival = arrival
      this.#firstBytes = bytes
    }
    this.#lastArrival = Math.max(this.#lastArrival, arrival)
  }

  /**
   * Bits per second that the link carries, once: negative if it is full at that rate, 0 if the probe measured nothing, NaN while
   * the result is to come. `inherent` is the part of the packets that is lost at any rate.
   */
  take(inherent: number, now: number): number {
    if (!this.isPending || this.isSending) return Number.NaN
    if (this.#covered <= this.#lastPacket && now - this.#lastSent < TIMEOUT) return Number.NaN
    this.isPending = false
    const sent = ((this.#bytes - this.#lastBytes) * 8_000) / (this.#lastSent - this.#startedAt)
    // Packets that were lost behind the queue took their time too, but no more than the link loses at any rate.
    const most = (this.#arrivedBytes * LOSS_SPREAD * inherent) / (1 - inherent)
    const bytes = this.#arrivedBytes - this.#firstBytes + Math.min(this.#lostBytes, most)
    const arrived = (bytes * 8_000) / (this.#lastArrival - this.#firstArrival)
    const isWhole = this.#arrived >= ARRIVED * (1 - inherent) * this.#packets
    if (!isWhole || !(arrived > 0 && arrived < RELEASED * sent)) return 0
    return arrived < SATURATED * sent ? -USABLE * arrived : Math.min(sent, arrived)
  }
}
