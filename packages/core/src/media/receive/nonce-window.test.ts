// The nonces of clients that count in either byte order, and of those that do not count.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { NonceWindow } from './nonce-window.ts'

const reversed = (nonce: number) => {
  const view = new DataView(new ArrayBuffer(4))
  view.setInt32(0, nonce)
  return view.getInt32(0, true)
}
/** Numbers that are far apart in both byte orders, whatever they are made of. */
const scattered = (value: number) => Math.imul(value, 0x9e37_79b1) ^ 0x5a5a_5a5a
const orders = [
  ['big-endian', (nonce: number) => nonce | 0],
  ['little-endian', reversed],
] as const

for (const [name, write] of orders)
  test(`a ${name} counter is recognized from any start, and only nonces ahead of all before are new`, () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.integer({ min: 4, max: 2_000 }),
        fc.integer({ min: 1, max: 20 }),
        (start, count, loss) => {
          const window = new NonceWindow()
          for (let index = 0; index < count; index++) window.verified(write(start + index * loss), false)
          const newest = start + (count - 1) * loss
          assert.ok(window.isNew(write(newest + 1)))
          assert.ok(window.isNew(write(newest + 100_000)))
          for (let index = 0; index < count; index++) assert.ok(!window.isNew(write(start + index * loss)))
          assert.ok(!window.isNew(write(start - 1)))
        },
      ),
    )
  })

test('before an order is known only a small step is new, and nothing of a client that does not count', () => {
  const window = new NonceWindow()
  assert.ok(!window.isNew(5))
  window.verified(0x0102_0305, false)
  for (const next of [0x0102_0306, 0x0202_0305]) assert.ok(window.isNew(next))
  for (const other of [0x0102_0305, 0x0102_0304, 0x0002_0305, 0x0112_0305]) assert.ok(!window.isNew(other))
  fc.assert(
    fc.property(fc.array(fc.integer(), { minLength: 4, maxLength: 50, size: 'max' }), fc.integer(), (nonces, nonce) => {
      const random = new NonceWindow()
      for (const each of nonces) random.verified(scattered(each), false)
      assert.ok(!random.isNew(scattered(nonces.at(-1)!)))
      assert.equal(random.isReplayedRtcp(nonce), false)
    }),
  )
})

test('reordering keeps the order known, and a long loss only until the counter is recognized again', () => {
  const window = new NonceWindow()
  for (const nonce of [10, 11, 13, 12, 14]) window.verified(nonce, false)
  assert.ok(window.isNew(15))
  assert.ok(!window.isNew(12))
  window.verified(1_000_000, false)
  assert.ok(!window.isNew(2_000_000))
  for (const nonce of [1_000_001, 1_000_002, 1_000_003]) window.verified(nonce, false)
  assert.ok(window.isNew(1_000_004))
  assert.ok(!window.isNew(500_000))
})

test('a replayed report is recognized, one that RTP has overtaken is not taken for one', () => {
  const window = new NonceWindow()
  for (const nonce of [1, 2, 3]) window.verified(nonce, false)
  window.verified(4, true)
  for (const nonce of [6, 7]) window.verified(nonce, false)
  assert.ok(!window.isReplayedRtcp(5))
  window.verified(5, true)
  assert.deepEqual(
    [4, 5, 8].map(nonce => window.isReplayedRtcp(nonce)),
    [true, true, false],
  )
})
