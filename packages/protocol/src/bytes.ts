// Binary reader and writer for messages: big-endian integers and the length-prefixed vectors of MLS. Not for the packet path.

/** Bytes that do not follow their layout: a fault of the sender. The message says what was expected and found. */
export class DecodeError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'DecodeError'
  }
}

/** The longest vector that RFC 9420 §2.1.2 can express, in bytes. */
const MAX_VECTOR = 2 ** 30 - 1

/** Reads forward through bytes and returns views of them. Every method throws a DecodeError where bytes are missing. */
export class ByteReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #offset = 0

  /** `bytes` is not copied: what the reader returns are views of it. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** Bytes read so far. */
  get offset(): number {
    return this.#offset
  }
  /** Bytes left. */
  get remaining(): number {
    return this.#bytes.length - this.#offset
  }

  /** Unsigned integers, big-endian, of 1, 2, 4 and 8 bytes. */
  u8(): number {
    return this.#view.getUint8(this.#advance(1))
  }
  u16(): number {
    return this.#view.getUint16(this.#advance(2))
  }
  u32(): number {
    return this.#view.getUint32(this.#advance(4))
  }
  u64(): bigint {
    return this.#view.getBigUint64(this.#advance(8))
  }
  /** The next `length` bytes. */
  take(length: number): Uint8Array {
    const start = this.#advance(length)
    return this.#bytes.subarray(start, start + length)
  }

  /** A vector length (RFC 9420 §2.1.2): 1, 2 or 4 bytes. A longer form than necessary is refused. */
  varint(): number {
    const first = this.u8()
    const width = first >> 6
    if (width === 3) throw new DecodeError('a vector length starts with the bits 11')
    let value = first & 0x3f
    for (let more = (1 << width) - 1; more > 0; more--) value = value * 256 + this.u8()
    if (varintLength(value) !== 1 << width) throw new DecodeError('a vector length is longer than it needs to be')
    return value
  }
  /** A length-prefixed vector of bytes. */
  vector(): Uint8Array {
    return this.take(this.varint())
  }
  /** A length-prefixed vector of structures: `read` is called until its bytes are consumed. */
  vectorOf<T>(read: (reader: ByteReader) => T): T[] {
    const inner = new ByteReader(this.vector())
    const items: T[] = []
    while (inner.remaining > 0) items.push(read(inner))
    return items
  }
  /** An optional: one byte 0, or 1 followed by a structure. */
  optional<T>(read: (reader: ByteReader) => T): T | undefined {
    const presence = this.u8()
    if (presence > 1) throw new DecodeError(`expected 0 or 1 before an optional, found ${presence}`)
    return presence === 1 ? read(this) : undefined
  }

  /** The bytes read since `start`, an earlier `offset`. */
  since(start: number): Uint8Array {
    return this.#bytes.subarray(start, this.#offset)
  }
  /** Throws a DecodeError if bytes are left. */
  end(): void {
    if (this.remaining > 0) throw new DecodeError(`${this.remaining} unexpected bytes at the end`)
  }

  /** Every read passes here: checks that `length` bytes are left, moves past them, and returns where they start. */
  #advance(length: number): number {
    if (length > this.remaining) throw new DecodeError(`expected ${length} bytes, found ${this.remaining}`)
    const start = this.#offset
    this.#offset += length
    return start
  }
}

/** Size of an encoded vector length in bytes. */
function varintLength(value: number): number {
  if (value < 64) return 1
  return value < 16_384 ? 2 : 4
}

/**
 * Appends to a message; the methods return the writer, so that calls can be chained. Integers are big-endian. The
 * buffer grows by doubling, from 256 bytes.
 *
 * @example
 * ```ts
 * import { ByteWriter } from '@parley/protocol'
 *
 * const bytes = new ByteWriter().u16(1).vector(Uint8Array.of(7, 8)).bytes() // 00 01 02 07 08
 * ```
 */
export class ByteWriter {
  #bytes = new Uint8Array(256)
  #view = new DataView(this.#bytes.buffer)
  #length = 0

  u8(value: number): this {
    const start = this.#grow(1)
    this.#view.setUint8(start, value)
    return this
  }
  u16(value: number): this {
    const start = this.#grow(2)
    this.#view.setUint16(start, value)
    return this
  }
  u32(value: number): this {
    const start = this.#grow(4)
    this.#view.setUint32(start, value)
    return this
  }
  u64(value: bigint): this {
    const start = this.#grow(8)
    this.#view.setBigUint64(start, value)
    return this
  }
  /** Bytes without length prefix. */
  raw(bytes: Uint8Array): this {
    const start = this.#grow(bytes.length)
    this.#bytes.set(bytes, start)
    return this
  }
  /** A vector length (RFC 9420 §2.1.2) in its shortest form. Throws a RangeError from 2^30. */
  varint(value: number): this {
    if (value > MAX_VECTOR) throw new RangeError('a vector of 2^30 bytes or more')
    const length = varintLength(value)
    if (length === 1) return this.u8(value)
    return length === 2 ? this.u16(value | 0x4000) : this.u32((value | 0x8000_0000) >>> 0)
  }
  /** A length-prefixed vector of bytes. */
  vector(bytes: Uint8Array): this {
    return this.varint(bytes.length).raw(bytes)
  }
  /** A length-prefixed vector of encoded structures. */
  vectorOf(items: readonly Uint8Array[]): this {
    this.varint(items.reduce((sum, item) => sum + item.length, 0))
    for (const item of items) this.raw(item)
    return this
  }
  /** A copy of the bytes written. */
  bytes(): Uint8Array {
    return this.#bytes.slice(0, this.#length)
  }

  /**
   * Makes room for `length` more bytes and returns the offset of the first. Replaces `#bytes` and `#view` if they are
   * too short.
   */
  #grow(length: number): number {
    const start = this.#length
    const needed = start + length
    if (needed > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2))
      larger.set(this.#bytes)
      this.#bytes = larger
      this.#view = new DataView(larger.buffer)
    }
    this.#length = needed
    return start
  }
}

/** Whether two byte strings are equal. Not in constant time: for public values only. */
export function isSameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false
  return true
}

/** A snowflake as 8 big-endian bytes; undefined if it is not one. */
export function snowflakeBytes(snowflake: string): Uint8Array | undefined {
  if (!/^[0-9]{1,20}$/.test(snowflake)) return undefined
  const value = BigInt(snowflake)
  return value < 2n ** 64n ? new ByteWriter().u64(value).bytes() : undefined
}
