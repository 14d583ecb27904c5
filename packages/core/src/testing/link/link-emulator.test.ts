import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../seeded-random.ts'
import { LinkEmulator, type LinkOptions } from './link-emulator.ts'

const PACKET = 1_000

function run(options: Partial<LinkOptions>, sendAt: readonly number[], change?: { rate: number; at: number }) {
  const arrivals: [number, number][] = []
  const link = new LinkEmulator<number>(
    { rate: 8_000_000, delay: 20, queue: 1e6, loss: 0, ...options },
    seededRandom(1),
    (packet, now) => arrivals.push([packet, Math.round(now * 100) / 100]),
  )
  for (const [packet, at] of sendAt.entries()) {
    while (link.deadline <= at) link.tick(link.deadline)
    if (change !== undefined && change.at <= at) link.setRate(change.rate, at)
    link.send(packet, PACKET, at)
  }
  while (link.deadline < Infinity) link.tick(link.deadline)
  return { link, arrivals }
}

test('packets leave at the rate and arrive after the delay', () => {
  assert.deepEqual(run({}, [0, 0, 10]).arrivals, [
    [0, 21],
    [1, 22],
    [2, 31],
  ])
})

test('a change of the rate applies to packets that wait', () => {
  assert.deepEqual(run({}, [0, 0, 0.5], { rate: 800_000, at: 0.5 }).arrivals, [
    [0, 25.5],
    [1, 35.5],
    [2, 45.5],
  ])
})

test('what does not fit the queue is dropped', () => {
  const { link, arrivals } = run({ queue: 3 * PACKET }, [0, 0, 0, 0, 0, 3])
  assert.deepEqual(
    arrivals.map(([packet]) => packet),
    [0, 1, 2, 5],
  )
  assert.equal(link.overflowed, 2)
})

test('loss comes in bursts, and late packets arrive after newer ones', () => {
  const times = Array.from({ length: 5_000 }, (_, index) => index * 2)
  const { link } = run({ burst: { begins: 0.01, ends: 0.25 } }, times)
  assert.ok(link.lost > 100 && link.lost < 350, String(link.lost))
  const { arrivals } = run({ reordering: { chance: 0.1, by: 5 } }, times)
  const late = arrivals.filter(([packet], index) => index > 0 && packet < arrivals[index - 1]![0])
  assert.ok(late.length > 300 && late.length < 700, String(late.length))
})
