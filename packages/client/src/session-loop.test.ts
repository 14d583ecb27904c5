// The loop around a session, on virtual time.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { LIMITS } from './limits.ts'
import { SessionLoop } from './session-loop.ts'

/** `stop` lets the clock pass without the timers, as for a process that does not run. */
function scene(t: TestContext) {
  let now = 0
  t.mock.method(performance, 'now', () => now)
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const inputs: string[] = []
  const outputs: string[] = []
  const session = {
    deadline: 20,
    takeOutputs: () => outputs.splice(0),
    tick(at: number) {
      inputs.push(`tick ${at}`)
      session.deadline = Infinity
    },
  }
  const loop = new SessionLoop<string>(session, output => {
    inputs.push(output)
    if (output === 'broken') throw new Error('a fault')
  })
  const stop = (time: number) => {
    now += time
  }
  const pass = (time: number) => {
    now += time
    t.mock.timers.tick(time)
  }
  return { loop, session, inputs, outputs, stop, pass }
}

test('a session without a valid deadline throws instead of standing still', () => {
  const loop = new SessionLoop({ deadline: NaN, takeOutputs: () => [], tick: () => {} }, () => {})
  assert.throws(() => loop.pump(), /expected a deadline, found NaN/)
})

test('a session is ticked at its deadline', t => {
  const { loop, inputs, pass } = scene(t)
  loop.pump()
  pass(20)
  assert.deepEqual(inputs, [])
  pass(1)
  assert.deepEqual(inputs, ['tick 21'])
})

test('after a stall of the process, messages that arrived are read before the deadline is applied', t => {
  const { loop, inputs, stop, pass } = scene(t)
  loop.pump()
  stop(60_000)
  pass(21)
  loop.feed(() => inputs.push('acknowledged'))
  pass(LIMITS.stallPause)
  loop.feed(() => inputs.push('message'))
  pass(1)
  assert.deepEqual(inputs, ['acknowledged', 'message', 'tick 60272'])
})

test('a session is ticked after a limited time, even if its timers stay late', t => {
  const { loop, inputs, stop, pass } = scene(t)
  loop.pump()
  stop(60_000)
  pass(21)
  let pauses = 0
  for (; inputs.length === 0; pauses++) {
    stop(LIMITS.stall)
    pass(LIMITS.stallPause + 1)
  }
  assert.equal(pauses, LIMITS.stallPauses)
})

test('an output that cannot be applied takes nothing from the others, nor the deadline', t => {
  const { loop, inputs, outputs, pass } = scene(t)
  outputs.push('broken', 'fine')
  assert.throws(() => loop.pump(), /a fault/)
  assert.deepEqual(inputs, ['broken', 'fine'])
  pass(21)
  assert.deepEqual(inputs.at(-1), 'tick 21')
})

test('a session that throws at its tick is ticked again after a pause', t => {
  const { loop, session, inputs, pass } = scene(t)
  const { tick } = session
  session.tick = at => {
    inputs.push(`failed ${at}`)
    throw new Error('a fault')
  }
  loop.pump()
  assert.throws(() => pass(21), /a fault/)
  pass(LIMITS.stallPause - 1)
  assert.deepEqual(inputs, ['failed 21'])
  session.tick = tick
  pass(2)
  assert.deepEqual(inputs, ['failed 21', `tick ${21 + LIMITS.stallPause + 1}`])
})
