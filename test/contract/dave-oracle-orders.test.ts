// Calls shared by libdave and davey clients, with random event orders. Seeds are fixed; DAVE_SEED runs another.
import { after, test } from 'node:test'
import { libdaveCalls } from '../dave/libdave-calls.ts'
import { playInRandomOrder } from '../dave/random-order.ts'

const { newCall, skip, close } = libdaveCalls()
after(close)

const RUNS = process.env.DAVE_SEED === undefined ? 6 : 1
const steps = Number(process.env.DAVE_STEPS ?? 400)

for (const faulty of [false, true])
  for (let index = 0; index < RUNS; index++) {
    const seed = Number(process.env.DAVE_SEED ?? index + 1) >>> 0
    const name = `any order of events converges${faulty ? ', with broken messages' : ''}, DAVE_SEED=${seed}`
    test(name, { skip }, context => context.diagnostic(playInRandomOrder(newCall(), { seed, faulty, steps })))
  }
