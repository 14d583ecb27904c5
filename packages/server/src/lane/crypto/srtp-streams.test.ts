// The windows of SRTP indexes, against a set of all indexes that were used.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIMITS } from '@parley/core'
import fc from 'fast-check'
import { OPEN_WINDOW, OpenStreams, SealStreams } from './srtp-streams.ts'

const SSRC = 0xcafe_babe
const CYCLE = 65_536

/** Takes indexes as packets do: by their sequence. Returns the index that was used; −1 if the packet was refused. */
const windows = {
  open: () => {
    const streams = new OpenStreams()
    return (sequence: number) => {
      const index = streams.guess(SSRC, sequence)
      if (index >= 0) streams.verified(SSRC, index)
      return index
    }
  },
  seal: () => {
    const streams = new SealStreams()
    return (sequence: number) => streams.take(SSRC, sequence)
  },
}
const sizes = { open: OPEN_WINDOW, seal: LIMITS.replayWindow }

for (const kind of ['open', 'seal'] as const) {
  const size = sizes[kind]

  test(`${kind}: the window covers ${size - 1} indexes before the newest, also across the rollover, each once`, () => {
    for (const newest of [size + 10, CYCLE + 20, 2 * CYCLE - 1, 2 * CYCLE, 3 * CYCLE + 7]) {
      const take = windows[kind]()
      const takeAt = (index: number) => take(index % CYCLE)
      for (let index = 0; index < newest; index += 30_000) assert.equal(takeAt(index), index)
      assert.equal(takeAt(newest), newest)
      const oldest = newest - size + 1
      assert.equal(takeAt(oldest), oldest)
      assert.equal(takeAt(oldest), -1)
      assert.equal(takeAt(oldest - 1), -1)
      assert.equal(takeAt(newest + 1), newest + 1)
      assert.equal(takeAt(oldest), -1)
      assert.equal(takeAt(oldest + 1), oldest + 1)
    }
  })

  test(`${kind}: each index is used once at most, whatever is lost, late or repeated`, () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.integer({ min: 1, max: 3 }) },
      { weight: 6, arbitrary: fc.integer({ min: -size - 5, max: 0 }) },
      { weight: 1, arbitrary: fc.integer({ min: 1, max: 32_000 }) },
    )
    fc.assert(
      fc.property(fc.nat(CYCLE - 1), fc.array(step, { maxLength: 400, size: 'max' }), (first, steps) => {
        const take = windows[kind]()
        const used = new Set<number>()
        let newest = first
        assert.equal(take(first), first)
        used.add(first)
        for (const each of steps) {
          const index = newest + each
          if (index < 0) continue
          const isFree = !used.has(index) && newest - index < size
          assert.equal(take(index % CYCLE), isFree ? index : -1)
          if (isFree) used.add(index)
          newest = Math.max(newest, index)
        }
      }),
    )
  })
}
