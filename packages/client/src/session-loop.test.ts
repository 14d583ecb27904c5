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
  const session = {
    deadline: 20,
    takeOutputs: () => [],
    tick(at: number) {
      inputs.push(`tick ${at}`)
      session.deadline = Infinity
    },
  }
  const loop = new SessionLoop(session, () => {})
  const stop = (time: number) => {
    now += time
  }
  const pass = (time: number) => {
    now += time
    t.mock.timers.tick(time)
  }
  return { loop, inputs, stop, pass }
}

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
