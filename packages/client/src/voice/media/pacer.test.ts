// Pacing on a virtual clock.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { paced } from './pacer.ts'

/** Sleeps longer than requested, as timers do. */
class LateClock {
  time = 0
  readonly late: number
  constructor(late: number) {
    this.late = late
  }
  now() {
    return this.time
  }
  async sleep(time: number) {
    this.time += time + this.late
  }
}

async function moments(clock: LateClock, items: Iterable<number>, work: (item: number) => number = () => 0) {
  const found: number[] = []
  for await (const item of paced(items, () => 20, clock)) {
    found.push(clock.time)
    clock.time += work(item)
  }
  return found
}
const range = (count: number) => Array.from({ length: count }, (_, index) => index)

test('items are yielded on schedule, however late timers fire', async () => {
  const found = await moments(new LateClock(3), range(1_000))
  assert.deepEqual(found.slice(0, 3), [0, 23, 43])
  assert.equal(found.at(-1), 999 * 20 + 3)
})

test('the end is after the duration of the last item', async () => {
  const clock = new LateClock(0)
  await moments(clock, range(50))
  assert.equal(clock.time, 1_000)
})

test('the schedule catches up after a short stall and restarts after a long one', async () => {
  const short = await moments(new LateClock(0), range(12), item => (item === 0 ? 150 : 0))
  assert.equal(short.at(-1), 11 * 20)
  const long = await moments(new LateClock(0), range(12), item => (item === 0 ? 5_000 : 0))
  assert.deepEqual(long.slice(0, 3), [0, 5_000, 5_020])
})
