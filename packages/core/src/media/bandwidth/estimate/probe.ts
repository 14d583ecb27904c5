// One probe: packets that leave faster than the estimate for a moment, and the rate at which they arrive.

/** A probe whose packets arrive this much slower than they were sent has filled the link: its rate is that of the link. */
const SATURATED = 0.9
/** Part of the measured rate of a link that is used. */
const USABLE = 0.95
/** Part of the packets that must arrive, apart from inherent loss. */
const ARRIVED = 0.8
/** Media that leaves with a probe makes it faster than its own rate, but not by more than this factor. */
const MOST = 2
/** Packets that arrive faster than they were sent by more than this factor were held back on the way, and measure nothing. */
const RELEASED = 2
/** Loss in a probe of a few packets may exceed the mean by this factor, and by a packet. */
const LOSS_SPREAD = 1.5

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
  startedAt = 0
  #firstSent = 0
  #lastSent = -Infinity
  /** Index of the last packet, and up to where feedback has come. */
  #lastPacket = -1
  #covered = -1
  #length = 0
  #bytes = 0
  #padding = 0
  #packets = 0
  /** Bytes of the first packet, and of those that left last at the same time. */
  #firstSize = 0
  #lastBytes = 0
  #arrived = 0
  #arrivedBytes = 0
  /** Lost packets between the first and the last that arrived, and their bytes; those after the last. */
  #lost = 0
  #lostBytes = 0
  #lostSince = 0
  #lostBytesSince = 0
  #firstArrival = 0
  #lastArrival = 0
  #firstBytes = 0
  /** Bytes of a packet of padding. */
  packetSize = 0

  /** Sends `bytes` of padding in packets of `packetSize` at `rate`. */
  begin(rate: number, bytes: number, packetSize: number, now: number): void {
    this.id++
    this.rate = rate
    this.packetSize = packetSize
    this.#length = bytes
    this.isSending = this.isPending = true
    this.startedAt = this.#lastSent = now
    this.#bytes = this.#padding = this.#packets = this.#lastBytes = 0
    this.#arrived = this.#arrivedBytes = 0
    this.#lost = this.#lostBytes = this.#lostSince = this.#lostBytesSince = 0
    this.#firstArrival = Infinity
    this.#lastArrival = -Infinity
  }

  /** Ends it without a result. */
  abandon(): void {
    this.isSending = this.isPending = false
  }

  /** Bytes that should have left by now, but did not. */
  due(now: number): number {
    if (!this.isSending) return 0
    const target = Math.min(this.#length, this.packetSize + (this.rate * (now - this.startedAt)) / 8_000)
    return Math.max(0, target - this.#padding)
  }

  /** Feedback about later packets came, but none about those of the probe: it was lost. */
  get isUnreported(): boolean {
    return this.#covered > this.#lastPacket && this.#arrived + this.#lost + this.#lostSince === 0
  }

  /** When its last packet left; −Infinity before the first probe. */
  get sentAt(): number {
    return this.#lastSent
  }

  /** When the next packet is due. */
  get dueAt(): number {
    return this.startedAt + ((this.#padding + 1 - this.packetSize) * 8_000) / this.rate
  }

  /** A packet left while the probe was sending. Media counts for the rate that is measured, not as padding. */
  sent(packet: number, bytes: number, isPadding: boolean, now: number): void {
    this.#lastPacket = packet
    if (this.#packets++ === 0) {
      this.#firstSent = now
      this.#firstSize = bytes
    }
    this.#lastBytes = now > this.#lastSent ? bytes : this.#lastBytes + bytes
    this.#lastSent = now
    this.#bytes += bytes
    if (isPadding) this.#padding += bytes
    if (this.#padding >= this.#length) this.isSending = false
  }

  /** Feedback covers packets up to, but not including, this one. Those that it left out were in a lost feedback. */
  cover(end: number): void {
    this.#covered = end
  }

  /** Feedback covers one of the packets. `arrival` is NaN for a lost one. */
  reported(bytes: number, arrival: number): void {
    if (Number.isNaN(arrival)) {
      if (this.#arrived === 0) return
      this.#lostSince++
      this.#lostBytesSince += bytes
      return
    }
    this.#lost += this.#lostSince
    this.#lostBytes += this.#lostBytesSince
    this.#lostSince = this.#lostBytesSince = 0
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
   * the result is to come. `inherent` is the part of the packets that is lost at any rate; `wait` the ms after the last packet until
   * a probe without feedback ends.
   */
  take(inherent: number, wait: number, now: number): number {
    if (!this.isPending || this.isSending) return Number.NaN
    if (this.#covered <= this.#lastPacket && now - this.#lastSent < wait) return Number.NaN
    this.isPending = false
    // Where timers are late, several packets leave at once: the last of them belong to the time after.
    const span = this.#lastSent - this.#firstSent
    const leastSent = ((this.#bytes - this.#lastBytes) * 8_000) / span
    const mostSent = ((this.#bytes - this.#firstSize) * 8_000) / span
    // Packets that were lost behind the queue took their time too, but no more than the link loses at any rate.
    const most = LOSS_SPREAD * inherent * this.#packets + 1
    const lostBytes = this.#lost <= most ? this.#lostBytes : (most * this.#arrivedBytes) / this.#arrived
    const bytes = this.#arrivedBytes - this.#firstBytes + lostBytes
    const arrived = (bytes * 8_000) / (this.#lastArrival - this.#firstArrival)
    const isWhole = this.#arrived >= ARRIVED * (this.#packets - most)
    if (!isWhole || !(arrived > 0 && arrived < RELEASED * mostSent)) return 0
    // All packets may have left at once: then they tell no more than what the probe looked for.
    return arrived < SATURATED * leastSent ? -USABLE * arrived : Math.min(mostSent, arrived, MOST * this.rate)
  }
}
