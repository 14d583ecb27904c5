// The replay window: what is fresh, what was seen, and what happens around the wrap and after long losses.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ReplayWindows } from './replay-window.ts'

function makeWindow() {
  const windows = new ReplayWindows()
  windows.resize(4)
  /** Whether the packet is let through; then it is also marked. */
  const accept = (sequence: number, timestamp = sequence * 960) => {
    const isFresh = windows.isFresh(2, sequence & 0xffff, timestamp | 0)
    if (isFresh) windows.mark(2, sequence & 0xffff, timestamp | 0)
    return isFresh
  }
  return { windows, accept }
}

test('a sequence is let through once', () => {
  const { accept } = makeWindow()
  assert.deepEqual(
    [10, 10, 11, 9, 11, 9, 10].map(sequence => accept(sequence)),
    [true, false, true, true, false, false, false],
  )
})

test('checking without marking leaves a packet that does not verify out', () => {
  const { windows } = makeWindow()
  windows.mark(2, 5, 0)
  assert.ok(windows.isFresh(2, 6, 0))
  assert.ok(windows.isFresh(2, 6, 0))
})

test('the window reaches 63 back from the newest, over the wrap too', () => {
  const { accept } = makeWindow()
  assert.ok(accept(65_530))
  assert.ok(accept(65_536 + 20))
  assert.ok(accept(65_536 + 20 - 63))
  assert.ok(!accept(65_536 + 20 - 63))
  assert.ok(!accept(65_536 + 20 - 64))
  assert.ok(!accept(65_530))
})

test('a jump ahead is followed, and what lies before it is old', () => {
  const { accept } = makeWindow()
  assert.ok(accept(100))
  assert.ok(accept(100 + 32_767))
  assert.ok(!accept(100))
  assert.ok(!accept(101))
})

test('after a loss of more than half a circle the timestamp tells new from old', () => {
  const { accept } = makeWindow()
  assert.ok(accept(100))
  assert.ok(accept(100 + 40_000))
  assert.ok(!accept(100))
  assert.ok(accept(100 + 40_001))
  assert.ok(!accept(101))
})

test('a sender whose timestamps start over is heard as long as its sequences go on', () => {
  const { accept } = makeWindow()
  assert.ok(accept(100, 1_000_000))
  assert.ok(accept(101, 0))
  assert.ok(accept(3_101, 960))
  assert.ok(!accept(6_200, 1_920))
})

test('a sender that starts over is heard with a new key', () => {
  const { windows, accept } = makeWindow()
  assert.ok(accept(5_000))
  assert.ok(!accept(1))
  windows.reset(2)
  assert.ok(accept(1))
})

test('growing keeps what was seen', () => {
  const { windows, accept } = makeWindow()
  accept(7)
  windows.resize(100)
  assert.ok(!accept(7))
})

test('no packet is ever let through twice, in whatever order packets arrive within half a circle', () => {
  fc.assert(
    fc.property(fc.nat(0xffff), fc.array(fc.nat(300), { maxLength: 400 }), (start, offsets) => {
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
