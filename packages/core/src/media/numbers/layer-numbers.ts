// How one WebRTC receiver numbers the video of a source: layers in turn, rewritten into one stream without gaps.
import { sequenceDistance, type VideoPayload, writePictureId } from '@parley/protocol'
import { LIMITS } from '../../limits.ts'
import { ALL_FRAMES } from '../layers/layer-choice.ts'
import { isOvertaken } from '../receive/overtaken.ts'
import { LeftOut } from './left-out.ts'
import { TemporalFilter } from './temporal-filter.ts'

/** Sequences start below this, so that loss around the first wrap cannot put the SRTP rollover counters a cycle apart. */
export const HALF_CYCLE = 0x8000
/** Segments with packets that are left out, whose packets can still be sent again. */
const FILTERED = 2
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
  /** What the viewer is not sent of it, if anything; and how many packets of that come before `first`. */
  left: LeftOut | undefined
  leftBefore: number
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
  readonly #filter = new TemporalFilter()
  /** Used in turn. */
  readonly #left: LeftOut[] = []
  #turn = 0

  /** The receiver misses packets of the stream from now on. The next packet continues its numbers. */
  interrupt(): void {
    this.#isInterrupted = true
  }

  /**
   * Numbers a packet with this sequence and timestamp of the stream. `highest` is the highest temporal layer that the receiver may
   * be sent. Returns the receiver's sequence; −1 for a packet that is not sent: one above that, or a late one whose number may be
   * taken. Per packet: allocates only where a layer changes.
   */
  place(
    stream: NumberedStream,
    sequence: number,
    timestamp: number,
    payload: VideoPayload,
    now: number,
    highest: number = ALL_FRAMES,
  ): number {
    const segment = this.#segment(0)
    const isSame = segment?.stream === stream && !this.#isInterrupted
    const distance = sequenceDistance(sequence, this.#newest)
    if (isSame && isOvertaken(distance, now - segment.placedAt)) return this.toReceiver(stream, sequence)
    if (!isSame || distance <= 0) {
      this.#begin(stream, sequence, timestamp, payload, now)
      this.#filter.begin(payload, highest)
    } else if (!this.#filter.admits(payload, highest)) return this.#leaveOut(segment, sequence, payload, now)
    const current = this.#segment(0)!
    keepNear(current, sequence)
    current.placedAt = now
    this.#newest = sequence
    this.#sequence = toOut(current, sequence)
    current.left?.sent(sequence, this.#sequence)
    this.#timestamp = (timestamp + current.timestampOffset) | 0
    if (payload.descriptor !== undefined) {
      this.#picture = payload.descriptor.pictureId + current.pictureOffset - (current.left?.pictures ?? 0)
      this.#tl0 = payload.descriptor.tl0 + current.tl0Offset
    }
    return this.#sequence
  }

  /** The receiver's sequence of a packet that was sent, or came too late to be sent; −1 if there is none. */
  toReceiver(stream: NumberedStream, sequence: number): number {
    const age = this.ageOf(stream, sequence)
    if (age < 0) return -1
    const out = toOut(this.#segment(age)!, sequence)
    if (out < 0) return -1
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
  /** −1 for a packet that is forgotten. */
  toStream(age: number, number: number): number {
    const segment = this.#segment(age)!
    const { first, firstOut, left } = segment
    if (left === undefined) return (number - firstOut + first) & 0xffff
    const sequence = left.sourceOf(number)
    return toOut(segment, sequence) === number ? sequence : -1
  }
  timestampOffset(age: number): number {
    return this.#segment(age)?.timestampOffset ?? 0
  }

  /** Whether a packet of the segment has picture ids to rewrite. */
  isRewritten(age: number, sequence: number): boolean {
    const { pictureOffset, tl0Offset, left } = this.#segment(age)!
    return pictureOffset !== 0 || tl0Offset !== 0 || (left !== undefined && left.picturesBefore(sequence) !== 0)
  }

  /**
   * Writes the receiver's picture ids into a packet of the segment; `sign` −1 restores the stream's. Ids of VP9 keep the gaps of
   * pictures that are left out, as frames name by their distance those that they are predicted from (RFC 9628 §4.2). Per packet: no
   * allocation.
   */
  rewrite(age: number, sequence: number, view: DataView, { descriptor }: VideoPayload, sign: 1 | -1): void {
    const { pictureOffset, tl0Offset, left } = this.#segment(age)!
    if (descriptor === undefined) return
    const { pictureIdPlace, pictureIdBits, pictureId, tl0Place, tl0 } = descriptor
    const isBack = sign < 0
    const offset = pictureOffset - (left?.picturesBefore(sequence) ?? 0)
    if (pictureIdPlace >= 0)
      writePictureId(view, pictureIdPlace, pictureIdBits, isBack ? pictureId : pictureId + offset)
    if (tl0Place >= 0) view.setUint8(tl0Place, (isBack ? tl0 : tl0 + tl0Offset) & 0xff)
  }

  #segment(age: number): Segment | undefined {
    return this.#segments[(this.#count - 1 - age) % LIMITS.layerSegments]
  }

  #begin(stream: NumberedStream, sequence: number, timestamp: number, { descriptor }: VideoPayload, now: number): void {
    const before = this.#segment(0)
    const isFirst = before === undefined
    const isNumbered = descriptor === undefined || descriptor.pictureIdPlace >= 0 || descriptor.tl0Place >= 0
    const segment: Segment = {
      stream,
      first: sequence,
      left: undefined,
      leftBefore: 0,
      firstOut: isFirst ? sequence % HALF_CYCLE : (this.#sequence + 1) & 0xffff,
      timestampOffset: isFirst ? 0 : this.#timestampOffset(before, stream, timestamp, now),
      pictureOffset: isFirst || !isNumbered ? 0 : (this.#picture + 1 - (descriptor?.pictureId ?? 0)) & 0x7fff,
      tl0Offset: isFirst || !isNumbered ? 0 : (this.#tl0 + 1 - (descriptor?.tl0 ?? 0)) & 0xff,
      placedAt: now,
    }
    this.#forget(now)
    this.#segments[this.#count++ % LIMITS.layerSegments] = segment
    this.#kept = Math.min(this.#kept + 1, LIMITS.layerSegments)
    this.#isInterrupted = false
  }

  /** The packet is above the receiver's limit. The next one takes its number. */
  #leaveOut(segment: Segment, sequence: number, { descriptor }: VideoPayload, now: number): -1 {
    segment.left ??= this.#nextLeft()
    keepNear(segment, sequence)
    segment.left.leaveOut(sequence, descriptor!.pictureId, descriptor!.isContinuous)
    segment.placedAt = now
    this.#newest = sequence
    this.#sequence = segment.left.out
    return -1
  }

  /** For the present segment. What an earlier one left out is no longer known: its packets are forgotten. */
  #nextLeft(): LeftOut {
    const place = this.#turn++ % FILTERED
    const left = this.#left[place] ?? new LeftOut()
    this.#left[place] = left
    for (let age = 1; age < this.#kept; age++) if (this.#segment(age)!.left === left) this.#kept = age
    left.reset(this.#newest, this.#sequence)
    return left
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
  const { first, left, leftBefore } = segment
  const length = (newest - first) & 0xffff
  if (length < HALF_CYCLE / 2) return
  const passed = left === undefined ? length - HALF_CYCLE / 4 : sequenceDistance(left.oldest, first)
  if (passed <= 0) return
  const before = left === undefined ? leftBefore : left.packetsUpToOldest
  segment.firstOut = (segment.firstOut + passed - (before - leftBefore)) & 0xffff
  segment.first = (first + passed) & 0xffff
  segment.leftBefore = before
}

/** −1 for a packet that was left out. */
function toOut({ first, firstOut, left, leftBefore }: Segment, sequence: number): number {
  const before = left === undefined ? leftBefore : left.packetsBefore(sequence)
  return before < 0 ? -1 : (sequence - first + firstOut - (before - leftBefore)) & 0xffff
}

/** The timestamp of the stream now, as receivers get it. */
function clockOf(stream: NumberedStream, now: number): number {
  const timestamp = stream.received?.clock.timestampAt(now, stream.clockRate) ?? 0
  return (timestamp + stream.numbers.timestampOffset) | 0
}
