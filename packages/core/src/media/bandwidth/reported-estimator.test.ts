import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIMITS } from '../../limits.ts'
import { ReportedEstimator } from './reported-estimator.ts'

const PACKET = 1_200

/** One report per second about what was sent at `rate`. */
function report(estimator: ReportedEstimator, rate: number, fractionLost: number, seconds: number, start = 0): number {
  const packets = Math.round(rate / 8 / PACKET)
  for (let second = 1; second <= seconds; second++) {
    for (let packet = 0; packet < packets; packet++) estimator.sent(PACKET)
    estimator.block(packets, Math.round(fractionLost * 256))
    estimator.reported(start + second * 1_000)
  }
  return estimator.estimateAt(start + seconds * 1_000)
}

test('a client that sends no reports is not limited', () => {
  const estimator = new ReportedEstimator()
  for (let packet = 0; packet < 1_000; packet++) estimator.sent(PACKET)
  assert.equal(estimator.estimateAt(10_000), Infinity)
})

test('a loss of one packet in ten does not limit', () => {
  assert.equal(report(new ReportedEstimator(), 2_000_000, 0.1, 10), Infinity)
})

test('a link that loses most of what is sent limits to what arrives', () => {
  const estimate = report(new ReportedEstimator(), 4_000_000, 0.75, 4)
  assert.ok(estimate > 800_000 && estimate < 1_200_000, String(estimate))
})

test('the limit rises slowly after the loss has ended, and no further than a few times what is sent', () => {
  const estimator = new ReportedEstimator()
  const limit = report(estimator, 4_000_000, 0.75, 4)
  const risen = report(estimator, 900_000, 0, 40, 4_000)
  assert.ok(risen > 1.1 * limit && risen < 1.8 * limit, `${limit}, then ${risen}`)
  const most = report(estimator, 900_000, 0, 400, 44_000)
  assert.ok(most > 3_000_000 && most < 4_500_000, String(most))
})

test('the limit of a viewer without video rises, so that it is tried again', () => {
  const estimator = new ReportedEstimator()
  const limit = report(estimator, 4_000_000, 0.75, 4)
  assert.equal(estimator.estimateAt(6_000), limit)
  assert.ok(estimator.estimateAt(20_000) > 2 * limit)
  assert.ok(report(estimator, 900_000, 0, 1, 20_000) > 2 * limit)
})

test('the client’s own estimate is an upper bound while it is recent', () => {
  const estimator = new ReportedEstimator()
  estimator.remb(700_000, 1_000)
  assert.equal(estimator.estimateAt(1_000), 700_000)
  assert.equal(estimator.estimateAt(1_000 + LIMITS.rembLife), Infinity)
  estimator.remb(0, 2_000)
  assert.equal(estimator.estimateAt(2_000), LIMITS.lowestBitrate)
})
