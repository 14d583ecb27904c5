// The last packets that were sent to one viewer with a transport-wide sequence, until feedback covers them.
import { LIMITS } from '../../../limits.ts'

/** A power of two: a sequence's place is its lowest bits. */
const PACKETS = LIMITS.unreportedPackets

/** A ring by sequence. Per packet: no allocation. */
export class SentPackets {
  readonly #times = new Float64Array(PACKETS)
  readonly #sizes = new Int32Array(PACKETS)
  /** The probe that a packet belongs to; 0 for media. */
  readonly #probes = new Int32Array(PACKETS)
  /** Sequence of the next packet, unwrapped. */
  #next = 0
  /** The first packet that no feedback has covered, unwrapped. */
  #unreported = 0

  /** The next packet, unwrapped. */
  get next(): number {
    return this.#next
  }

  /** A packet of `size` bytes leaves. Returns its transport-wide sequence. */
  add(size: number, probe: number, now: number): number {
    const place = this.#next & (PACKETS - 1)
    this.#times[place] = now
    this.#sizes[place] = size
    this.#probes[place] = probe
    return this.#next++ & 0xffff
  }

  /** The packet that a receiver names by 16 bits, unwrapped; −1 if it was not sent, or is no longer kept. */
  find(sequence: number): number {
    const index = this.#next - 1 - ((this.#next - 1 - sequence) & 0xffff)
    return index >= 0 && index >= this.#next - PACKETS ? index : -1
  }

  /** Feedback covers packets up to, but not including, `end`. Returns the first that no feedback covered before. */
  cover(end: number): number {
    const first = this.#unreported
    // A receiver may also name packets that were not sent.
    this.#unreported = Math.max(first, Math.min(end, this.#next))
    return Math.max(first, this.#next - PACKETS)
  }

  sentAt(index: number): number {
    return this.#times[index & (PACKETS - 1)]!
  }

  sizeOf(index: number): number {
    return this.#sizes[index & (PACKETS - 1)]!
  }

  probeOf(index: number): number {
    return this.#probes[index & (PACKETS - 1)]!
  }
}
