import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIMITS } from '../../limits.ts'
import { AllocationClock } from './allocation-clock.ts'
import { Hysteresis } from './hysteresis.ts'

test('less takes effect at once, more after it was possible for a second without a break', () => {
  const hysteresis = new Hysteresis()
  assert.ok(hysteresis.allow(1, 0))
  assert.equal(hysteresis.allow(2, 100), false)
  assert.equal(hysteresis.allow(2, 100 + LIMITS.raiseDelay - 1), false)
  assert.equal(hysteresis.allow(1, 1_100), false)
  assert.equal(hysteresis.allow(2, 1_200), false)
  assert.equal(hysteresis.deadline, 1_200 + LIMITS.raiseDelay)
  assert.ok(hysteresis.allow(2, hysteresis.deadline))
  assert.equal(hysteresis.limit, 2)
  assert.ok(hysteresis.allow(-1, 3_000))
  assert.equal(hysteresis.limit, -1)
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
