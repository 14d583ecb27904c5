import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIMITS } from '../../limits.ts'
import { Paced, Pacer } from './pacer.ts'

/** 2.5 times this is one byte per microsecond: a packet of 1,000 bytes takes a millisecond. */
const ESTIMATE = 8_000_000 / LIMITS.pacingFactor

function offerMany(pacer: Pacer, count: number, now: number): number[] {
  return Array.from({ length: count }, (_, packet) => pacer.offer(packet, 1_000, now))
}

test('packets within the rate leave at once', () => {
  const pacer = new Pacer()
  pacer.setEstimate(ESTIMATE)
  for (let now = 0; now < 1_000; now += 2) assert.equal(pacer.offer(0, 1_000, now), Paced.Now)
})

test('a burst leaves in order at the rate', () => {
  const pacer = new Pacer()
  pacer.setEstimate(ESTIMATE)
  const offered = offerMany(pacer, 100, 0)
  assert.equal(offered.filter(paced => paced === Paced.Queued).length, pacer.count)
  const left: [number, number][] = []
  while (pacer.count > 0) {
    const now = pacer.deadline
    for (let packet = pacer.next(now); packet >= 0; packet = pacer.next(now)) left.push([packet, now])
  }
  assert.deepEqual(
    left.map(([packet]) => packet),
    Array.from({ length: left.length }, (_, index) => 100 - left.length + index),
  )
  assert.ok(Math.abs(left.at(-1)![1] - 95) <= 2)
})

test('a packet that would wait too long is dropped', () => {
  const pacer = new Pacer()
  pacer.setEstimate(ESTIMATE / 10)
  const offered = offerMany(pacer, 100, 0)
  const kept = offered.indexOf(Paced.Dropped)
  assert.ok(Math.abs(kept * 10 - LIMITS.pacedWait) <= 20, String(kept))
  assert.ok(offered.slice(kept).every(paced => paced === Paced.Dropped))
})

test('the queue is bounded in packets', () => {
  const pacer = new Pacer()
  pacer.setEstimate(ESTIMATE)
  let queued = 0
  for (let packet = 0; packet < 2_000; packet++) if (pacer.offer(packet, 100, 0) === Paced.Queued) queued++
  assert.equal(queued, LIMITS.pacedPackets)
})

test('without an estimate nothing is paced', () => {
  assert.ok(offerMany(new Pacer(), 1_000, 0).every(paced => paced === Paced.Now))
})
