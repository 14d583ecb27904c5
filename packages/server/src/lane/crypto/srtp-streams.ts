// The 48-bit index of each SSRC of a peer, rollover counter and sequence (RFC 3711 §3.3.1), in both directions.
import { LIMITS, NumberRing } from '@parley/core'
import { unwrapSequence } from '@parley/protocol'

const HALF = 32
/** Indexes behind the newest that may be opened: those that the lane requests again, and as in libwebrtc. A power of two, 128 bytes per SSRC. */
export const OPEN_WINDOW = LIMITS.cachedPackets
const SEQUENCES = 65_536

/** Indexes of one SSRC that were sealed. */
interface IndexWindow {
  /** The highest index so far. */
  newest: number
  /** Bit n: newest − n was used; 0–31 in the low, 32–63 in the high half. */
  low: number
  high: number
}

/** Indexes of one SSRC that were opened. */
interface OpenStream {
  /** The highest. */
  newest: number
  /** Of the last OPEN_WINDOW. */
  readonly opened: NumberRing
}

/**
 * Indexes of packets to open, each of which is opened once (RFC 3711 §3.3.2): the lane's own window is that of a stream, which may
 * have another SSRC in between. A sender without RTX sends a packet that the lane requested again under its index, hundreds of packets
 * later. Nothing is kept of packets that have not verified.
 */
export class OpenStreams {
  readonly #streams = new Map<number, OpenStream>()

  /** The index that the sequence most likely stands for; −1 if there is none, or it was received or is older than the window. */
  guess(ssrc: number, sequence: number): number {
    const stream = this.#streams.get(ssrc)
    if (stream === undefined) return this.#streams.size < LIMITS.srtpStreams ? sequence : -1
    const index = unwrapSequence(sequence, stream.newest)
    const behind = stream.newest - index
    if (behind < 0) return index
    return index >= 0 && behind < OPEN_WINDOW && !stream.opened.has(index) ? index : -1
  }

  /** The packet with this index, which `guess` returned, has verified. */
  verified(ssrc: number, index: number): void {
    const stream = this.#streams.get(ssrc) ?? this.#begin(ssrc, index)
    if (index > stream.newest) {
      stream.opened.clear(stream.newest + 1, index - stream.newest)
      stream.newest = index
    }
    stream.opened.mark(index)
  }

  #begin(ssrc: number, newest: number): OpenStream {
    const stream = { newest, opened: new NumberRing(OPEN_WINDOW) }
    this.#streams.set(ssrc, stream)
    return stream
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

interface SealStream extends IndexWindow {
  readonly ssrc: number
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
    if (index > stream.newest) advance(stream, index)
    else if (index >= 0 && isFree(stream, stream.newest - index)) mark(stream, stream.newest - index)
    else return -1
    return index
  }

  /** The rollover counter of a stream starts at 0. */
  #begin(ssrc: number, sequence: number): number {
    if (this.isFull) return -1
    this.#last = { ssrc, newest: sequence, low: 1, high: 0 }
    this.#streams.set(ssrc, this.#last)
    return sequence
  }
}

function advance(window: IndexWindow, index: number): void {
  const by = index - window.newest
  window.newest = index
  if (by >= LIMITS.replayWindow) {
    window.low = 1
    window.high = 0
    return
  }
  window.high = by >= HALF ? window.low << (by - HALF) : (window.high << by) | (window.low >>> (HALF - by))
  window.low = (by >= HALF ? 0 : window.low << by) | 1
}

/** Whether the index `behind` the newest is within the window, and not marked. */
const isFree = ({ low, high }: IndexWindow, behind: number): boolean =>
  behind < LIMITS.replayWindow && (((behind < HALF ? low : high) >>> (behind & (HALF - 1))) & 1) === 0

/** Marks an index that is free. */
function mark(window: IndexWindow, behind: number): void {
  if (behind < HALF) window.low |= 1 << behind
  else window.high |= 1 << (behind - HALF)
}

/** The rollover counter of an index. */
export const rolloverOf = (index: number): number => Math.floor(index / SEQUENCES)
