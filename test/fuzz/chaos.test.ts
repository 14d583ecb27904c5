// Simulated hours of random commands with random seeds; CHAOS_SEED repeats one.
import { test } from 'node:test'
import { surviveChaos } from '../sim/chaos.ts'

const time = Number(process.env.FUZZ_SECONDS ?? 2) * 1_000
const fixed = process.env.CHAOS_SEED
const firstSeed = fixed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(fixed)

test(`a node releases all state after hours of random commands, seeds from ${firstSeed}`, async context => {
  const end = performance.now() + time
  let seed = firstSeed
  do {
    await surviveChaos(seed).catch(cause => {
      throw new Error(`CHAOS_SEED=${seed}`, { cause })
    })
    seed++
  } while (fixed === undefined && performance.now() < end)
  context.diagnostic(`${seed - firstSeed} hours`)
})
