// DAVE with random event orders: afterwards every pair of members decrypts. Seeds are fixed; DAVE_SEED runs another.
import { test } from 'node:test'
import { DaveyCall } from '../dave/davey-call.ts'
import { playInRandomOrder } from '../dave/random-order.ts'

const RUNS = process.env.DAVE_SEED === undefined ? 24 : 1
const steps = Number(process.env.DAVE_STEPS ?? 250)

for (const faulty of [false, true])
  for (let index = 0; index < RUNS; index++) {
    const seed = Number(process.env.DAVE_SEED ?? index + 1) >>> 0
    test(`any order of events converges${faulty ? ', with broken messages' : ''}, DAVE_SEED=${seed}`, context => {
      context.diagnostic(playInRandomOrder(new DaveyCall(), { seed, faulty, steps }))
    })
  }
