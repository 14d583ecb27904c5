import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readRemb } from './remb.ts'

function read(text: string): number {
  const bytes = Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'))
  return readRemb(new DataView(bytes.buffer), 0, bytes.length)
}

test('the bitrate is the mantissa times a power of two', () => {
  assert.equal(read('8fce0005 00000001 00000000 52454d42 010a03d0 00003039'), 0x203d0 * 4)
  assert.equal(read('8fce0005 00000001 00000000 52454d42 01020000 00003039'), 0x20000)
  assert.equal(read('8fce0005 00000001 00000000 52454d42 01ffffff 00003039'), 0x3_ffff * 2 ** 63)
})

test('other packets are no REMB', () => {
  assert.equal(read('8fce0005 00000001 00000000 52454d43 010a03d0 00003039'), -1)
  assert.equal(read('81ce0005 00000001 00000000 52454d42 010a03d0 00003039'), -1)
  assert.equal(read('8fcd0005 00000001 00000000 52454d42 010a03d0 00003039'), -1)
  assert.equal(read('8fce0003 00000001 00000000 52454d42'), -1)
})
