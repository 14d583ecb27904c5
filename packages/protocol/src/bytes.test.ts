// Binary reader and writer: every length is checked, and every value has one encoding.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ByteReader, ByteWriter, DecodeError, isSameBytes, snowflakeBytes } from './bytes.ts'

const reader = (...bytes: number[]) => new ByteReader(Uint8Array.from(bytes))

test('a vector length is decoded as in the examples of RFC 9420 §2.1.2', () => {
  assert.equal(reader(0x9d, 0x7f, 0x3e, 0x7d).varint(), 494_878_333)
  assert.equal(reader(0x7b, 0xbd).varint(), 15_293)
  assert.equal(reader(0x25).varint(), 37)
})

test('a vector length is encoded in its shortest form and read back', () => {
  for (const [value, length] of [
    [0, 1],
    [63, 1],
    [64, 2],
    [16_383, 2],
    [16_384, 4],
    [2 ** 30 - 1, 4],
  ] as const) {
    const bytes = new ByteWriter().varint(value).bytes()
    assert.equal(bytes.length, length)
    assert.equal(new ByteReader(bytes).varint(), value)
  }
  assert.throws(() => new ByteWriter().varint(2 ** 30), RangeError)
})

test('a vector length in a longer form, or with prefix 11, is refused', () => {
  for (const bytes of [
    [0x40, 0x25],
    [0x40, 63],
    [0x80, 0, 0, 0x25],
    [0x80, 0, 0x3f, 0xff],
    [0xc0, 0, 0, 0, 0, 0, 0, 0],
  ])
    assert.throws(() => reader(...bytes).varint(), DecodeError)
})

test('no read passes the end', () => {
  const reads: ((reader: ByteReader) => unknown)[] = [
    r => r.u8(),
    r => r.u16(),
    r => r.u32(),
    r => r.u64(),
    r => r.take(9),
    r => r.varint(),
    r => r.vector(),
    r => r.vectorOf(inner => inner.u8()),
    r => r.optional(inner => inner.u8()),
  ]
  for (const read of reads) assert.throws(() => read(reader()), DecodeError)
  assert.throws(() => reader(3, 1, 2).vector(), DecodeError)
  assert.throws(() => reader(2, 0, 1, 9).vectorOf(inner => inner.u32()), DecodeError)
  assert.throws(() => reader(1, 2).end(), DecodeError)
})

test('an optional is 0, or 1 and its value', () => {
  assert.equal(
    reader(0, 7).optional(r => r.u8()),
    undefined,
  )
  assert.equal(
    reader(1, 7).optional(r => r.u8()),
    7,
  )
  assert.throws(() => reader(2, 7).optional(r => r.u8()), DecodeError)
})

test('written values are read back across every growth of the writer', () => {
  const long = Uint8Array.from({ length: 20_000 }, (_, index) => index & 0xff)
  const bytes = new ByteWriter()
    .u8(1)
    .u16(0x0203)
    .u32(0xfffffffe)
    .u64(2n ** 64n - 1n)
    .vector(long)
    .vectorOf([long, long])
    .bytes()
  const back = new ByteReader(bytes)
  assert.deepEqual([back.u8(), back.u16(), back.u32(), back.u64()], [1, 0x0203, 0xfffffffe, 2n ** 64n - 1n])
  assert.deepEqual(back.vector(), long)
  assert.equal(back.vectorOf(inner => inner.take(20_000)).length, 2)
  back.end()
})

test('a reader of a part of a buffer stays within that part', () => {
  const whole = Uint8Array.of(1, 2, 3, 4)
  const part = new ByteReader(whole.subarray(1, 3))
  assert.equal(part.u16(), 0x0203)
  assert.equal(part.remaining, 0)
})

test('a snowflake that fits is 8 big-endian bytes', () => {
  assert.deepEqual(snowflakeBytes('258'), Uint8Array.of(0, 0, 0, 0, 0, 0, 1, 2))
  assert.deepEqual(snowflakeBytes('18446744073709551615'), new Uint8Array(8).fill(255))
  for (const text of ['18446744073709551616', '', 'abc', '-1', '1e3']) assert.equal(snowflakeBytes(text), undefined)
})

test('two byte strings are equal if all bytes are', () => {
  assert.ok(isSameBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2)))
  assert.ok(!isSameBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 3)))
  assert.ok(!isSameBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2, 0)))
})
