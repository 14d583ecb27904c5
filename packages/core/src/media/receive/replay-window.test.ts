// The replay window: fresh and replayed packets, the sequence wrap, and long losses.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ReplayWindow } from './replay-window.ts'

function makeWindow() {
  const window = new ReplayWindow()
  /** Returns whether the packet is fresh, and marks it if so. */
  const accept = (sequence: number, timestamp = sequence * 960) => {
    const isFresh = window.isFresh(sequence & 0xffff, timestamp | 0)
    if (isFresh) window.mark(sequence & 0xffff, timestamp | 0)
    return isFresh
  }
  return { window, accept }
}

test('a sequence is accepted once', () => {
  const { accept } = makeWindow()
  assert.deepEqual(
    [10, 10, 11, 9, 11, 9, 10].map(sequence => accept(sequence)),
    [true, false, true, true, false, false, false],
  )
})

test('a check without a mark does not consume the sequence', () => {
  const { window } = makeWindow()
  window.mark(5, 0)
  assert.ok(window.isFresh(6, 0))
  assert.ok(window.isFresh(6, 0))
})

test('the window covers 63 sequences before the newest, also across the wrap', () => {
  const { accept } = makeWindow()
  assert.ok(accept(65_530))
  assert.ok(accept(65_536 + 20))
  assert.ok(accept(65_536 + 20 - 63))
  assert.ok(!accept(65_536 + 20 - 63))
  assert.ok(!accept(65_536 + 20 - 64))
  assert.ok(!accept(65_530))
})

test('older than the window are sequences from 64 behind the newest on, also across the wrap', () => {
  const { window, accept } = makeWindow()
  assert.ok(!window.isOlder(7), 'before the first packet')
  for (const newest of [65_535, 65_536 + 20]) {
    accept(newest)
    assert.deepEqual(
      [1, 0, -63, -64, -1_000, -32_767].map(distance => window.isOlder((newest + distance) & 0xffff)),
      [false, false, false, true, true, true],
    )
  }
})

test('a jump forward moves the window, and earlier sequences are rejected', () => {
  const { accept } = makeWindow()
  assert.ok(accept(100))
  assert.ok(accept(100 + 32_767))
  assert.ok(!accept(100))
  assert.ok(!accept(101))
})

test('after a loss of more than half the sequence space the timestamp distinguishes new from old', () => {
  const { accept } = makeWindow()
  assert.ok(accept(100))
  assert.ok(accept(100 + 40_000))
  assert.ok(!accept(100))
  assert.ok(accept(100 + 40_001))
  assert.ok(!accept(101))
})

test('a sender that restarts its timestamps is accepted while its sequences continue', () => {
  const { accept } = makeWindow()
  assert.ok(accept(100, 1_000_000))
  assert.ok(accept(101, 0))
  assert.ok(accept(3_101, 960))
  assert.ok(!accept(6_200, 1_920))
})

test('no packet is accepted twice in any order within half the sequence space', () => {
  fc.assert(
    fc.property(fc.nat(0xffff), fc.array(fc.nat(300), { maxLength: 400, size: 'max' }), (start, offsets) => {
      const { accept } = makeWindow()
      const seen = new Set<number>()
      let newest = 0
      for (const offset of offsets) {
        const isExpected = !seen.has(offset) && (seen.size === 0 || offset > newest - 64)
        assert.equal(accept(start + offset), isExpected)
        if (isExpected) seen.add(offset)
        if (isExpected) newest = Math.max(newest, offset)
      }
    }),
  )
})
