// The health value of a node.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Health } from './health.ts'

const capacity = { sessions: 100, egressBitsPerSecond: 1_000, eventLoopLag: 200, laneBusy: 0.8 }
const idle = { sessions: 0, egressBitsPerSecond: 0, eventLoopLag: 0, laneBusy: 0 }
const near = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) < 1e-9, `${actual}, not ${expected}`)

test('a node without measurements has health 1', () => assert.equal(new Health().value, 1))

test('the most loaded resource determines health', () => {
  const measured = (load: Partial<typeof idle>) => {
    const health = new Health(capacity)
    health.measure({ ...idle, ...load }, 0)
    return health.value
  }
  near(measured({ sessions: 25 }), 0.75)
  near(measured({ egressBitsPerSecond: 900, sessions: 25 }), 0.1)
  near(measured({ eventLoopLag: 100, egressBitsPerSecond: 100 }), 0.5)
  near(measured({ laneBusy: 0.6, egressBitsPerSecond: 100 }), 0.25)
})

test('health follows load with a time constant of ten seconds', () => {
  const health = new Health(capacity)
  health.measure(idle, 0)
  for (let now = 1_000; now <= 10_000; now += 1_000) health.measure({ ...idle, sessions: 100 }, now)
  near(health.value, Math.exp(-1))
})

test('health does not depend on the measurement interval', () => {
  const measuredEvery = (step: number) => {
    const health = new Health(capacity)
    health.measure(idle, 0)
    for (let now = step; now <= 6_000; now += step) health.measure({ ...idle, sessions: 80 }, now)
    return health.value
  }
  near(measuredEvery(100), measuredEvery(3_000))
})

test('a serving node never has health 0, a draining one always does', () => {
  const health = new Health(capacity)
  health.measure({ ...idle, sessions: 1_000_000 }, 0)
  assert.equal(health.value, 0.01)
  health.draining = true
  assert.equal(health.value, 0)
  health.draining = false
  assert.equal(health.value, 0.01)
})

test('a capacity of 0 disables its resource', () => {
  const health = new Health({ ...capacity, sessions: 0 })
  health.measure({ ...idle, sessions: 1_000_000 }, 0)
  assert.equal(health.value, 1)
})

test('health is between 0.01 and 1 for any measurement', () => {
  const anyNumber = fc.oneof(fc.double(), fc.constantFrom(Number.NaN, Infinity, -Infinity, -1, 0))
  const load = fc.record({
    sessions: anyNumber,
    egressBitsPerSecond: anyNumber,
    eventLoopLag: anyNumber,
    laneBusy: anyNumber,
  })
  fc.assert(
    fc.property(
      load,
      fc.array(fc.tuple(load, fc.integer({ min: 0, max: 100_000 })), { maxLength: 20 }),
      (caps, loads) => {
        const health = new Health(caps)
        for (const [measured, now] of loads) {
          health.measure(measured, now)
          assert.ok(health.value >= 0.01 && health.value <= 1, `${health.value}`)
        }
      },
    ),
  )
})
