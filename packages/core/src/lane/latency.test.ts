import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LATENCY_BOUNDS, LatencyHistogram } from './latency.ts'

test('a sample is counted in the first bucket whose bound it does not exceed', () => {
  const histogram = new LatencyHistogram()
  for (const sample of [0, 0.1, 0.11, 250, 251]) histogram.observe(sample)
  const { counts, sum } = histogram.counts
  assert.equal(counts.length, LATENCY_BOUNDS.length + 1)
  assert.deepEqual([counts[0], counts[1], counts.at(-2), counts.at(-1)], [2, 1, 1, 1])
  assert.ok(Math.abs(sum - 501.21) < 1e-9)
})
