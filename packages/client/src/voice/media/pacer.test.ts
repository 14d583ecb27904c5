// Pacing on a virtual clock.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { paced } from './pacer.ts'

/** Sleeps longer than asked, as timers do. */
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

test('items are given out at their moments, however late timers are', async () => {
  const found = await moments(new LateClock(3), range(1_000))
  assert.deepEqual(found.slice(0, 3), [0, 23, 43])
  assert.equal(found.at(-1), 999 * 20 + 3)
})

test('it ends when the last item has lasted', async () => {
  const clock = new LateClock(0)
  await moments(clock, range(50))
  assert.equal(clock.time, 1_000)
})

test('a short stall is caught up with, a long one is not', async () => {
  const short = await moments(new LateClock(0), range(12), item => (item === 0 ? 150 : 0))
  assert.equal(short.at(-1), 11 * 20)
  const long = await moments(new LateClock(0), range(12), item => (item === 0 ? 5_000 : 0))
  assert.deepEqual(long.slice(0, 3), [0, 5_000, 5_020])
})
