// How one WebRTC receiver numbers the video of a source: layers in turn, rewritten into one stream without gaps.
import { sequenceDistance, type VideoPayload, writePictureId } from '@parley/protocol'
import { LIMITS } from '../../limits.ts'
import { isOvertaken } from '../receive/overtaken.ts'

/** Sequences start below this, so that loss around the first wrap cannot put the SRTP rollover counters a cycle apart. */
export const HALF_CYCLE = 0x8000
/** Timestamps step by at least this at a switch: a frame at 30 per second. */
const FRAME = 3_000

/** A stream, as far as its numbers need it. */
export interface NumberedStream {
  readonly ssrc: number
  /** Timestamps per millisecond. */
  readonly clockRate: number
  readonly received: { readonly clock: { timestampAt(now: number, clockRate: number): number } } | undefined
  readonly numbers: { readonly timestampOffset: number }
}

/** Packets of one layer that follow each other: what is added to their numbers. */
interface Segment {
  stream: NumberedStream
  /** The first packet, in the stream's and in the receiver's numbers. */
  first: number
  firstOut: number
  timestampOffset: number
  /** Modulo 2^15, and modulo 256. */
  pictureOffset: number
  tl0Offset: number
  /** When its newest packet was placed. */
  placedAt: number
}

/**
 * Each switch begins a segment, which continues the receiver's sequences, timestamps and picture ids behind the last one. The last
 * segments are kept for late packets and NACKs.
 */
export class LayerNumbers {
  /** A ring; allocated as segments begin. */
  readonly #segments: Segment[] = []
  /** Segments so far, and the last of them that are kept. */
  #count = 0
  #kept = 0
  #isInterrupted = false
  /** What the receiver was sent last. */
  #sequence = 0
  #timestamp = 0
  #picture = 0
  #tl0 = 0
  /** The stream's newest sequence of this segment. */
  #newest = 0

  /** The receiver misses packets of the stream from now on. The next packet continues its numbers. */
  interrupt(): void {
    this.#isInterrupted = true
  }

