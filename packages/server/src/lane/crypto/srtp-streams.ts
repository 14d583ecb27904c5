// Where each SSRC of a peer is on its 48-bit index: rollover counter and sequence (RFC 3711 §3.3.1), both ways.
import type { SentOf } from '@parley/core'
import { sequenceDistance, unwrapSequence } from '@parley/protocol'

/** What a peer may have; one client has a few, but hears those of all who ever spoke to it. */
const MOST_STREAMS = 16_384
/** How far behind the newest a packet may still be sealed: reordering on the way to us, never a new start. */
const WINDOW = 64
const HALF = 32
const CIRCLE = 65_536
/** Sequences begin in the lower half, so that loss around the first wrap cannot put the two ends a circle apart. */
const UPPER_HALF = 0x8000

/** Packets to open: nothing is kept of what has not verified. */
export class OpenStreams {
  readonly #newest = new Map<number, number>()

  /** The index that a sequence most likely means; −1 if it cannot be. */
  guess(ssrc: number, sequence: number): number {
    const newest = this.#newest.get(ssrc)
    if (newest !== undefined) return Math.max(-1, unwrapSequence(sequence, newest))
    return this.#newest.size < MOST_STREAMS ? sequence : -1
  }

  /** The packet with this index has verified. */
  verified(ssrc: number, index: number): void {
    const newest = this.#newest.get(ssrc)
    if (newest === undefined || index > newest) this.#newest.set(ssrc, index)
  }
}

/** One word of window: reports are few. */
const RTCP_WINDOW = 32

/** Which SRTCP indexes were seen; each SSRC of a peer counts its own (RFC 3711 §3.2.1). */
export class RtcpWindows {
  readonly #streams = new Map<number, { newest: number; seen: number }>()

  /** Whether a packet may be opened. */
  isFresh(ssrc: number, index: number): boolean {
    const stream = this.#streams.get(ssrc)
    if (stream === undefined) return this.#streams.size < MOST_STREAMS
    const behind = stream.newest - index
    return behind < 0 || (behind < RTCP_WINDOW && ((stream.seen >>> behind) & 1) === 0)
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
    stream.seen = (ahead < RTCP_WINDOW ? stream.seen << ahead : 0) | 1
    stream.newest = index
  }
}

interface SealStream extends SentOf {
  readonly ssrc: number
  packets: number
  octets: number
  /** The newest sequence of the source, and the index that it was sealed with. */
  sequence: number
  index: number
  /** Bit n: index − n was used; 0–31 in the low, 32–63 in the high half. */
  low: number
  high: number
}

/**
 * Packets to seal. An index is used once only, whatever sources do: a second packet with the same one would give away the key
 * stream, and with GCM the authentication key. A source that starts over goes on where it was.
 */
export class SealStreams {
  readonly #streams = new Map<number, SealStream>()
  /** The one that was used last, which mostly is the next: looking it up is dear where each receiver has a table. */
  #last: SealStream | undefined

  /** Whether there is room for one more SSRC. */
  get isFull(): boolean {
    return this.#streams.size >= MOST_STREAMS
  }

  /**
   * The index for the next packet of an SSRC, whose payload is `octets` long; −1 if it was sealed already, or is new and there is
   * no more room.
   */
  next(ssrc: number, sequence: number, octets: number): number {
    const stream = this.#find(ssrc) ?? this.#begin(ssrc, sequence)
    if (stream === undefined) return -1
    this.#last = stream
    const index = stream.packets === 0 ? stream.index : indexOf(stream, sequence)
    if (index < 0) return -1
    stream.packets++
    stream.octets += octets
    return index
  }

  /** What was sealed of an SSRC. */
  sentOf(ssrc: number): SentOf | undefined {
    return this.#streams.get(ssrc)
  }

  /** The source's sequence of what a receiver knows as `sequence`; −1 for an SSRC that was never sealed. */
  sourceSequence(ssrc: number, sequence: number): number {
    const stream = this.#streams.get(ssrc)
    if (stream === undefined) return -1
    return (stream.sequence + sequenceDistance(sequence, stream.index & 0xffff)) & 0xffff
  }

  #find(ssrc: number): SealStream | undefined {
    return this.#last?.ssrc === ssrc ? this.#last : this.#streams.get(ssrc)
  }

  #begin(ssrc: number, sequence: number): SealStream | undefined {
    if (this.isFull) return undefined
    const stream = { ssrc, packets: 0, octets: 0, sequence, index: sequence & ~UPPER_HALF, low: 1, high: 0 }
    this.#streams.set(ssrc, stream)
    return stream
  }
}

function indexOf(stream: SealStream, sequence: number): number {
  const distance = sequenceDistance(sequence, stream.sequence)
  if (distance > 0) return advance(stream, distance, sequence)
  if (distance > -WINDOW) return take(stream, -distance)
  return advance(stream, 1, sequence)
}

function advance(stream: SealStream, by: number, sequence: number): number {
  stream.index += by
  stream.sequence = sequence
  if (by >= WINDOW) {
    stream.low = 1
    stream.high = 0
    return stream.index
  }
  stream.high = by >= HALF ? stream.low << (by - HALF) : (stream.high << by) | (stream.low >>> (HALF - by))
  stream.low = (by >= HALF ? 0 : stream.low << by) | 1
  return stream.index
}

function take(stream: SealStream, behind: number): number {
  const bit = 1 << (behind & (HALF - 1))
  const used = behind < HALF ? stream.low : stream.high
  if ((used & bit) !== 0 || behind > stream.index) return -1
  if (behind < HALF) stream.low |= bit
  else stream.high |= bit
  return stream.index - behind
}

/** The rollover counter of an index. */
export const rolloverOf = (index: number): number => Math.floor(index / CIRCLE)
