// Feeds mutated inputs to a parser. The seed is printed; FUZZ_SEED repeats a run. FUZZ_SECONDS sets its duration, or FUZZ_INPUTS
// the number of inputs.
import { test } from 'node:test'
import { seededRandom } from '../../packages/core/src/testing/seeded-random.ts'

export interface Target {
  /** The files whose parsers it feeds: `core/lane/batch.ts` is `packages/core/src/lane/batch.ts`. */
  covers: readonly string[]
  /** Initial inputs; valid ones reach the deepest code. */
  corpus: readonly Uint8Array[]
  /** Throws if the parser misbehaves. May modify the bytes. */
  run(bytes: Uint8Array): void
}

/** What `npm run fuzz` receives from each process, every second and at the end of a target. */
export interface FuzzReport {
  readonly fuzz: string
  readonly covers: readonly string[]
  readonly seed: number
  readonly inputs: number
  readonly seconds: number
}

const REPORT_INTERVAL = 1_000

/** Milliseconds, and inputs: whichever is used up first. */
export function fuzzBudget(): { time: number; inputs: number } {
  const inputs = Number(process.env.FUZZ_INPUTS ?? Infinity)
  const time = inputs < Infinity ? Infinity : Number(process.env.FUZZ_SECONDS ?? 2) * 1_000
  return { time, inputs }
}

export function reportTarget(report: FuzzReport): void {
  process.send?.(report)
}

/** Registers a test that runs the unmodified corpus, then mutations of it until the time is up or the inputs are made. */
export function fuzz(name: string, { covers, corpus, run }: Target): void {
  const seed = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 32)) >>> 0
  test(`${name}, seed ${seed}`, context => {
    const random = generator(seed)
    const budget = fuzzBudget()
    const start = performance.now()
    const end = start + budget.time
    let inputs = 0
    let reportAt = 0
    const report = (now: number) => {
      reportTarget({ fuzz: name, covers, seed, inputs, seconds: (now - start) / 1_000 })
      reportAt = now + REPORT_INTERVAL
    }
    for (const bytes of corpus) attempt(run, bytes.slice(), seed)
    for (let now = start; now < end && inputs < budget.inputs; now = performance.now()) {
      if (now >= reportAt) report(now)
      attempt(run, mutated(corpus, random), seed)
      inputs++
    }
    report(performance.now())
    context.diagnostic(`${inputs} inputs`)
  })
}

function attempt(run: Target['run'], bytes: Uint8Array, seed: number): void {
  const hex = Buffer.from(bytes).toString('hex')
  try {
    run(bytes)
  } catch (cause) {
    throw new Error(`FUZZ_SEED=${seed}, input ${hex}`, { cause })
  }
}

/** An integer from 0 up to, but not including, `limit`. */
type Random = (limit: number) => number

function generator(seed: number): Random {
  const random = seededRandom(seed)
  return limit => Math.floor(random() * limit)
}

const pick = <T>(items: readonly T[], random: Random): T => items[random(items.length)]!

function mutated(corpus: readonly Uint8Array[], random: Random): Uint8Array {
  let bytes: Uint8Array = pick(corpus, random).slice()
  for (let rounds = 1 + random(4); rounds > 0; rounds--) bytes = pick(MUTATIONS, random)(bytes, random, corpus)
  return bytes
}

type Mutation = (bytes: Uint8Array, random: Random, corpus: readonly Uint8Array[]) => Uint8Array

const flip: Mutation = (bytes, random) => {
  if (bytes.length > 0) bytes[random(bytes.length)]! ^= 1 << random(8)
  return bytes
}
const replace: Mutation = (bytes, random) => {
  if (bytes.length > 0) bytes[random(bytes.length)] = pick([0, 1, 0x7f, 0x80, 0xff, random(256)], random)
  return bytes
}
const truncate: Mutation = (bytes, random) => bytes.slice(0, random(bytes.length + 1))
const extend: Mutation = (bytes, random) => {
  const longer = new Uint8Array(bytes.length + 1 + random(32))
  longer.set(bytes)
  for (let index = bytes.length; index < longer.length; index++) longer[index] = random(256)
  return longer
}
const splice: Mutation = (bytes, random, corpus) => {
  const other = pick(corpus, random)
  const head = bytes.subarray(0, random(bytes.length + 1))
  const tail = other.subarray(random(other.length + 1))
  const joined = new Uint8Array(head.length + tail.length)
  joined.set(head)
  joined.set(tail, head.length)
  return joined
}
const MUTATIONS: readonly Mutation[] = [flip, flip, replace, truncate, extend, splice]
