// An internal error of the bridge: what fails is left out, and everything else goes on.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Bridge } from '../core/bridge.ts'
import { decodeEvent } from '../core/events.ts'
import type { BridgeOutput } from '../core/outputs.ts'
import { LIMITS } from '../limits.ts'
import { BridgeLoop } from './bridge-loop.ts'

function scene(t: TestContext, { hasDatabase = true, apply = (_: BridgeOutput) => {} } = {}) {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  let now = 1_000
  const nodes = [{ name: 'eu', endpoint: 'eu.example:443' }]
  const core = new Bridge({ nodes, hasDatabase, checksPermissions: false }, now)
  const outputs: string[] = []
  const failures: { stack: string; failures: number }[] = []
  const loop = new BridgeLoop({
    core,
    apply: output => {
      outputs.push(output.kind)
      apply(output)
    },
    settled: () => {},
    failed: (stack, count) => failures.push({ stack, failures: count }),
    clock: () => now,
  })
  t.after(() => loop.close())
  const wait = (time: number) => {
    now += time
    t.mock.timers.tick(time)
  }
  const join = (userId: string) => {
    const state = { user_id: userId, guild_id: '100', channel_id: '500', session_id: 's', member: {} }
    const server = { token: `t${userId}`, guild_id: '100', endpoint: 'eu.example:443' }
    for (const [event, data] of [
      ['VOICE_STATE_UPDATE', state],
      ['VOICE_SERVER_UPDATE', server],
    ] as const)
      loop.feed(at => core.event(decodeEvent({ event, data, guild_id: '100', user_id: userId })!, at))
  }
  return { loop, core, join, wait, failures, outputs: () => outputs.splice(0) }
}

const fault = () => {
  throw new Error('a fault of the bridge')
}

test('an input that fails costs itself only, and is repaired from the database', t => {
  const { loop, core, join, wait, failures, outputs } = scene(t)
  loop.feed(() => core.nodeReady('eu', { isSameSession: false }))
  wait(1)
  assert.deepEqual(outputs(), ['reconcile'])
  loop.feed(fault)
  join('1')
  assert.deepEqual(outputs(), ['grant'])
  assert.match(failures[0]!.stack, /^Error: a fault of the bridge\n/)
  wait(LIMITS.repairDelay + 1)
  assert.deepEqual(outputs(), ['reconcile'])
})

test('an output that cannot be applied does not hold back those after it', t => {
  const { loop, core, join, outputs, failures } = scene(t, { hasDatabase: false, apply: fault })
  loop.feed(() => core.nodeReady('eu', { isSameSession: false }))
  join('1')
  join('2')
  assert.deepEqual(outputs(), ['grant', 'grant'])
  assert.equal(failures.length, 1)
})

test('failures are reported once in a while, with their number', t => {
  const { loop, wait, failures } = scene(t)
  for (let i = 0; i < 5; i++) loop.feed(fault)
  wait(LIMITS.failureInterval)
  loop.feed(fault)
  assert.deepEqual(
    failures.map(each => each.failures),
    [1, 5],
  )
})

test('a tick that fails is not repeated at once', t => {
  const { loop, core, wait, failures } = scene(t)
  let ticks = 0
  t.mock.method(core, 'tick', () => {
    ticks++
    fault()
  })
  loop.feed(() => {})
  for (let i = 0; i < 3_000; i++) wait(1)
  assert.ok(ticks >= 2 && ticks <= 4, `${ticks} ticks`)
  assert.equal(failures.length, ticks)
})
