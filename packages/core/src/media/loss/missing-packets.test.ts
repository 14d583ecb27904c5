// Tracking of a source's missing packets under loss, reordering and duplication.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sequenceDistance } from '@parley/protocol'
import fc from 'fast-check'
import { LIMITS } from '../../limits.ts'
import { MissingPackets } from './missing-packets.ts'

const SEED = 20_261_123
const requested = new Int32Array(64)

function take(missing: MissingPackets, now: number): number[] {
  return [...requested.subarray(0, missing.take(requested, now))]
}

test('skipped sequences are requested once, in order, across the wrap', () => {
  const missing = new MissingPackets()
  missing.arrived(65_533, 0)
  assert.ok(missing.arrived(2, 0))
  assert.equal(missing.deadline, LIMITS.nackDelay)
  assert.deepEqual(take(missing, LIMITS.nackDelay), [65_534, 65_535, 0, 1])
  assert.deepEqual(take(missing, LIMITS.nackDelay + 1), [])
  assert.ok(missing.found(65_535, LIMITS.nackDelay + 5))
  assert.ok(!missing.found(65_535, LIMITS.nackDelay + 5))
  assert.equal(missing.count, 3)
})

test('a packet older than the packet cache is given up', () => {
  const missing = new MissingPackets()
  missing.arrived(0, 0)
  for (let sequence = 2; sequence <= LIMITS.cachedPackets + 1; sequence++) missing.arrived(sequence, 0)
  assert.deepEqual(take(missing, LIMITS.nackDelay), [])
  assert.ok(missing.isBroken)
})

test('a packet is missing until as many newer ones arrived as are kept, or it arrives, also across the wrap', () => {
  for (const lost of [100, 65_535, 65_000]) {
    const missing = new MissingPackets()
    missing.arrived(lost - 1, 0)
    for (let ahead = 1; ahead < LIMITS.cachedPackets; ahead++) missing.arrived((lost + ahead) & 0xffff, 0)
    assert.deepEqual(take(missing, LIMITS.nackDelay), [lost])
    assert.deepEqual([missing.isMissing(lost), missing.isMissing((lost + 1) & 0xffff)], [true, false])
    missing.arrived((lost + LIMITS.cachedPackets) & 0xffff, LIMITS.nackDelay)
    assert.ok(!missing.isMissing(lost), 'before it is given up')
    take(missing, LIMITS.nackDelay + 100)
    assert.deepEqual([missing.count, missing.isBroken], [0, true])
  }
})

test('what was requested is known after it arrived or was given up, until its sequence comes again', () => {
  const missing = new MissingPackets()
  const advance = (from: number, count: number) => {
    for (let index = 0; index < count; index++) missing.arrived((from + index) & 0xffff, LIMITS.nackDelay)
  }
  missing.arrived(65_530, 0)
  missing.arrived(65_533, 0)
  assert.ok(!missing.wasRequested(65_531))
  take(missing, LIMITS.nackDelay)
  missing.found(65_531, LIMITS.nackDelay)
  const known = () => [65_530, 65_531, 65_532, 65_533].map(sequence => missing.wasRequested(sequence))
  assert.deepEqual(known(), [false, true, true, false])
  advance(65_534, 1_500)
  take(missing, LIMITS.nackDelay + LIMITS.missingLife)
  assert.deepEqual(known(), [false, true, true, false])
  advance(65_534 + 1_500, 65_536 - 1_500)
  assert.deepEqual(known(), [false, false, false, false])
})

test('a stream that starts over forgets what was requested of it', () => {
  const missing = new MissingPackets()
  missing.arrived(10, 0)
  missing.arrived(12, 0)
  take(missing, LIMITS.nackDelay)
  assert.ok(missing.wasRequested(11))
  missing.arrived(40_000, LIMITS.nackDelay)
  for (let sequence = 39_999; sequence > 39_999 - 5_000; sequence--) assert.ok(!missing.wasRequested(sequence))
})

test('packets are requested again as soon as a stream continues that was not followed for a cycle', () => {
  const missing = new MissingPackets()
  missing.arrived(100, 0)
  missing.arrived(90, 60_000)
  assert.ok(missing.arrived(92, 60_000))
  assert.deepEqual(take(missing, 60_000 + LIMITS.nackDelay), [91])
})

/** Delay of one packet in milliseconds; undefined if it is lost. */
const fate = fc.oneof(
  { weight: 8, arbitrary: fc.nat(3) },
  { weight: 1, arbitrary: fc.nat(400) },
  { weight: 1, arbitrary: fc.constant(undefined) },
)

test(`only missing packets are requested, in order and a bounded number of times, until none is pending (seed ${SEED})`, () => {
  fc.assert(
    fc.property(fc.nat(65_535), fc.array(fate, { minLength: 1, maxLength: 300, size: 'max' }), (first, fates) => {
      const missing = new MissingPackets()
      const here = new Set<number>()
      let newest = 0
      const tries = new Map<number, number>()
      const arrivals = new Map<number, number[]>()
      for (const [index, delay] of fates.entries())
        if (delay !== undefined) arrivals.set(2 * index + delay, [...(arrivals.get(2 * index + delay) ?? []), index])
      for (let now = 0; now < 2 * fates.length + 400 + LIMITS.missingLife + LIMITS.nackDelay; now++) {
        for (const index of arrivals.get(now) ?? []) {
          const sequence = (first + index) & 0xffff
          here.add(sequence)
          newest = Math.max(newest, index)
          // The replay window drops older ones, unless they are retransmissions.
          if (newest - index < LIMITS.replayWindow) missing.arrived(sequence, now)
          missing.found(sequence, now)
        }
        if (now < missing.deadline) continue
        const taken = take(missing, now)
        for (const [index, sequence] of taken.entries()) {
          assert.ok(!here.has(sequence))
          assert.ok(index === 0 || sequenceDistance(sequence, taken[index - 1]!) > 0)
          tries.set(sequence, (tries.get(sequence) ?? 0) + 1)
          assert.ok(tries.get(sequence)! <= LIMITS.nackTries)
        }
      }
      assert.equal(missing.count, 0)
      assert.equal(missing.deadline, Infinity)
    }),
    { seed: SEED, numRuns: 100 },
  )
})
