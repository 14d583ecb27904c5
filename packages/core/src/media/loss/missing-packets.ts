// Which packets of one video stream are missing, and when to request each of them.
import { sequenceDistance } from '@parley/protocol'
import { LIMITS } from '../../limits.ts'
import { NumberRing } from '../receive/number-ring.ts'
import { isOvertaken } from '../receive/overtaken.ts'

const NONE = -1
/** For how many packets a request is known, at 2,000 a second two seconds: until the last retransmission of a packet has returned. */
const KNOWN_REQUESTS = 4 * LIMITS.cachedPackets
/** Milliseconds from request to retransmission, before one was measured. */
const INITIAL_TURNAROUND = 100
/** Weight of a measurement in the average; smaller if it is unknown which of several requests was answered. */
const WEIGHT = 1 / 8
const AMBIGUOUS_WEIGHT = 1 / 32
/** A retransmission counts as lost after this multiple of the average turnaround. */
const PATIENCE = 1.25

/** Sequences of missing packets, the oldest first. All storage is fixed. */
export class MissingPackets {
  readonly #sequences = new Int32Array(LIMITS.missingPackets)
  /** When the gap was noticed. */
  readonly #notedAt = new Float64Array(LIMITS.missingPackets)
  /** When it was first requested; NaN before. */
  readonly #requestedAt = new Float64Array(LIMITS.missingPackets)
  /** When to request it next. */
  readonly #requestAt = new Float64Array(LIMITS.missingPackets)
  /** How often it was requested. */
  readonly #tries = new Uint8Array(LIMITS.missingPackets)
  #count = 0
  /** Those of the last packets that were requested, whatever became of them; undefined before the first request. */
  #requested: NumberRing | undefined
  /** The newest packet, and when it arrived. */
  #newest = NONE
  #arrivedAt = -Infinity
  /** Milliseconds from a request to its retransmission, smoothed. */
  #turnaround = INITIAL_TURNAROUND
  /** Packets were given up, so that only a keyframe helps. The owner clears it. */
  isBroken = false

  get count(): number {
    return this.#count
  }

  /** When `take` has something to do. */
  get deadline(): number {
    let deadline = Infinity
    for (let index = 0; index < this.#count; index++)
      deadline = Math.min(deadline, this.#requestAt[index]!, this.#notedAt[index]! + LIMITS.missingLife)
    return deadline
  }

  /** A packet arrived, in any order. Returns whether it leaves others missing. Per packet: no allocation. */
  arrived(sequence: number, now: number): boolean {
    const distance = this.#newest === NONE ? 1 : sequenceDistance(sequence, this.#newest)
    if (isOvertaken(distance, now - this.#arrivedAt)) {
      this.found(sequence, now)
      return false
    }
    this.#requested?.clear(this.#newest + 1, distance > 0 ? distance : KNOWN_REQUESTS)
    this.#newest = sequence
    this.#arrivedAt = now
    if (distance > 1) return this.#noteGap(distance - 1, sequence, now)
    if (distance <= 0) this.#count = 0
    return false
  }

  /** Whether the packet is missing, and could still be sent to receivers. */
  isMissing(sequence: number): boolean {
    return sequenceDistance(this.#newest, sequence) < LIMITS.cachedPackets && this.#indexOf(sequence) >= 0
  }

  /** Whether the packet was requested, so that retransmissions of it may arrive: also those that another one came before. */
  wasRequested(sequence: number): boolean {
    const behind = sequenceDistance(this.#newest, sequence)
    return behind > 0 && behind < KNOWN_REQUESTS && this.#requested?.has(sequence) === true
  }

  /** A packet that may be missing arrived. Returns whether it was missing. */
  found(sequence: number, now: number): boolean {
    const index = this.#indexOf(sequence)
    if (index < 0) return false
    this.#learn(now - this.#requestedAt[index]!, this.#tries[index]!)
    this.#remove(index)
    return true
  }

  /** A receiver misses the packet too, so it is lost and not just reordered. Returns whether to request it now. */
  hurry(sequence: number, now: number): boolean {
    const index = this.#indexOf(sequence)
    if (index < 0 || this.#tries[index]! > 0) return false
    this.#requestAt[index] = now
    return true
  }

  /** Writes the sequences to request now, in ascending order, and gives up what was requested often enough. Returns their number. */
  take(into: Int32Array, now: number): number {
    const interval = Math.max(LIMITS.nackInterval, PATIENCE * this.#turnaround)
    let taken = 0
    let kept = 0
    for (let index = 0; index < this.#count; index++) {
      const isDue = this.#requestAt[index]! <= now
      if (this.#isHopeless(index, isDue, now)) {
        this.isBroken = true
        continue
      }
      this.#move(index, kept)
      if (isDue && taken < into.length) {
        into[taken++] = this.#sequences[kept]!
        this.#requested ??= new NumberRing(KNOWN_REQUESTS)
        this.#requested.mark(this.#sequences[kept]!)
        if (this.#tries[kept]!++ === 0) this.#requestedAt[kept] = now
        this.#requestAt[kept] = now + interval
      }
      kept++
    }
    this.#count = kept
    return taken
  }

  /** Measured from the first request, so that a turnaround longer than the interval is learned too. */
  #learn(turnaround: number, tries: number): void {
    if (tries === 0) return
    this.#turnaround += (turnaround - this.#turnaround) * (tries === 1 ? WEIGHT : AMBIGUOUS_WEIGHT)
  }

  /** Notes the `size` sequences before `sequence`. Returns true: something is missing. */
  #noteGap(size: number, sequence: number, now: number): boolean {
    if (size > LIMITS.missingPackets - this.#count) {
      this.#count = 0
      this.isBroken = true
      return true
    }
    for (let behind = size; behind > 0; behind--) {
      const index = this.#count++
      this.#sequences[index] = (sequence - behind) & 0xffff
      this.#notedAt[index] = now
      this.#requestedAt[index] = Number.NaN
      this.#requestAt[index] = now + LIMITS.nackDelay
      this.#tries[index] = 0
    }
    return true
  }

  /** Requested often enough, for long enough, or so old that it could not be kept: no longer in the cache of most senders either. */
  #isHopeless(index: number, isDue: boolean, now: number): boolean {
    if (isDue && this.#tries[index]! >= LIMITS.nackTries) return true
    if (now - this.#notedAt[index]! >= LIMITS.missingLife) return true
    return sequenceDistance(this.#newest, this.#sequences[index]!) >= LIMITS.cachedPackets
  }

  #indexOf(sequence: number): number {
    for (let index = 0; index < this.#count; index++) if (this.#sequences[index] === sequence) return index
    return -1
  }

  #remove(index: number): void {
    this.#count--
    for (let next = index; next < this.#count; next++) this.#move(next + 1, next)
  }

  #move(from: number, to: number): void {
    if (from === to) return
    this.#sequences[to] = this.#sequences[from]!
    this.#notedAt[to] = this.#notedAt[from]!
    this.#requestedAt[to] = this.#requestedAt[from]!
    this.#requestAt[to] = this.#requestAt[from]!
    this.#tries[to] = this.#tries[from]!
  }
}
