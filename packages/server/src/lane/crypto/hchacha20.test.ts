import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { hchacha20 } from './hchacha20.ts'

const rotate = (value: number, by: number) => (value << by) | (value >>> (32 - by))

/** The quarter rounds as the draft defines them. */
function readable(key: Int32Array, nonce: readonly number[]): number[] {
  const state = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, ...key, ...nonce]
  const quarter = (a: number, b: number, c: number, d: number) => {
    const step = (to: number, by: number, mixed: number, left: number) => {
      state[to] = (state[to]! + state[by]!) | 0
      state[mixed] = rotate(state[mixed]! ^ state[to]!, left)
    }
    step(a, b, d, 16)
    step(c, d, b, 12)
    step(a, b, d, 8)
    step(c, d, b, 7)
  }
  for (let round = 0; round < 10; round++) {
    for (const column of [0, 1, 2, 3]) quarter(column, 4 + column, 8 + column, 12 + column)
    for (const n of [0, 1, 2, 3]) quarter(n, 4 + ((n + 1) & 3), 8 + ((n + 2) & 3), 12 + ((n + 3) & 3))
  }
  return [...state.slice(0, 4), ...state.slice(12)]
}

test('the readable implementation returns the published block', () => {
  const key = new Int32Array(Uint8Array.from({ length: 32 }, (_, index) => index).buffer)
  const nonce = new Int32Array(Uint8Array.from(Buffer.from('000000090000004a0000000031415927', 'hex')).buffer)
  const block = Buffer.from(Int32Array.from(readable(key, [...nonce])).buffer).toString('hex')
  assert.equal(block, '82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc')
})

test('the unrolled implementation equals the readable one for any key and counter', () => {
  for (let count = 0; count < 200; count++) {
    const random = randomBytes(36)
    const key = Int32Array.from({ length: 8 }, (_, index) => random.readInt32LE(index * 4))
    const first = random.readInt32LE(32)
    const words = new Int32Array(12)
    hchacha20(key, first, words, 3)
    assert.deepEqual([...words.subarray(3, 11)], readable(key, [first, 0, 0, 0]), random.toString('hex'))
    assert.deepEqual([words[2], words[11]], [0, 0])
  }
})
