// The loop around a core, driven by a core of a few lines.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Effect } from '@parley/core'
import { type Core, Host, type Outputs } from './host.ts'
import { SERVER_LIMITS } from './limits.ts'
import type { NodeNote } from './monitoring/notes.ts'

class ScriptedCore implements Core {
  deadline = Infinity
  effects: Effect[] = []
  received: string[] = []
  onMessage: (data: string | Uint8Array) => void = () => {}
  onTick: () => void = () => {}
  connectionOpened(connection: number) {
    this.received.push(`opened ${connection}`)
  }
  messageReceived(_connection: number, data: string | Uint8Array) {
    this.received.push(`message ${data}`)
    this.onMessage(data)
  }
  connectionClosed(connection: number, code: number) {
    this.received.push(`closed ${connection} ${code}`)
  }
  laneEvent(lane: number) {
    this.received.push(`lane ${lane}`)
  }
  laneLost() {}
  laneReplaced() {}
  measured() {}
  drain(until: number) {
    this.received.push(`drain ${until}`)
  }
  tick(now: number) {
    this.received.push(`tick ${now}`)
    this.onTick()
  }
  takeEffects() {
    return this.effects.splice(0)
  }
}

function scene(t: TestContext, outputs: Partial<Outputs> = {}, clock = () => performance.now()) {
  const core = new ScriptedCore()
  const applied: string[] = []
  const notes: NodeNote[] = []
  const flushes: number[] = []
  const host = new Host(
    core,
    {
      send: (connection, data) => void applied.push(`send ${connection} ${data}`),
      close: (connection, code) => void applied.push(`close ${connection} ${code}`),
      authenticated: connection => void applied.push(`authenticated ${connection}`),
      lane: lane => void applied.push(`lane ${lane}`),
      note: note => void notes.push(note),
      flush: () => void flushes.push(applied.length),
      ...outputs,
    },
    clock,
  )
  t.after(() => host.close())
  return { core, host, applied, notes, flushes }
}

const opening = { protocol: 'lvsp', remoteAddress: '127.0.0.1', localAddress: '127.0.0.1' } as const

test('effects are applied in order, after the input that caused them', t => {
  const { core, host, applied, flushes } = scene(t)
  core.onMessage = () => {
    core.effects.push(
      { kind: 'send', connection: 1, data: 'a' },
      { kind: 'close', connection: 1, code: 4000, reason: '' },
    )
    assert.deepEqual(applied, [])
  }
  host.messageReceived(1, 'hello')
  assert.deepEqual(applied, ['send 1 a', 'close 1 4000'])
  assert.deepEqual(flushes, [2])
})

test('an input caused by an effect waits until the effects before it are applied', t => {
  const order: string[] = []
  const { core, host } = scene(t, {
    lane: () => {
      order.push('lane command')
      host.laneEvent(0, { kind: 'firstPacket', peer: 1, ssrc: 1 })
      order.push('lane command done')
    },
    send: () => void order.push('send'),
  })
  core.onMessage = () =>
    core.effects.push(
      { kind: 'lane', lane: 0, command: { kind: 'report' } },
      { kind: 'send', connection: 1, data: 'a' },
    )
  host.messageReceived(1, 'x')
  assert.deepEqual(order, ['lane command', 'lane command done', 'send'])
  assert.deepEqual(core.received, ['message x', 'lane 0'])
})

test('a core that throws at a message loses that connection only', t => {
  const { core, host, applied, notes } = scene(t)
  core.onMessage = data => {
    if (data === 'bad') throw new Error('a fault')
  }
  host.connectionOpened(7, opening)
  host.messageReceived(7, 'bad')
  host.messageReceived(8, 'good')
  assert.deepEqual(applied, ['close 7 1011'])
  assert.deepEqual(core.received, ['opened 7', 'message bad', 'message good'])
  assert.equal(notes[0]?.event, 'host.input_failed')
  assert.match(String(notes[0]?.fields?.stack), /a fault/)
  assert.deepEqual(host.failures, { inputs: 1, effects: 0 })
})

test('an effect that cannot be applied is counted, and the next ones are applied', t => {
  const { core, host, applied, notes } = scene(t, {
    send: () => {
      throw new Error('no such connection')
    },
  })
  core.onMessage = () =>
    core.effects.push(
      { kind: 'send', connection: 1, data: '' },
      { kind: 'close', connection: 1, code: 4000, reason: '' },
    )
  host.messageReceived(1, 'x')
  assert.deepEqual(applied, ['close 1 4000'])
  assert.equal(notes[0]?.event, 'host.effect_failed')
  assert.equal(notes[0]?.fields?.effect, 'send')
  assert.equal(host.failures.effects, 1)
})

test('the core is ticked at its deadline, and not before', async t => {
  const { core, host } = scene(t)
  const start = performance.now()
  core.deadline = start + 20
  const ticked = new Promise<number>(resolve => {
    core.onTick = () => {
      core.deadline = Infinity
      resolve(performance.now())
    }
  })
  host.connectionClosed(1, 1000)
  assert.ok((await ticked) >= start + 20)
  assert.equal(core.received.filter(line => line.startsWith('tick')).length, 1)
})

