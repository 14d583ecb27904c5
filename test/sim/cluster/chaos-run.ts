// Runs seeds of the simulated cluster: each disturbs it, lets it recover twice, and ends it.
import assert from 'node:assert/strict'
import { Chaos, type Troubles } from './chaos.ts'
import type { Faults } from './cluster-sim.ts'
import { callsOf, checkAlways, checkEmpty, checkRecovered } from './invariants.ts'

export interface ChaosPlan {
  readonly fronts: number
  /** Disturbances before the cluster recovers. */
  readonly steps: number
  readonly troubles: Troubles
  /** Faults of the code that the seeds are to find. */
  readonly faults?: Faults
}

/** Throws at the first seed that fails, and says how to repeat it. */
export function runSeeds(seeds: readonly number[], plan: ChaosPlan): void {
  for (const seed of seeds) {
    const failure = failureOf(seed, plan)
    const { fronts, steps, troubles } = plan
    if (failure !== undefined)
      throw new Error(`seed ${seed} of ${fronts} fronts, ${steps} steps, ${troubles}`, { cause: failure })
  }
}

/** What a seed finds. */
export function failureOf(seed: number, { fronts, steps, troubles, faults }: ChaosPlan): unknown {
  try {
    const chaos = new Chaos(seed, fronts, troubles, faults)
    for (let step = 0; step < steps; step++) {
      chaos.step()
      checkAlways(chaos.sim)
    }
    chaos.recover()
    checkRecovered(chaos)
    checkOutage(chaos)
    chaos.empty()
    checkEmpty(chaos.sim)
    return undefined
  } catch (error) {
    return error
  }
}

/** The coordinator is away, and returns older or empty. */
function checkOutage(chaos: Chaos): void {
  const calls = callsOf(chaos.sim)
  chaos.loseCoordinator()
  assert.deepEqual(callsOf(chaos.sim), calls, 'calls do not notice the coordinator')
  checkRecovered(chaos)
}