  /**
   * Numbers a packet with this sequence and timestamp of the stream. Returns the receiver's sequence; −1 for a late packet whose
   * number may be taken. Per packet: allocates only where a layer changes.
   */
  place(stream: NumberedStream, sequence: number, timestamp: number, payload: VideoPayload, now: number): number {
    const segment = this.#segment(0)
    const isSame = segment?.stream === stream && !this.#isInterrupted
    const distance = sequenceDistance(sequence, this.#newest)
    if (isSame && isOvertaken(distance, now - segment.placedAt)) return this.toReceiver(stream, sequence)
    if (!isSame || distance <= 0) this.#begin(stream, sequence, timestamp, payload, now)
    const current = this.#segment(0)!
    keepNear(current, sequence)
    current.placedAt = now
    this.#newest = sequence
    this.#sequence = toOut(current, sequence)
    this.#timestamp = (timestamp + current.timestampOffset) | 0
    if (payload.descriptor !== undefined) {
      this.#picture = payload.descriptor.pictureId + current.pictureOffset
      this.#tl0 = payload.descriptor.tl0 + current.tl0Offset
    }
    return this.#sequence
  }

  /** The receiver's sequence of a packet that was sent, or came too late to be sent; −1 if there is none. */
  toReceiver(stream: NumberedStream, sequence: number): number {
    const age = this.ageOf(stream, sequence)
    if (age < 0) return -1
    const out = toOut(this.#segment(age)!, sequence)
    const next = age === 0 ? this.#sequence + 1 : this.#segment(age - 1)!.firstOut
    return sequenceDistance(out, next & 0xffff) >= 0 ? -1 : out
  }

  /** The segment of a packet of the stream: 0 for the present one, 1 for the one before …; −1 if there is none. */
  ageOf(stream: NumberedStream, sequence: number): number {
    for (let age = 0; age < this.#kept; age++) {
      const segment = this.#segment(age)!
      if (segment.stream !== stream) continue
      if (sequenceDistance(sequence, segment.first) >= 0 || age === this.#count - 1) return age
    }
    return -1
  }

  /** The segment of the packet that the receiver knows as `number`; −1 if it is forgotten. */
  find(number: number): number {
    for (let age = 0; age < this.#kept; age++)
      if (sequenceDistance(number, this.#segment(age)!.firstOut) >= 0) return age
    return -1
  }

  /** Of a segment that `find` found. */
  ssrcOf(age: number): number {
    return this.#segment(age)!.stream.ssrc
  }
  toStream(age: number, number: number): number {
    const { first, firstOut } = this.#segment(age)!
    return (number - firstOut + first) & 0xffff
  }
  timestampOffset(age: number): number {
    return this.#segment(age)?.timestampOffset ?? 0
  }

  /** Whether packets of the segment have picture ids to rewrite. */
  isRewritten(age: number): boolean {
    const segment = this.#segment(age)!
    return segment.pictureOffset !== 0 || segment.tl0Offset !== 0
  }

  /** Writes the receiver's picture ids into a packet of the segment; `sign` −1 restores the stream's. Per packet: no allocation. */
  rewrite(age: number, view: DataView, { descriptor }: VideoPayload, sign: 1 | -1): void {
    const { pictureOffset, tl0Offset } = this.#segment(age)!
    if (descriptor === undefined) return
    const { pictureIdPlace, pictureIdBits, pictureId, tl0Place, tl0 } = descriptor
    const isBack = sign < 0
    if (pictureIdPlace >= 0)
      writePictureId(view, pictureIdPlace, pictureIdBits, isBack ? pictureId : pictureId + pictureOffset)
    if (tl0Place >= 0) view.setUint8(tl0Place, (isBack ? tl0 : tl0 + tl0Offset) & 0xff)
  }

  #segment(age: number): Segment | undefined {
    return this.#segments[(this.#count - 1 - age) % LIMITS.layerSegments]
  }

  #begin(stream: NumberedStream, sequence: number, timestamp: number, { descriptor }: VideoPayload, now: number): void {
    const before = this.#segment(0)
    const isFirst = before === undefined
    const segment: Segment = {
      stream,
      first: sequence,
      firstOut: isFirst ? sequence % HALF_CYCLE : (this.#sequence + 1) & 0xffff,
      timestampOffset: isFirst ? 0 : this.#timestampOffset(before, stream, timestamp, now),
      pictureOffset: isFirst ? 0 : (this.#picture + 1 - (descriptor?.pictureId ?? 0)) & 0x7fff,
      tl0Offset: isFirst ? 0 : (this.#tl0 + 1 - (descriptor?.tl0 ?? 0)) & 0xff,
      placedAt: now,
    }
    this.#forget(now)
    this.#segments[this.#count++ % LIMITS.layerSegments] = segment
    this.#kept = Math.min(this.#kept + 1, LIMITS.layerSegments)
    this.#isInterrupted = false
  }

  /** Forgets segments that ended long ago: their streams may have gone through a cycle since, which would be taken for them. */
  #forget(now: number): void {
    while (this.#kept > 0 && now - this.#segment(this.#kept - 1)!.placedAt >= LIMITS.longestOvertaking) this.#kept--
  }

  /** Both layers were captured by one clock: the new one continues where the old one would be now, but never goes back. */
  #timestampOffset(before: Segment, stream: NumberedStream, timestamp: number, now: number): number {
    const offset = (clockOf(before.stream, now) + before.timestampOffset - clockOf(stream, now)) | 0
    const step = (timestamp + offset - this.#timestamp) | 0
    return step >= FRAME ? offset : (this.#timestamp + FRAME - timestamp) | 0
  }
}

/**
 * Moves the beginning of a long segment forward: 16-bit numbers more than half a cycle behind it would count as ahead. What is older
 * is no longer kept.
 */
function keepNear(segment: Segment, newest: number): void {
  const length = (newest - segment.first) & 0xffff
  if (length < HALF_CYCLE / 2) return
  const passed = length - HALF_CYCLE / 4
  segment.first = (segment.first + passed) & 0xffff
  segment.firstOut = (segment.firstOut + passed) & 0xffff
}

const toOut = ({ first, firstOut }: Segment, sequence: number): number => (sequence - first + firstOut) & 0xffff

/** The timestamp of the stream now, as receivers get it. */
function clockOf(stream: NumberedStream, now: number): number {
  const timestamp = stream.received?.clock.timestampAt(now, stream.clockRate) ?? 0
  return (timestamp + stream.numbers.timestampOffset) | 0
}
