// The 48-bit index of each SSRC of a peer, rollover counter and sequence (RFC 3711 §3.3.1), in both directions.
import { LIMITS } from '@parley/core'
import { unwrapSequence } from '@parley/protocol'

const HALF = 32
const SEQUENCES = 65_536

/** Indexes of packets to open. Nothing is kept of packets that have not verified. */
export class OpenStreams {
  readonly #newest = new Map<number, number>()

  /** The index that the sequence most likely stands for; −1 if there is none. */
  guess(ssrc: number, sequence: number): number {
    const newest = this.#newest.get(ssrc)
    if (newest !== undefined) return Math.max(-1, unwrapSequence(sequence, newest))
    return this.#newest.size < LIMITS.srtpStreams ? sequence : -1
  }

  /** The packet with this index has verified. */
  verified(ssrc: number, index: number): void {
    const newest = this.#newest.get(ssrc)
    if (newest === undefined || index > newest) this.#newest.set(ssrc, index)
  }
}

/** Replay windows for SRTCP; each SSRC of a peer counts its own indexes (RFC 3711 §3.2.1). */
export class RtcpWindows {
  readonly #streams = new Map<number, { newest: number; seen: number }>()

  /** Whether a packet may be opened. */
  isFresh(ssrc: number, index: number): boolean {
    const stream = this.#streams.get(ssrc)
    if (stream === undefined) return this.#streams.size < LIMITS.srtpStreams
    const behind = stream.newest - index
    return behind < 0 || (behind < LIMITS.srtcpWindow && ((stream.seen >>> behind) & 1) === 0)
  }

  /** The packet with this index was fresh, and has verified. */
  verified(ssrc: number, index: number): void {
    const stream = this.#streams.get(ssrc)
    if (stream === undefined) {
      this.#streams.set(ssrc, { newest: index, seen: 1 })
      return
    }
    const ahead = index - stream.newest
    if (ahead <= 0) {
      stream.seen |= 1 << -ahead
      return
    }
    stream.seen = (ahead < LIMITS.srtcpWindow ? stream.seen << ahead : 0) | 1
    stream.newest = index
  }
}

interface SealStream {
  readonly ssrc: number
  /** The highest index that was used. */
  newest: number
  /** Bit n: newest − n was used; 0–31 in the low, 32–63 in the high half. */
  low: number
  high: number
}

/**
 * Indexes of packets to seal. Each is used once per key and SSRC, whatever numbers the caller chooses: a second packet with the
 * same index would reveal the key stream, and with GCM the authentication key (RFC 3711 §9.1, RFC 7714 §8.4).
 */
export class SealStreams {
  readonly #streams = new Map<number, SealStream>()
  /** The last one used, which mostly is the next: the look-up misses the cache where each receiver has a table. */
  #last: SealStream | undefined

  /** Whether no other SSRC can be added. */
  get isFull(): boolean {
    return this.#streams.size >= LIMITS.srtpStreams
  }

  /** Takes the index for a packet. −1 if it was used, is older than the window, or the SSRC is one too many. */
  take(ssrc: number, sequence: number): number {
    const stream = this.#last?.ssrc === ssrc ? this.#last : this.#streams.get(ssrc)
    if (stream === undefined) return this.#begin(ssrc, sequence)
    this.#last = stream
    const index = unwrapSequence(sequence, stream.newest)
    if (index > stream.newest) return advance(stream, index)
    return index >= 0 && mark(stream, stream.newest - index) ? index : -1
  }

  /** The rollover counter of a stream starts at 0. */
  #begin(ssrc: number, sequence: number): number {
    if (this.isFull) return -1
    this.#last = { ssrc, newest: sequence, low: 1, high: 0 }
    this.#streams.set(ssrc, this.#last)
    return sequence
  }
}

function advance(stream: SealStream, index: number): number {
  const by = index - stream.newest
  stream.newest = index
  if (by >= LIMITS.replayWindow) {
    stream.low = 1
    stream.high = 0
    return index
  }
  stream.high = by >= HALF ? stream.low << (by - HALF) : (stream.high << by) | (stream.low >>> (HALF - by))
  stream.low = (by >= HALF ? 0 : stream.low << by) | 1
  return index
}

/** Returns false if the index was used, or is older than the window. */
function mark(stream: SealStream, behind: number): boolean {
  if (behind >= LIMITS.replayWindow) return false
  const bit = 1 << (behind & (HALF - 1))
  const used = behind < HALF ? stream.low : stream.high
  if ((used & bit) !== 0) return false
  if (behind < HALF) stream.low |= bit
  else stream.high |= bit
  return true
}

/** The rollover counter of an index. */
export const rolloverOf = (index: number): number => Math.floor(index / SEQUENCES)
