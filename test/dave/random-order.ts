// All events of a call in a seeded random order. Afterwards all faults are removed, and every pair must decrypt each other.
import assert from 'node:assert/strict'
import { seededRandom } from '../../packages/core/src/testing/seeded-random.ts'
import type { CallClient } from './call-client.ts'
import type { DaveyCall } from './davey-call.ts'

const MOST = 8
/** Policies that the backend sets at random; 'off' is rare. */
const POLICIES = ['off', 'allowed', 'allowed', 'allowed'] as const

interface Scene<C extends CallClient> {
  call: DaveyCall<C>
  pick: <T>(items: readonly T[]) => T | undefined
  integer: (limit: number) => number
  faulty: boolean
}

/** Throws if the call does not converge. With `faulty`, messages are corrupted and lost. Returns a summary. */
export function playInRandomOrder<C extends CallClient>(
  call: DaveyCall<C>,
  { seed, faulty, steps }: { seed: number; faulty: boolean; steps: number },
): string {
  const random = seededRandom(seed)
  const integer = (limit: number) => Math.floor(random() * limit)
  const pick = <T>(items: readonly T[]) => items[integer(items.length)]
  const scene = { call, pick, integer, faulty }
  for (let count = 0; count < steps; count++) step(scene)
  mend(call)
  call.run(120_000)
  if (!faulty) assert.deepEqual([call.closed, call.reports], [[], 0])
  if (call.clients.size === 1) call.join(9_999)
  call.run(10_000)
  call.assertConverged()
  return `${call.clients.size} members, epoch ${call.group.state.epoch}`
}

function step<C extends CallClient>(scene: Scene<C>): void {
  const { call, pick, integer, faulty } = scene
  const clients = [...call.clients]
  const present = clients.filter(client => !call.away.has(client))
  const kind = integer(100)
  if (kind < 4 && clients.length < MOST) call.join(newcomer(scene), integer(40) === 0 ? 0 : 1)
  else if (kind < 7) ifAny(pick(clients), client => call.leave(client))
  else if (kind < 9) ifAny(pick(present), client => call.drop(client))
  else if (kind < 13) ifAny(pick([...call.away]), client => call.resume(client))
  else if (kind < 14 && faulty) ifAny(pick(present), client => breakSomething(scene, client))
  else if (kind < 15 && integer(4) === 0) call.group.setPolicy(pick(POLICIES)!, call.now)
  else if (kind < 15) ifAny(pick(present), client => call.describe(client))
  else if (kind < 24) call.tick(call.now + integer(200))
  else if (kind < 60) ifAny(pick(present.filter(client => client.inbox.length > 0)), client => client.receive())
  else ifAny(pick(present.filter(client => client.outbox.length > 0)), client => call.send(client))
  if (call.group.deadline <= call.now) call.tick(call.now)
}

/** A user who is not in the call, from a small set, so that the same users rejoin. */
function newcomer<C extends CallClient>({ call, integer }: Scene<C>): string {
  const taken = new Set([...call.clients].map(client => client.userId))
  let user = 100 + integer(MOST * 2)
  while (taken.has(String(user))) user++
  return String(user)
}

function breakSomething<C extends CallClient>({ integer }: Scene<C>, client: C): void {
  const faults = [{ breakCommits: 1 }, { breakWelcomes: 1 }, { commit: () => undefined }, {}]
  client.faults = faults[integer(faults.length)]!
}

function mend<C extends CallClient>(call: DaveyCall<C>): void {
  call.group.setPolicy('allowed', call.now)
  for (const client of [...call.away]) call.resume(client)
  for (const client of [...call.clients]) {
    client.faults = {}
    if (client.claimedVersion === 0) call.leave(client)
  }
}

function ifAny<T>(value: T | undefined, act: (value: T) => void): void {
  if (value !== undefined) act(value)
}
