// Which packets of one video source have not come, and when to ask for each of them again.
import { sequenceDistance } from '@parley/protocol'
import { LIMITS } from '../../limits.ts'

const MOST = LIMITS.missingPackets
const NONE = -1
/** How long a source takes to send again, before one has done so. */
const FIRST_TURNAROUND = 100
/** What an answer counts in the average; less if it is not known to which of several requests. */
const WEIGHT = 1 / 8
const WEIGHT_OF_DOUBT = 1 / 32
/** An answer may be that much later than usual before it is taken for lost. */
const PATIENCE = 1.25

/** Sequences that were passed over, the oldest first. All storage is fixed. */
export class MissingPackets {
  readonly #sequences = new Int32Array(MOST)
  readonly #notedAt = new Float64Array(MOST)
  /** When it was first asked for; NaN before. */
  readonly #askedAt = new Float64Array(MOST)
  readonly #askAt = new Float64Array(MOST)
  readonly #tries = new Uint8Array(MOST)
  #count = 0
  #newest = NONE
  #turnaround = FIRST_TURNAROUND
  /** Some will not come any more: only a keyframe helps. Its owner clears it. */
  isBroken = false

  get count(): number {
    return this.#count
  }

  /** When `take` has something to do. */
  get deadline(): number {
    let deadline = Infinity
    for (let index = 0; index < this.#count; index++)
      deadline = Math.min(deadline, this.#askAt[index]!, this.#notedAt[index]! + LIMITS.missingLife)
    return deadline
  }

  /** A packet came, in whatever order. Returns whether others are missing since. Per packet: no allocation. */
  arrived(sequence: number, now: number): boolean {
    const distance = this.#newest === NONE ? 1 : sequenceDistance(sequence, this.#newest)
    if (distance === 1) this.#newest = sequence
    else if (distance > 1) return this.#noteGap(distance - 1, sequence, now)
    else if (distance <= -LIMITS.replayWindow) this.#startOver(sequence)
    else this.found(sequence, now)
    return false
  }

  /** A packet that may be missing came after all. Returns whether it was. */
  found(sequence: number, now: number): boolean {
    const index = this.#indexOf(sequence)
    if (index < 0) return false
    this.#learn(now - this.#askedAt[index]!, this.#tries[index]!)
    this.#keepAllBut(index)
    return true
  }

  /** Somebody else has missed it too: it was not just overtaken. Returns whether it is to be asked for now. */
  hurry(sequence: number, now: number): boolean {
    const index = this.#indexOf(sequence)
    if (index < 0 || this.#tries[index]! > 0) return false
    this.#askAt[index] = now
    return true
  }

  /** Fills in what is to be asked for now, in ascending order, and gives up what was asked for often enough. Returns how many. */
  take(into: Int32Array, now: number): number {
    const interval = Math.max(LIMITS.nackInterval, PATIENCE * this.#turnaround)
    let taken = 0
    let kept = 0
    for (let index = 0; index < this.#count; index++) {
      const isDue = this.#askAt[index]! <= now
      if (this.#isHopeless(index, isDue, now)) {
        this.isBroken = true
        continue
      }
      this.#move(index, kept)
      if (isDue && taken < into.length) {
        into[taken++] = this.#sequences[kept]!
        if (this.#tries[kept]!++ === 0) this.#askedAt[kept] = now
        this.#askAt[kept] = now + interval
      }
      kept++
    }
    this.#count = kept
    return taken
  }

  /** Measured from the first time it was asked for: so an answer that is slower than the interval is learned too. */
  #learn(took: number, tries: number): void {
    if (tries === 0) return
    this.#turnaround += (took - this.#turnaround) * (tries === 1 ? WEIGHT : WEIGHT_OF_DOUBT)
  }

  #noteGap(size: number, sequence: number, now: number): boolean {
    if (size > MOST - this.#count) {
      this.#startOver(sequence)
      this.isBroken = true
      return true
    }
    for (let behind = size; behind > 0; behind--) {
      const index = this.#count++
      this.#sequences[index] = (sequence - behind) & 0xffff
      this.#notedAt[index] = now
      this.#askedAt[index] = Number.NaN
      this.#askAt[index] = now + LIMITS.nackDelay
      this.#tries[index] = 0
    }
    this.#newest = sequence
    return true
  }

  /** The source began anew, or was away for long. */
  #startOver(sequence: number): void {
    this.#count = 0
    this.#newest = sequence
  }

  #isHopeless(index: number, isDue: boolean, now: number): boolean {
    if (isDue && this.#tries[index]! >= LIMITS.nackTries) return true
    if (now - this.#notedAt[index]! >= LIMITS.missingLife) return true
    return sequenceDistance(this.#newest, this.#sequences[index]!) >= LIMITS.cachedPackets
  }

  #indexOf(sequence: number): number {
    for (let index = 0; index < this.#count; index++) if (this.#sequences[index] === sequence) return index
    return -1
  }

  #keepAllBut(index: number): void {
    this.#count--
    for (let next = index; next < this.#count; next++) this.#move(next + 1, next)
  }

  #move(from: number, to: number): void {
    if (from === to) return
    this.#sequences[to] = this.#sequences[from]!
    this.#notedAt[to] = this.#notedAt[from]!
    this.#askedAt[to] = this.#askedAt[from]!
    this.#askAt[to] = this.#askAt[from]!
    this.#tries[to] = this.#tries[from]!
  }
}