test('a deadline that moves earlier moves the timer', async t => {
  const { core, host } = scene(t)
  core.deadline = performance.now() + 60_000
  host.connectionClosed(1, 1000)
  core.deadline = performance.now() + 5
  await new Promise<void>(resolve => {
    core.onTick = () => {
      core.deadline = Infinity
      resolve()
    }
    host.connectionClosed(2, 1000)
  })
})

test('a core that fails at every tick is not called in a busy loop', async t => {
  const { core, host } = scene(t)
  core.deadline = performance.now()
  core.onTick = () => {
    throw new Error('again')
  }
  host.connectionClosed(1, 1000)
  await new Promise(resolve => setTimeout(resolve, 100))
  assert.equal(host.failures.inputs, 1)
})

test('a closed host ignores inputs', t => {
  const { core, host } = scene(t)
  host.close()
  host.connectionOpened(1, opening)
  assert.deepEqual(core.received, [])
})

/** A host on virtual time. `stop` lets the clock pass without the timers, as for a process that does not run. */
function virtualScene(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] })
  let now = 0
  const { core, host } = scene(t, {}, () => now)
  core.onTick = () => {
    core.deadline = Infinity
  }
  const setDeadline = (deadline: number) => {
    core.deadline = deadline
    host.connectionClosed(1, 1000)
    core.received.length = 0
  }
  const stop = (time: number) => {
    now += time
  }
  const pass = (time: number) => {
    for (let left = time; left > 0; left--) {
      now++
      t.mock.timers.tick(1)
    }
  }
  return { core, host, setDeadline, stop, pass }
}

test('after a stall of the process, input that arrived is handled before deadlines are applied', t => {
  const { core, host, setDeadline, stop, pass } = virtualScene(t)
  setDeadline(20)
  stop(60_000)
  pass(20)
  assert.deepEqual(core.received, [])
  host.connectionOpened(2, opening)
  pass(SERVER_LIMITS.stallPause - 1)
  host.messageReceived(2, 'resume')
  pass(1)
  assert.deepEqual(core.received, ['opened 2', 'message resume', 'tick 2000'])
})

test('a deadline that is late by less than a stall is applied at once', t => {
  const { core, setDeadline, stop, pass } = virtualScene(t)
  setDeadline(20)
  stop(SERVER_LIMITS.stall - 21)
  pass(20)
  assert.deepEqual(core.received, ['tick 999'])
})

test('a deadline that was set in the past is no stall', t => {
  const { core, setDeadline, pass } = virtualScene(t)
  pass(60_000)
  setDeadline(20)
  pass(1)
  assert.deepEqual(core.received, ['tick 60001'])
})

test('time in which the process does not run does not count for deadlines', t => {
  const { core, setDeadline, stop, pass } = virtualScene(t)
  setDeadline(30_000)
  pass(10_000)
  stop(60_000)
  pass(20_000)
  assert.deepEqual(core.received, [])
  pass(SERVER_LIMITS.pulse)
  assert.equal(core.received.length, 1)
})

test('an idle host that runs does not stop the clock', t => {
  const { core, setDeadline, pass } = virtualScene(t)
  setDeadline(30_000)
  pass(30_000)
  assert.deepEqual(core.received, ['tick 30000'])
})

test('input that keeps the process busy after a stall defers deadlines for a limited time', t => {
  const { core, setDeadline, stop, pass } = virtualScene(t)
  setDeadline(20)
  stop(60_000)
  pass(20)
  let pauses = 0
  for (; core.received.length === 0; pauses++) {
    stop(SERVER_LIMITS.stall)
    pass(SERVER_LIMITS.stallPause)
  }
  assert.equal(pauses, SERVER_LIMITS.maxStallPauses)
})

test('a deadline that is not a number is a failed tick, which is not repeated at once', t => {
  const { core, host, setDeadline, pass } = virtualScene(t)
  core.onTick = () => {}
  setDeadline(Number.NaN)
  pass(SERVER_LIMITS.failedTickPause)
  assert.equal(core.received.length, 1)
  assert.equal(host.failures.inputs, 1)
  pass(SERVER_LIMITS.failedTickPause)
  assert.equal(core.received.length, 2)
})

test('a tick that fails delays the next deadline only while it is still due', t => {
  const { core, host, setDeadline, pass } = virtualScene(t)
  core.onTick = () => {
    core.deadline = core.received.length === 1 ? 30 : Infinity
    throw new Error('a fault')
  }
  setDeadline(20)
  pass(30)
  assert.deepEqual(core.received, ['tick 20', 'tick 30'])
  assert.equal(host.failures.inputs, 2)
})

test('an action that fails is an error of its caller, too', t => {
  const { host } = scene(t)
  let performed = 0
  host.perform(() => void performed++)
  assert.equal(performed, 1)
  assert.throws(() => host.perform(() => assert.fail('a fault')), /host\.input_failed/)
  assert.equal(host.failures.inputs, 1)
})
