import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../../testing/seeded-random.ts'
import { LossModel } from './loss-model.ts'

const PACKET = 9_600

/** Sends at `rateOf(second)` for `seconds` over a link without a queue. Returns the limits after each observation. */
function run(rateOf: (second: number) => number, { inherent = 0, bandwidth = Infinity, seconds = 20, seed = 1 }) {
  const model = new LossModel()
  const random = seededRandom(seed)
  const limits: number[] = []
  let rest = 0
  for (let now = 0; now < seconds * 1_000; now += 100) {
    const rate = rateOf(now / 1_000)
    const loss = inherent + (1 - inherent) * Math.max(0, 1 - bandwidth / rate)
    let packets = 0
    let lost = 0
    for (rest += rate / 10; rest >= PACKET; rest -= PACKET) {
      packets++
      if (random() < loss) lost++
    }
    if (model.add(packets, lost, packets * PACKET, now)) limits.push(model.limit)
  }
  return { model, limits }
}

test('loss that does not depend on the rate is inherent to the link', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const { model, limits } = run(second => 1_000_000 + 200_000 * Math.sin(second), { inherent: 0.1, seed })
    assert.ok(
      limits.every(limit => limit === Infinity),
      `seed ${seed}: ${limits}`,
    )
    assert.ok(model.inherent > 0.05 && model.inherent < 0.15, `seed ${seed}: ${model.inherent}`)
  }
})

test('loss that grows with the rate limits it', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const { limits } = run(second => 1_000_000 * 1.08 ** second, { bandwidth: 2_000_000, seed, seconds: 16 })
    const found = limits.findLast(limit => limit < Infinity)
    assert.ok(found !== undefined && found > 1_500_000 && found < 2_700_000, `seed ${seed}: ${found}`)
  }
})

test('the limit ends some time after the loss', () => {
  const { limits } = run(second => (second < 6 ? 3_000_000 : 800_000), { bandwidth: 1_000_000, seconds: 40 })
  assert.ok(limits.some(limit => limit < 2_000_000))
  assert.equal(limits.at(-1), Infinity)
})

test('reports without any bits hide no congestion', () => {
  const model = new LossModel()
  const limits: number[] = []
  for (let now = 0; now < 20_000; now += 500) {
    const isPause = (now / 500) % 3 === 2
    if (model.add(50, 20, isPause ? 0 : 50 * PACKET, now)) limits.push(model.limit)
  }
  assert.ok(limits.length > 20 && limits.at(-1)! < 1_000_000, `${limits}`)
})
