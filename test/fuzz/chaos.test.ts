// Fuzz: simulated hours of random commands with random seeds; CHAOS_SEED repeats one. An input is a command.
import { test } from 'node:test'
import { STEPS, surviveChaos } from '../sim/chaos.ts'
import { fuzzBudget, reportTarget } from './harness.ts'

const NAME = 'a node releases all state after hours of random commands'
const { time, inputs } = fuzzBudget()
const fixed = process.env.CHAOS_SEED
const firstSeed = fixed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(fixed)

test(`${NAME}, seeds from ${firstSeed}`, async context => {
  const start = performance.now()
  let seed = firstSeed
  const commands = () => (seed - firstSeed) * STEPS
  do {
    await surviveChaos(seed).catch(cause => {
      throw new Error(`CHAOS_SEED=${seed}`, { cause })
    })
    seed++
    const seconds = (performance.now() - start) / 1_000
    reportTarget({ fuzz: NAME, covers: [], seed: firstSeed, inputs: commands(), seconds })
  } while (fixed === undefined && performance.now() < start + time && commands() < inputs)
  context.diagnostic(`${commands()} commands`)
})
