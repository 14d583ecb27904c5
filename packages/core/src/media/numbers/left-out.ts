// The packets of a layer that one WebRTC viewer is not sent, because their frames are of temporal layers above its limit.
import { sequenceDistance } from '@parley/protocol'
import { LIMITS } from '../../limits.ts'

/** A power of two: a sequence's place is its lowest bits. */
const PACKETS = LIMITS.cachedPackets
const LAST = PACKETS - 1

/**
 * Maps the sequences of a layer to those of the viewer and back, for the last packets: those that can be sent again. A packet that has
 * not arrived when newer ones do keeps its number, so that it can still be sent. Per packet: no allocation.
 */
export class LeftOut {
  /** By the layer's sequence: how many packets and pictures were left out up to it, modulo 2^16. */
  readonly #packets = new Uint16Array(PACKETS)
  readonly #pictures = new Uint16Array(PACKETS)
  /** By the layer's sequence: whether it was left out itself. */
  readonly #isOut = new Uint8Array(PACKETS)
  /** By the viewer's sequence: that of the layer. */
  readonly #sources = new Uint16Array(PACKETS)
  /** The layer's newest sequence, and the highest of the viewer that is taken. */
  #newest = 0
  #out = 0
  #count = 0
  #pictureCount = 0
  /** The picture that was left out last, if the newest packet is of it; −1 otherwise. */
  #picture = -1

  /** Nothing was left out up to `newest`, which the viewer was sent as `out`. */
  reset(newest: number, out: number): void {
    for (let back = 0; back < PACKETS; back++) this.#sources[(out - back) & LAST] = (newest - back) & 0xffff
    this.#packets.fill(0)
    this.#pictures.fill(0)
    this.#isOut.fill(0)
    this.#newest = newest
    this.#out = out
    this.#count = 0
    this.#pictureCount = 0
    this.#picture = -1
  }

  /** The highest sequence of the viewer that is taken: sent, or kept for a packet that is missing. */
  get out(): number {
    return this.#out
  }

  /** How many pictures were left out and counted so far. */
  get pictures(): number {
    return this.#pictureCount
  }

  /**
   * A packet that is newer than all before is left out. What is missing of its picture before it is left out too. Pictures that are
   * not counted leave a gap in the picture ids.
   */
  leaveOut(sequence: number, picture: number, isCounted: boolean): void {
    const missing = sequenceDistance(sequence, this.#newest) - 1
    const isSame = picture === this.#picture && missing < PACKETS
    if (isSame) for (let behind = missing; behind > 0; behind--) this.#omit((sequence - behind) & 0xffff)
    else {
      this.#reserve(sequence, missing)
      if (isCounted) this.#pictureCount = (this.#pictureCount + 1) & 0xffff
    }
    this.#omit(sequence)
    this.#newest = sequence
    this.#picture = picture
  }

  /** A packet that is newer than all before is sent as `out`. */
  sent(sequence: number, out: number): void {
    this.#reserve(sequence + 1, sequenceDistance(sequence, this.#newest))
    this.#out = out
    this.#newest = sequence
    this.#picture = -1
  }

  /** How many packets were left out before this one, modulo 2^16; −1 if it was left out itself, or is forgotten. */
  packetsBefore(sequence: number): number {
    const behind = sequenceDistance(this.#newest, sequence)
    if (behind < 0) return this.#count
    return behind < PACKETS && this.#isOut[sequence & LAST] === 0 ? this.#packets[sequence & LAST]! : -1
  }

  /** How many pictures were left out before that of this packet, which was sent. */
  picturesBefore(sequence: number): number {
    return this.#pictures[sequence & LAST]!
  }

  /** The layer's sequence of a packet that the viewer was sent as `out`. */
  sourceOf(out: number): number {
    return this.#sources[out & LAST]!
  }

  /** A sequence whose count is known, as far back as any. */
  get oldest(): number {
    return (this.#newest - LAST) & 0xffff
  }
  /** How many packets were left out up to the oldest. */
  get packetsUpToOldest(): number {
    return this.#packets[this.oldest & LAST]!
  }

  /** The `count` sequences of the layer before `end` have the next ones of the viewer. */
  #reserve(end: number, count: number): void {
    const out = this.#out + count
    this.#out = out & 0xffff
    for (let behind = Math.min(PACKETS, count); behind > 0; behind--) {
      const sequence = (end - behind) & 0xffff
      this.#note(sequence, 0)
      this.#sources[(out + 1 - behind) & LAST] = sequence
    }
  }

  #omit(sequence: number): void {
    this.#count = (this.#count + 1) & 0xffff
    this.#note(sequence, 1)
  }

  #note(sequence: number, isOut: number): void {
    const place = sequence & LAST
    this.#packets[place] = this.#count
    this.#pictures[place] = this.#pictureCount
    this.#isOut[place] = isOut
  }
}
