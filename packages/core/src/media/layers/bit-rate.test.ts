import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BitRate } from './bit-rate.ts'

/** Sends 1,000 bytes every `interval` ms. */
function send(rate: BitRate, from: number, to: number, interval = 20): void {
  for (let now = from; now < to; now += interval) rate.add(1_000, now)
}
const isNear = (found: number, wanted: number) =>
  assert.ok(Math.abs(found / wanted - 1) < 0.15, `${found} of ${wanted}`)

test('the rate is that of the last second', () => {
  const rate = new BitRate()
  send(rate, 1_000, 4_000)
  isNear(rate.at(3_990), 400_000)
  send(rate, 4_000, 6_000, 40)
  isNear(rate.at(5_990), 200_000)
})

test('a stream that starts, or returns after a pause, has its rate at once', () => {
  const rate = new BitRate()
  for (const start of [1_000, 60_000]) {
    send(rate, start, start + 400)
    isNear(rate.at(start + 399), 400_000)
  }
})

test('the rate of a stream that pauses does not sink before it ends', () => {
  const rate = new BitRate()
  send(rate, 1_000, 4_000)
  for (const silence of [400, 700, 900]) isNear(rate.at(3_980 + silence), 400_000)
  assert.equal(rate.at(5_000), 0)
})

test('a frame every second is no pause', () => {
  const rate = new BitRate()
  send(rate, 1_000, 20_000, 1_050)
  for (let now = 20_000; now < 22_000; now += 100) assert.ok(rate.at(now) <= 9_000, String(rate.at(now)))
})
