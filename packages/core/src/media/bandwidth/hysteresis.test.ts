import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIMITS } from '../../limits.ts'
import { AllocationClock } from './allocation-clock.ts'
import { Hysteresis } from './hysteresis.ts'

test('less takes effect at once, more after it was possible for a second without a break', () => {
  const hysteresis = new Hysteresis()
  assert.ok(hysteresis.allow(1, 1e6, false, 0))
  assert.equal(hysteresis.allow(2, 1e6, false, 100), false)
  assert.equal(hysteresis.allow(2, 1e6, false, 100 + LIMITS.raiseDelay - 1), false)
  assert.equal(hysteresis.allow(1, 1e6, false, 1_100), false)
  assert.equal(hysteresis.allow(2, 1e6, false, 1_200), false)
  assert.equal(hysteresis.deadline, 1_200 + LIMITS.raiseDelay)
  assert.ok(hysteresis.allow(2, 1e6, false, hysteresis.deadline))
  assert.equal(hysteresis.limit, 2)
  assert.ok(hysteresis.allow(-1, 1e6, false, 3_000))
  assert.equal(hysteresis.limit, -1)
})

test('what a probe confirms takes effect at once', () => {
  const hysteresis = new Hysteresis()
  hysteresis.set(1)
  assert.ok(hysteresis.allow(2, 1e6, true, 100))
})

test('a raise that failed is tried again much later, then each time twice as late, and at once on a far better link', () => {
  const hysteresis = new Hysteresis()
  hysteresis.set(1)
  for (const [start, delay] of [
    [10_000, 1_000],
    [20_000, 8_000],
    [30_000, 16_000],
  ] as const) {
    hysteresis.allow(2, 1e6, start > 10_000, start)
    assert.equal(hysteresis.limit, 1)
    assert.equal(hysteresis.deadline, start + delay)
    assert.ok(hysteresis.allow(2, 1e6, false, start + delay))
    assert.ok(hysteresis.allow(1, 0.7e6, false, start + delay + 500))
  }
  assert.equal(hysteresis.allow(2, 1.4e6, true, 50_000), false)
  assert.ok(hysteresis.allow(2, 1.6e6, true, 50_100))
})

test('a paused source returns in its lowest layer after two seconds, whatever failed before', () => {
  const hysteresis = new Hysteresis()
  hysteresis.set(0)
  assert.ok(hysteresis.allow(2, 1e6, true, 0))
  assert.ok(hysteresis.allow(-1, 0.7e6, false, 500))
  assert.equal(hysteresis.allow(2, 0.7e6, false, 1_000), false)
  assert.equal(hysteresis.deadline, 3_000)
  assert.ok(hysteresis.allow(2, 0.7e6, false, 3_000))
  assert.equal(hysteresis.limit, 0)
  assert.equal(hysteresis.allow(2, 0.7e6, false, 6_000), false)
})

test('a raise that is withdrawn half a minute later has not failed, nor one of a link that has become far slower', () => {
  for (const [after, estimate] of [
    [30_500, 0.7e6],
    [6_000, 0.3e6],
  ] as const) {
    const hysteresis = new Hysteresis()
    hysteresis.set(1)
    assert.ok(hysteresis.allow(2, 1e6, true, 0))
    assert.ok(hysteresis.allow(1, estimate, false, after))
    assert.ok(hysteresis.allow(2, 1e6, true, after + 100))
  }
})

test('a raise that failed is forgotten after minutes', () => {
  const hysteresis = new Hysteresis()
  hysteresis.set(1)
  assert.ok(hysteresis.allow(2, 1e6, true, 0))
  assert.ok(hysteresis.allow(1, 0.7e6, false, 500))
  for (const minutes of [1, 2, 3]) {
    assert.equal(hysteresis.allow(2, 1e6, true, minutes * 60_000), false)
    hysteresis.allow(1, 1e6, false, minutes * 60_000 + 100)
  }
  assert.ok(hysteresis.allow(2, 1e6, true, 180_500))
})

test('an allocation is due after a change of a tenth, ten times a second at most', () => {
  const clock = new AllocationClock()
  clock.allocated(1_000_000, 5_000)
  assert.equal(clock.dueAt(1_090_000), 5_000 + LIMITS.allocationRefresh)
  assert.equal(clock.dueAt(1_110_000), 5_000 + LIMITS.allocationInterval)
  assert.equal(clock.dueAt(890_000), 5_000 + LIMITS.allocationInterval)
  assert.equal(clock.dueAt(Infinity), 5_000 + LIMITS.allocationInterval)
  clock.allocated(Infinity, 6_000)
  assert.equal(clock.dueAt(Infinity), 6_000 + LIMITS.allocationRefresh)
  assert.equal(clock.dueAt(900_000), 6_000 + LIMITS.allocationInterval)
})

test('an allocation is due when wants changed, and when a raise is possible', () => {
  const clock = new AllocationClock()
  clock.allocated(1_000_000, 5_000)
  clock.raiseAt = 5_400
  assert.equal(clock.dueAt(1_000_000), 5_400)
  clock.isStale = true
  assert.equal(clock.dueAt(1_000_000), 5_000 + LIMITS.allocationInterval)
})
