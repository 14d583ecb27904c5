// Layers whose rates vary by content: a viewer whose link carries the better layer in some scenes only is not sent one layer after the
// other. `npm run bench -- --only video` runs more seeds.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MEGABIT, runFlapping, runStart } from '../../testing/link/viewer-scenarios.ts'

const SEEDS = [1, 2, 3, 4, 5, 6]
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

test('the layer of a viewer at 0.3 to 0.6 Mbit/s changes less than three times a minute, and still becomes better', () => {
  for (const megabits of [0.3, 0.4, 0.6]) {
    const runs = SEEDS.map(seed => runFlapping(seed, megabits * MEGABIT, 125))
    const switches = mean(runs.map(run => run.switches))
    const better = mean(runs.map(run => run.better))
    const none = mean(runs.map(run => run.none))
    const where = `${megabits} Mbit/s: ${JSON.stringify(runs)}`
    assert.ok(switches < 3, where)
    assert.ok(better > 0.03 * (megabits / 0.3) ** 2 && none < 0.01, where)
  }
})

test('a link that carries the better layer in all scenes is sent it all the time', () => {
  for (const seed of SEEDS) {
    const { switches, better } = runFlapping(seed, 1.5 * MEGABIT, 65)
    assert.deepEqual([switches, better], [0, 1], `seed ${seed}`)
  }
})

test('a link is measured before more than the lowest layer is sent, so that its queue does not overflow', () => {
  for (const megabits of [0.3, 1, 5])
    for (const seed of SEEDS) {
      const { dropped, raisedAfter } = runStart(seed, megabits * MEGABIT)
      const where = `${megabits} Mbit/s, seed ${seed}: ${dropped}, ${raisedAfter}`
      assert.equal(dropped, 0, where)
      assert.ok(megabits === 0.3 ? raisedAfter === Infinity : raisedAfter < 1_000, where)
    }
})
