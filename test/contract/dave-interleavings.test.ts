// DAVE under random orders of everything: whatever happens when, in the end every pair decrypts. The seeds are fixed; DAVE_SEED runs another.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DaveyCall } from '../dave/davey-call.ts'
import type { DaveyClient } from '../dave/davey-client.ts'
import { seededRandom } from '../sim/seeded-random.ts'

const RUNS = process.env.DAVE_SEED === undefined ? 12 : 1
const STEPS = Number(process.env.DAVE_STEPS ?? 400)
const MOST = 8

interface Scene {
  call: DaveyCall
  pick: <T>(items: readonly T[]) => T | undefined
  integer: (limit: number) => number
  faulty: boolean
}

/** A user who is not in the call: of few, so that the same ones come back. */
function newcomer({ call, integer }: Scene): string {
  const taken = new Set([...call.clients].map(client => client.userId))
  let user = 100 + integer(MOST * 2)
  while (taken.has(String(user))) user++
  return String(user)
}

function step(scene: Scene): void {
  const { call, pick, integer, faulty } = scene
  const clients = [...call.clients]
  const present = clients.filter(client => !call.away.has(client))
  const kind = integer(100)
  if (kind < 4 && clients.length < MOST) call.join(newcomer(scene), integer(40) === 0 ? 0 : 1)
  else if (kind < 7) ifAny(pick(clients), client => call.leave(client))
  else if (kind < 9) ifAny(pick(present), client => dropAfterSending(scene, client))
  else if (kind < 13) ifAny(pick([...call.away]), client => call.resume(client))
  else if (kind < 14 && faulty) ifAny(pick(present), breakSomething(scene))
  else if (kind < 24) call.tick(call.now + integer(200))
  else if (kind < 60) ifAny(pick(present.filter(client => client.inbox.length > 0)), client => client.receive())
  else ifAny(pick(present.filter(client => client.outbox.length > 0)), client => call.send(client))
  if (call.group.deadline <= call.now) call.tick(call.now)
}

/** What it had said arrives: no client says a lost op 31 again. */
function dropAfterSending({ call }: Scene, client: DaveyClient): void {
  while (client.outbox.length > 0) call.send(client)
  call.drop(client)
}

const breakSomething =
  ({ integer }: Scene) =>
  (client: DaveyClient) => {
    const faults = [{ breakCommits: 1 }, { breakWelcomes: 1 }, { commit: () => undefined }, {}]
    client.faults = faults[integer(faults.length)]!
  }

function ifAny<T>(value: T | undefined, act: (value: T) => void): void {
  if (value !== undefined) act(value)
}

function run(seed: number, faulty: boolean): string {
  const random = seededRandom(seed)
  const integer = (limit: number) => Math.floor(random() * limit)
  const pick = <T>(items: readonly T[]) => items[integer(items.length)]
  const call = new DaveyCall()
  const scene = { call, pick, integer, faulty }
  for (let count = 0; count < STEPS; count++) step(scene)
  for (const client of [...call.away]) call.resume(client)
  for (const client of [...call.clients]) {
    client.faults = {}
    if (client.claimedVersion === 0) call.leave(client)
  }
  call.run(120_000)
  if (!faulty) assert.deepEqual(call.closed, [])
  if (call.clients.size === 1) call.join(9_999)
  call.run(10_000)
  call.assertConverged()
  return `${call.clients.size} members, epoch ${call.group.state.epoch}`
}

for (const faulty of [false, true])
  for (let index = 0; index < RUNS; index++) {
    const seed = Number(process.env.DAVE_SEED ?? index + 1) >>> 0
    test(`any order of events converges${faulty ? ', with broken messages' : ''}, DAVE_SEED=${seed}`, context => {
      context.diagnostic(run(seed, faulty))
    })
  }
