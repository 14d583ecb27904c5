import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StandingQueue } from './standing-queue.ts'

/** A packet every 20 ms, each `delay` late. */
function send(queue: StandingQueue, from: number, to: number, delay: (index: number) => number): void {
  for (let now = from, index = 0; now < to; now += 20, index++) queue.add(now, now + 50 + delay(index))
}

test('a queue that never empties stands, one that empties between frames does not', () => {
  const queue = new StandingQueue()
  send(queue, 0, 1_000, () => 0)
  send(queue, 1_000, 3_000, index => (index % 5 === 0 ? 10 : 200))
  assert.equal(queue.stands, false)
  send(queue, 3_000, 4_000, () => 200)
  assert.equal(queue.stands, true)
})

test('a longer path is accepted, and is no queue from then on', () => {
  const queue = new StandingQueue()
  send(queue, 0, 1_000, () => 0)
  send(queue, 1_000, 3_000, () => 200)
  assert.equal(queue.stands, true)
  queue.accept()
  send(queue, 3_000, 5_000, () => 200)
  assert.equal(queue.stands, false)
  send(queue, 5_000, 7_000, () => 400)
  assert.equal(queue.stands, true)
})

test('a slow link takes time for each packet', () => {
  const queue = new StandingQueue()
  queue.packetTime = 100
  send(queue, 0, 1_000, () => 0)
  send(queue, 1_000, 3_000, () => 120)
  assert.equal(queue.stands, false)
})
