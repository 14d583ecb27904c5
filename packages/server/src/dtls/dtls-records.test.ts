import assert from 'node:assert/strict'
import { test } from 'node:test'
import { packRecords } from './dtls-records.ts'

const record = (length: number) => {
  const bytes = new Uint8Array(13 + length).fill(length)
  new DataView(bytes.buffer).setUint16(11, length)
  return bytes
}
const join = (...parts: Uint8Array[]) => Uint8Array.from(parts.flatMap(part => [...part]))

test('records are packed while they fit, and keep their order', () => {
  const [a, b, c] = [record(20), record(30), record(40)]
  assert.deepEqual(packRecords(join(a, b, c), 1200), [join(a, b, c)])
  assert.deepEqual(packRecords(join(a, b, c), 76), [join(a, b), c])
  assert.deepEqual(packRecords(join(a, b, c), 75), [a, b, c])
})

test('a record that is longer than a datagram is sent alone', () => {
  const [a, b] = [record(200), record(1)]
  assert.deepEqual(packRecords(join(a, b), 100), [a, b])
})

test('an incomplete record at the end is dropped', () => {
  const whole = record(5)
  assert.deepEqual(packRecords(join(whole, record(9).subarray(0, 21)), 100), [whole])
  assert.deepEqual(packRecords(join(whole, Uint8Array.of(22, 254)), 100), [whole])
  assert.deepEqual(packRecords(new Uint8Array(0), 100), [])
})
