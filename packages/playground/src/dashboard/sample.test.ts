import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LaneStatus } from './admin-api.ts'
import { lossOf, ratesOf, type Sample, totalRates } from './sample.ts'
import { restOf } from './words.ts'

const lane = (number: number, packets: number, drops: Record<string, number> = {}): LaneStatus => ({
  lane: number,
  port: 50_000 + number,
  channels: 1,
  peers: 2,
  busy: 0.1,
  packets_in: packets,
  packets_out: 3 * packets,
  bytes_out: 300 * packets,
  drops,
})
const sample = (at: number, lanes: LaneStatus[]) => ({ at, status: { lanes } }) as unknown as Sample

test('rates are per second between two samples, without packets that had no receiver', () => {
  const before = sample(1_000, [lane(0, 100, { replayed: 1, noRoute: 5 })])
  const now = sample(3_000, [lane(0, 200, { replayed: 5, noRoute: 500 })])
  assert.deepEqual(ratesOf(now.status.lanes[0]!, now, before), {
    packetsIn: 50,
    packetsOut: 150,
    bitsOut: 120_000,
    drops: 2,
  })
})

test('the first sample, and a lane that was replaced, have no rates', () => {
  const now = sample(3_000, [lane(0, 10)])
  assert.equal(ratesOf(now.status.lanes[0]!, now, undefined).packetsIn, 0)
  assert.equal(ratesOf(now.status.lanes[0]!, now, sample(1_000, [lane(0, 5_000)])).packetsIn, 0)
})

test('totals are those of all lanes', () => {
  const before = sample(0, [lane(0, 0), lane(1, 0)])
  const now = sample(1_000, [lane(0, 10), lane(1, 20)])
  assert.equal(totalRates(now, before).packetsOut, 90)
})

test('a list that is cut names the command that prints all of it', () => {
  assert.equal(restOf('Channels', 200), 'The first 200 are shown; `parley channels` lists all.')
  assert.equal(restOf('Users', 200), 'The first 200 are shown; `parley users` lists all.')
})

test('loss is a share of what was sent, and unknown before the first packet', () => {
  assert.equal(lossOf({ packets: 95, lost: 5 }), 0.05)
  assert.equal(lossOf({ packets: 0, lost: 0 }), undefined)
})
