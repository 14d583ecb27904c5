// Feedback that no honest receiver sends: whatever it says, the estimate and the deadlines of the lane stay numbers.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TransportReport } from '@parley/protocol'
import { LIMITS } from '../../limits.ts'
import { seededRandom } from '../../testing/seeded-random.ts'
import { SendEstimator } from './send-estimator.ts'

const PACKET = 1_200

/** A viewer that is sent `packets` every 20 ms, and what it answers. */
class Receiver {
  readonly estimator = new SendEstimator()
  readonly report = new TransportReport()
  now = 1_000
  sequence = 0

  constructor() {
    this.estimator.desired = 3_000_000
  }

  send(packets: number): void {
    this.now += 20
    const { estimator } = this
    for (let packet = 0; packet < packets; packet++) this.sequence = estimator.sent(PACKET, false, this.now)
    while (estimator.paddingDue(this.now) > 0) this.sequence = estimator.sent(estimator.paddingSize, true, this.now)
    estimator.tick(this.now)
  }

  /** Feedback on `count` packets from `base` on. */
  answer(base: number, count: number, arrivalOf: (index: number) => number): void {
    const { report } = this
    report.base = base & 0xffff
    report.count = Math.min(count, report.times.length)
    report.reference = Math.floor(this.now / 64) & 0xffffff
    for (let index = 0; index < report.count; index++) report.times[index] = arrivalOf(index)
    this.estimator.feedback(report, this.now)
  }

  check(): void {
    const { estimate, deadline, paddingAt, paddingSize } = this.estimator
    const text = `estimate ${estimate}, deadline ${deadline}, padding at ${paddingAt} of ${paddingSize}`
    assert.ok(estimate >= LIMITS.lowestBitrate && estimate <= LIMITS.highestBitrate, text)
    assert.ok(!Number.isNaN(deadline) && !Number.isNaN(paddingAt) && paddingSize >= 0, text)
  }
}

test('a viewer of whose packets none arrived has an estimate that is a number', () => {
  const receiver = new Receiver()
  for (let round = 0; round < 200; round++) {
    const before = receiver.sequence
    receiver.send(8)
    receiver.answer(before + 1, 8, () => Number.NaN)
    receiver.check()
  }
})

test('no random feedback makes the estimate or a deadline something else than a number', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = seededRandom(seed)
    const receiver = new Receiver()
    const [missing, span] = [random(), 2 ** (14 * random())]
    for (let round = 0; round < 200; round++) {
      if (random() < 0.1) receiver.now += random() * 2_000
      receiver.send(Math.floor(random() * 10))
      let arrival = 0
      const base = random() < 0.7 ? receiver.sequence - random() * 30 : random() * 65_536
      receiver.answer(Math.floor(base), 1 + Math.floor(2 ** (10 * random())), () => {
        arrival += (random() - 0.5) * span
        return random() < missing ? Number.NaN : arrival
      })
      receiver.check()
    }
  }
})

test('feedback on packets that were never sent says nothing of those that are sent later', () => {
  const receiver = new Receiver()
  const run = (rounds: number, arrivalOf: (index: number) => number) => {
    for (let round = 0; round < rounds; round++) {
      const before = receiver.sequence
      receiver.send(4)
      receiver.answer(before + 1, receiver.sequence - before, arrivalOf)
    }
  }
  run(150, index => index)
  const before = receiver.estimator.estimate
  receiver.answer(receiver.sequence, 1_000, index => index)
  run(150, index => (index % 2 === 0 ? index : Number.NaN))
  assert.ok(receiver.estimator.estimate < before, `${receiver.estimator.estimate} after ${before}`)
})
