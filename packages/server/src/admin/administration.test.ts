// What the periodic requests of the dashboard show, and that they do not inspect the whole node.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect, NodeBench } from '../../../core/src/testing/node-bench.ts'
import { Administration, type AdministrationParts } from './administration.ts'

/** Two channels of three users each. */
function scene() {
  const bench = new NodeBench()
  const backend = bench.backend()
  for (const channel of ['500', '600'])
    for (const user of ['1', '2', '3']) connect(bench, backend.join(`${channel}${user}`, channel))
  bench.advance(1_000)
  bench.input(() => bench.node.operator.mute({ userId: '5002' }, true))
  const condition = { eventLoopLag: 0, failures: 0, logLinesLost: 0, lostLanes: 0, now: 0, certificate: undefined }
  const parts = {
    node: bench.node,
    host: { operate: <Answer>(action: (now: number) => Answer) => action(bench.now) },
    log: { level: 'info' },
    server: () => ({ version: '1.2.3', pid: 1, uptime: 1, endpoint: 'voice.test:8443', engine: 'none' }),
    condition: () => condition,
  }
  return { bench, administration: new Administration(parts as unknown as AdministrationParts) }
}

test('status has the numbers of an inspection', () => {
  const { bench, administration } = scene()
  const { sessions, channels, voiceStates, connections, health } = bench.node.inspect()
  const status = administration.status()
  assert.deepEqual([status.sessions, status.channels], [sessions.length, channels.length])
  assert.deepEqual([status.voice_states, status.connections], [voiceStates, connections])
  assert.deepEqual([status.sessions, status.channels, status.health], [6, 2, health])
})

test('a page of users and channels has the total of all that match', () => {
  const { administration } = scene()
  const users = administration.users({ offset: 1, limit: 2 })
  assert.deepEqual(
    [users.total, users.items.map(({ user, muted }) => [user, muted])],
    [
      6,
      [
        ['5002', true],
        ['5003', false],
      ],
    ],
  )
  const ofChannel = administration.users({ channel: '600', offset: 2 })
  assert.deepEqual([ofChannel.total, ofChannel.items.map(({ user }) => user)], [3, ['6003']])
  const channels = administration.channels({ user: '6001' })
  assert.deepEqual([channels.total, channels.items.map(({ channel }) => channel)], [1, ['600']])
  assert.deepEqual(administration.users({ limit: 0 }), { total: 6, items: [] })
})

test('requests of the dashboard inspect no more than they show', () => {
  const { bench, administration } = scene()
  const { node } = bench
  let inspected = 0
  node.inspect = () => assert.fail('the whole node is inspected')
  const counted = <Shown>(show: () => Shown) => {
    inspected++
    return show()
  }
  const [sessions, channels] = [[...node.sessions()], [...node.channels()]]
  node.sessions = () => sessions.map(each => ({ inspect: () => counted(() => each.inspect()) }))
  node.channels = () => channels.map(each => ({ summarize: () => counted(() => each.summarize()) }))
  administration.status()
  administration.alarms()
  assert.equal(inspected, 0)
  assert.equal(administration.users({ limit: 2 }).total, 6)
  assert.equal(administration.channels({ limit: 1 }).total, 2)
  assert.equal(inspected, 3)
})
