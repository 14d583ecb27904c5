// The aims for viewers on links of 100 ms each way that lose one packet in ten, with few seeds; `npm run bench -- --only video` runs many.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { aimedLink, CALL, CAMERA, MEGABIT, runEstimate, runStep } from '../../testing/link/viewer-scenarios.ts'

const LOSS = 0.1
const seedsOf = (count: number) => Array.from({ length: count }, (_, index) => index + 1)
const middle = (times: number[]) => times.sort((one, other) => one - other)[times.length >> 1]!

for (const use of ['layers', 'estimate'] as const)
  test(`the estimate is within 0.7 to 1.05 of the link 95 % of the time while media uses the ${use}, and audio loses nothing to video`, () => {
    for (const megabits of [0.3, 1, 5])
      for (const seed of seedsOf(2)) {
        const link = aimedLink(megabits * MEGABIT, LOSS)
        const { inside, audioLost } = runEstimate({ seed, link, use, seconds: 35 })
        assert.ok(inside >= 0.95, `${megabits} Mbit/s, seed ${seed}: ${inside}`)
        assert.equal(audioLost, 0, `${megabits} Mbit/s, seed ${seed}`)
      }
  })

for (const [name, sources] of [
  ['24 cameras in two layers', CALL],
  ['a camera in three layers', CAMERA],
] as const)
  test(`of ${name} the layers that fit are sent half a second after the link falls, and a second after it rises`, () => {
    for (const [from, to, aim] of [
      [5, 1, 500],
      [1, 0.3, 560],
      [0.3, 1, 1_000],
      [1, 5, 1_000],
    ] as const) {
      const [fromRate, toRate] = [from * MEGABIT, to * MEGABIT]
      const times = seedsOf(20).map(seed => runStep({ seed, sources, from: fromRate, to: toRate, loss: LOSS }))
      assert.ok(middle(times) <= aim, `${from} to ${to} Mbit/s: ${times}`)
      assert.ok(times[17]! <= 1.8 * aim, `${from} to ${to} Mbit/s: ${times}`)
    }
  })
