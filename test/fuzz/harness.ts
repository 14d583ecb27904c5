// Feeds mutated inputs to a decoder. The seed is printed; FUZZ_SEED repeats a run, FUZZ_SECONDS sets its duration.
import { test } from 'node:test'
import { seededRandom } from '../../packages/core/src/testing/seeded-random.ts'

export interface Target {
  /** Initial inputs; valid ones reach the deepest code. */
  corpus: readonly Uint8Array[]
  /** Throws if the decoder misbehaves. May modify the bytes. */
  run(bytes: Uint8Array): void
}

/** Registers a test that runs the unmodified corpus, then mutations of it until the time is up. */
export function fuzz(name: string, { corpus, run }: Target): void {
  const seed = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 32)) >>> 0
  const time = Number(process.env.FUZZ_SECONDS ?? 2) * 1_000
  test(`${name}, seed ${seed}`, context => {
    const random = generator(seed)
    const end = performance.now() + time
    for (const bytes of corpus) attempt(run, bytes.slice(), seed)
    let count = 0
    for (; performance.now() < end; count++) attempt(run, mutated(corpus, random), seed)
    context.diagnostic(`${count} inputs`)
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
const extend: Mutation = (bytes, random) =>
  Uint8Array.from([...bytes, ...Array.from({ length: 1 + random(32) }, () => random(256))])
const splice: Mutation = (bytes, random, corpus) => {
  const other = pick(corpus, random)
  return Uint8Array.from([...bytes.slice(0, random(bytes.length + 1)), ...other.slice(random(other.length + 1))])
}
const MUTATIONS: readonly Mutation[] = [flip, flip, replace, truncate, extend, splice]
