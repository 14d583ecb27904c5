// Memory outside the JavaScript heap that foreign calls may read and write, and the check that they stay inside it.

/** A pointer, as a plain number: cheaper to pass than an object, and exact below 2^53. */
export type Pointer = number

/** Where blocks of memory come from. */
export interface MemoryCalls {
  /** Zeroed memory outside the JavaScript heap, at `pointer` and as an array. */
  map(size: number): { pointer: Pointer; buffer: ArrayBuffer }
  /** Releases memory of `map`. No array over it may be used afterwards. */
  unmap(pointer: Pointer, size: number): void
}

const ALIGNMENT = 64
/** For what a call needs only while it runs. */
const SCRATCH = 64

/** One block, handed out in pieces that live as long as it does. A place in it is an offset from its start. */
export class NativeMemory {
  readonly size: number
  readonly bytes: Uint8Array
  readonly words: Int32Array
  readonly view: DataView
  readonly #scratch: number
  #base: Pointer
  #used = 0

  constructor(calls: MemoryCalls, size: number) {
    const { pointer, buffer } = calls.map(size)
    this.size = size
    this.bytes = new Uint8Array(buffer)
    this.words = new Int32Array(buffer)
    this.view = new DataView(buffer)
    this.#base = pointer
    this.#scratch = this.take(SCRATCH)
    BLOCKS.register(buffer, { calls, pointer, size })
  }

  /** The place of `length` bytes of its own, all zero. */
  take(length: number): number {
    const place = this.#used
    const used = place + Math.ceil(length / ALIGNMENT) * ALIGNMENT
    if (!(length >= 0 && used <= this.size))
      throw new RangeError(`expected ${length} bytes of native memory to be left`)
    this.#used = used
    return place
  }

  /** The place of `length` bytes that are good until the next call. */
  scratch(length: number): number {
    if (length > SCRATCH) throw new RangeError(`expected at most ${SCRATCH} bytes of scratch, found ${length}`)
    return this.#scratch
  }

  /** What to pass for `length` bytes at `place`. Per packet; throws if they are not all inside. */
  pointer(place: number, length: number): Pointer {
    if (!(place >= 0 && length >= 0 && place + length <= this.size)) this.#refuse(place, length)
    return this.#base + place
  }

  #refuse(place: number, length: number): never {
    throw new RangeError(`expected ${length} bytes at ${place} to lie within ${this.size} bytes`)
  }
}

/** Memory goes when the last array over it has gone, so that no array ever shows what is not there. */
const BLOCKS = new FinalizationRegistry<{ calls: MemoryCalls; pointer: Pointer; size: number }>(
  ({ calls, pointer, size }) => calls.unmap(pointer, size),
)
