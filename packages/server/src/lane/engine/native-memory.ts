// Memory outside the JavaScript heap for foreign calls, and the bounds checks of their accesses.

/** A pointer as a number: cheaper to pass than an object, and exact below 2^53. */
export type Pointer = number

/** Source of memory blocks. */
export interface MemoryCalls {
  /** Zeroed memory outside the JavaScript heap, at `pointer` and as an array. */
  map(size: number): { pointer: Pointer; buffer: ArrayBuffer }
  /** Releases memory of `map`. No array over it may be used afterwards. */
  unmap(pointer: Pointer, size: number): void
}

const ALIGNMENT = 64
/** Bytes for data that a call needs only while it runs. */
const SCRATCH = 64

/** One block, allocated in pieces that live as long as the block. A place is an offset from its start. */
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

  /** Allocates `length` zero bytes. */
  take(length: number): number {
    const place = this.#used
    const used = place + Math.ceil(length / ALIGNMENT) * ALIGNMENT
    if (!(length >= 0 && used <= this.size)) throw new RangeError(`expected ${length} free bytes of native memory`)
    this.#used = used
    return place
  }

  /** The place of `length` bytes that are valid until the next call. */
  scratch(length: number): number {
    if (length > SCRATCH) throw new RangeError(`expected at most ${SCRATCH} bytes of scratch, found ${length}`)
    return this.#scratch
  }

  /** The pointer to `length` bytes at `place`. Per packet; throws if they are not within the block. */
  pointer(place: number, length: number): Pointer {
    if (!(place >= 0 && length >= 0 && place + length <= this.size)) this.#refuse(place, length)
    return this.#base + place
  }

  #refuse(place: number, length: number): never {
    throw new RangeError(`expected ${length} bytes at ${place} within ${this.size} bytes`)
  }
}

/** A block is released when the last array over it is collected, so that no array refers to released memory. */
const BLOCKS = new FinalizationRegistry<{ calls: MemoryCalls; pointer: Pointer; size: number }>(
  ({ calls, pointer, size }) => calls.unmap(pointer, size),
)
