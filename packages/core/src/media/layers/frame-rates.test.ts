import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FrameRates } from './frame-rates.ts'

/** Sends 1,000 bytes every `interval` ms, in temporal layers 0 and 1 in turn. */
function send(rates: FrameRates, from: number, to: number, interval: number): void {
  for (let now = from, frame = 0; now < to; now += interval, frame++) rates.add(frame % 2, 1_000, now)
}
const isNear = (found: number, wanted: number) =>
  assert.ok(Math.abs(found / wanted - 1) < 0.15, `${found} of ${wanted}`)

test('the peak is the most of the last ten seconds, of the temporal layers up to one', () => {
  const rates = new FrameRates()
  send(rates, 1_000, 4_000, 20)
  send(rates, 4_000, 12_000, 80)
  isNear(rates.upTo(1, 11_990), 100_000)
  isNear(rates.peakUpTo(1, 11_990), 400_000)
  isNear(rates.peakUpTo(0, 11_990), 200_000)
  send(rates, 12_000, 16_000, 80)
  isNear(rates.peakUpTo(1, 15_990), 100_000)
})

test('the keyframe with which a stream starts is no peak', () => {
  const rates = new FrameRates()
  rates.add(0, 30_000, 1_000)
  send(rates, 1_020, 4_000, 20)
  isNear(rates.peakUpTo(1, 3_990), 400_000)
})
