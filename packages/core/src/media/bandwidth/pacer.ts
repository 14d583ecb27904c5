// Spreads video to one viewer over time: a keyframe leaves at 2.5 times the estimate at most, so that it does not fill the queue of
// the link, behind which audio would wait. Audio is never paced.
//
// The queue is bounded by the wait of its last packet (`LIMITS.pacedWait`) and by packets. A packet that does not fit is dropped.
import { LIMITS } from '../../limits.ts'

/** Packets may leave this much ahead of their time, in milliseconds: a timer is no more precise. */
const BURST = 5
const PACKETS = LIMITS.pacedPackets

export const Paced = { Now: 0, Queued: 1, Dropped: 2 } as const
export type Paced = (typeof Paced)[keyof typeof Paced]

const NO_PACKETS = new Float64Array(0)
const NO_BYTES = new Int32Array(0)

/** One per viewer. It keeps a number per packet, by which its owner finds the packet again. Per packet: allocates only for the first that waits. */
export class Pacer {
  #packets = NO_PACKETS
  #bytes = NO_BYTES
  #first = 0
  #count = 0
  #queuedBytes = 0
  /** When what has left so far is through at the rate. */
  #freeAt = -Infinity
  #bitsPerMs = Infinity

  /** Packets that wait. */
  get count(): number {
    return this.#count
  }

  /** When `next` has a packet. */
  get deadline(): number {
    return this.#count === 0 ? Infinity : this.#freeAt - BURST
  }

  /** Sets the rate by the estimate, in bits per second; Infinity ends pacing. */
  setEstimate(estimate: number): void {
    this.#bitsPerMs = (LIMITS.pacingFactor * estimate) / 1_000
  }

  /** Whether a packet of `bytes` leaves now, after others, or never. */
  offer(packet: number, bytes: number, now: number): Paced {
    if (this.#count === 0 && this.#freeAt <= now + BURST) {
      this.#sent(bytes, now)
      return Paced.Now
    }
    const wait = Math.max(0, this.#freeAt - now) + (this.#queuedBytes * 8) / this.#bitsPerMs
    if (this.#count === PACKETS || wait > LIMITS.pacedWait) return Paced.Dropped
    if (this.#packets === NO_PACKETS) this.#allocate()
    const place = (this.#first + this.#count++) & (PACKETS - 1)
    this.#packets[place] = packet
    this.#bytes[place] = bytes
    this.#queuedBytes += bytes
    return Paced.Queued
  }

  /** The next packet that leaves now; −1 if none does. */
  next(now: number): number {
    if (this.#count === 0 || this.#freeAt > now + BURST) return -1
    const bytes = this.#bytes[this.#first]!
    const packet = this.#packets[this.#first]!
    this.#first = (this.#first + 1) & (PACKETS - 1)
    this.#count--
    this.#queuedBytes -= bytes
    this.#sent(bytes, now)
    return packet
  }

  #allocate(): void {
    this.#packets = new Float64Array(PACKETS)
    this.#bytes = new Int32Array(PACKETS)
  }

  #sent(bytes: number, now: number): void {
    this.#freeAt = Math.max(this.#freeAt, now) + (bytes * 8) / this.#bitsPerMs
  }
}
