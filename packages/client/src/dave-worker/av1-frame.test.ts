import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withoutLastSize } from './av1-frame.ts'

const DELIMITER = [0x12, 0]
const without = (...bytes: number[]) => [...withoutLastSize(Uint8Array.from(bytes))]
const payload = (length: number) => Array.from({ length }, (_, index) => index & 0xff)

test('the last OBU loses its size, those before keep theirs', () => {
  assert.deepEqual(without(0x32, 3, 7, 8, 9), [0x30, 7, 8, 9])
  assert.deepEqual(without(...DELIMITER, 0x0a, 2, 1, 2, 0x32, 3, 7, 8, 9), [...DELIMITER, 0x0a, 2, 1, 2, 0x30, 7, 8, 9])
  assert.deepEqual(without(0x36, 0x28, 2, 7, 8), [0x34, 0x28, 7, 8], 'behind the extension of the header')
  assert.deepEqual(without(0x32, 0xc8, 1, ...payload(200)), [0x30, ...payload(200)], 'a size of two bytes')
})

test('a frame whose last OBU has no size, and other bytes, stay as they are', () => {
  for (const bytes of [
    [],
    [0x30, 7, 8],
    [0x0a, 1, 1, 0x30, 7],
    [0x32, 5, 7],
    [0x32],
    [0x36, 0x28],
    [0x32, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
  ])
    assert.deepEqual(without(...bytes), bytes)
})
