import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Playout } from './playout.ts'
import { aimedLink, MEGABIT, runFreezes } from './viewer-scenarios.ts'

const TURNAROUND = 200

/** Frames of two packets every 40 ms, each received 100 ms later. */
function scene(isBuffered = false) {
  const requests: [sequence: number, at: number][] = []
  const playout = new Playout(TURNAROUND, isBuffered, (sequence, now) => void requests.push([sequence, now]))
  const arrives = (sequence: number, now = 100 + 40 * (sequence >> 1)) =>
    playout.arrived({ sequence, first: sequence & ~1, count: 2, at: 40 * (sequence >> 1) }, now)
  return { playout, requests, arrives }
}

test('a lost packet is requested when a later one arrives, and again after a turnaround', () => {
  const { playout, requests, arrives } = scene()
  for (const sequence of [0, 1, 2, 4]) arrives(sequence)
  assert.deepEqual(requests, [[3, 180]])
  assert.equal(playout.deadline, 400)
  playout.tick(400)
  assert.deepEqual(requests.at(-1), [3, 400])
  arrives(3, 610)
  assert.equal(playout.deadline, Infinity)
})

test('frames are shown in order, and a picture that stands for more than 200 ms is a freeze', () => {
  const { playout, arrives } = scene()
  for (const sequence of [0, 1, 2, 4, 5, 6, 7, 8, 9]) arrives(sequence)
  assert.equal(playout.freezes, 0)
  arrives(3, 301)
  assert.equal(playout.freezes, 1)
})

test('a buffer hides most of the repeats, of which each freezes a picture without one', () => {
  const [immediate, buffered] = (['immediate', 'buffered'] as const).map(
    playout => runFreezes(1, aimedLink(MEGABIT, 0.1), playout, 60).freezes,
  )
  assert.ok(immediate! > 50 && buffered! < 12, `${immediate} ${buffered}`)
  assert.equal(runFreezes(1, aimedLink(MEGABIT, 0), 'immediate', 60).freezes, 0)
})
