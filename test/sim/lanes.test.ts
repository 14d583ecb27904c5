// Lane crashes: calls on the lane end and can be rejoined; other lanes are unaffected.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DROP_CAUSES, type DropCause, VIEW_STATES, type ViewCounts } from '@parley/core'
import { connect, NodeBench } from '../../packages/core/src/testing/node-bench.ts'
import { SimCall } from './sim-call.ts'

const LANES = [
  { id: 0, port: 50_000 },
  { id: 1, port: 50_001 },
]

/** Two channels on two lanes, each with one session. */
function twoLanes() {
  const bench = new NodeBench({ lanes: LANES })
  const backend = bench.backend()
  const sockets = ['500', '501'].map((channel, index) => connect(bench, backend.join(String(index + 1), channel)))
  return { bench, backend, sockets }
}

test('channels are placed on the lane with the fewest channels, and Ready has the port of that lane', () => {
  const { bench, sockets } = twoLanes()
  assert.deepEqual(
    sockets.map(socket => socket.last(2).port),
    [50_000, 50_001],
  )
  assert.deepEqual(
    bench.node.inspect().lanes.map(({ channels, peers }) => [channels, peers]),
    [
      [1, 1],
      [1, 1],
    ],
  )
})

test('a lost lane ends the sessions of its channels with 4015 and notifies their backend', () => {
  const { bench, backend, sockets } = twoLanes()
  backend.socket.clear()
  bench.input(now => bench.node.laneLost(1, 'crashed', now))
  assert.deepEqual(
    sockets.map(socket => socket.closeCode),
    [undefined, 4015],
  )
  const events = backend.socket.ops(6).map(message => message.d.data)
  assert.deepEqual(
    events.map(({ user_id, code, resumable }) => [user_id, code, resumable]),
    [['2', 4015, false]],
  )
  assert.deepEqual(
    bench.notes.filter(note => note.event.startsWith('lane.')),
    [{ level: 'error', event: 'lane.lost', fields: { lane: 1, reason: 'crashed' } }],
  )
})

test('a detached session of a lost lane cannot be resumed, and its user may identify again', () => {
  const { bench, backend, sockets } = twoLanes()
  const credentials = backend.join('2', '501')
  sockets[1]!.drop()
  bench.input(now => bench.node.laneLost(1, 'crashed', now))
  const { server_id, session_id, token } = credentials
  assert.equal(bench.client().send(7, { server_id, session_id, token, seq_ack: 0 }).closeCode, 4006)
  const again = connect(bench, credentials)
  assert.equal(again.closeCode, undefined)
  assert.equal(again.last(2).port, 50_001)
})

test('new channels are not placed on a lost lane until it is replaced', () => {
  const { bench, backend } = twoLanes()
  bench.input(now => bench.node.laneLost(1, 'crashed', now))
  const lane = (channel: string) => connect(bench, backend.join(`9${channel}`, channel, null)).last(2).port
  assert.deepEqual(['600', '601'].map(lane), [50_000, 50_000])
  bench.input(now => bench.node.laneReplaced(1, 50_001, now))
  assert.deepEqual(['602', '603'].map(lane), [50_001, 50_001])
})

test('sessions that received the old port end when the replacement lane has another port', () => {
  const { bench, backend } = twoLanes()
  bench.input(now => bench.node.laneLost(1, 'crashed', now))
  const early = connect(bench, backend.join('2', '501'))
  bench.input(now => bench.node.laneReplaced(1, 50_007, now))
  assert.equal(early.closeCode, 4015)
  assert.equal(connect(bench, backend.join('2', '501')).last(2).port, 50_007)
})

test('a call whose lane crashes continues on the replacement lane and leaves no state behind', async () => {
  const call = await SimCall.create()
  const clients = ['1', '2', '3'].map(user => call.client(call.backend.join(user)))
  call.advance(3_000)
  const [ana, ben] = clients
  ana!.say('before')
  call.advance(20)
  call.loseLane(200)
  call.advance(50)
  assert.ok(clients.every(client => !client.isLive))
  call.advance(10_000)
  assert.ok(clients.every(client => client.isLive))
  ana!.say('after')
  call.advance(20)
  assert.deepEqual(ben!.texts(), ['before', 'after'])
  call.backend.info(21, { channels: [] })
  call.advance(60_000)
  const empty = await SimCall.create()
  assert.deepEqual(call.router.inspect(), empty.router.inspect())
  assert.deepEqual(call.bench.node.inspect().sessions, [])
})

test('health decreases with the load of the busiest lane before that lane drops packets', () => {
  const { bench } = twoLanes()
  const drops = Object.fromEntries(DROP_CAUSES.map(cause => [cause, 0])) as Record<DropCause, number>
  const totals = { datagramsIn: 0, bytesIn: 0, packetsIn: 0, packetsOut: 0, bytesOut: 0, crossedIn: 0, crossedOut: 0 }
  const views = Object.fromEntries(VIEW_STATES.map(state => [state, 0])) as ViewCounts
  const latency = { counts: [], sum: 0 }
  const counters = { ...totals, views, latency, discoveries: 0, pings: 0, checks: 0, keepalives: 0, drops }
  const measure = (busy: number) => {
    bench.laneEvent({ kind: 'counters', counters: { ...counters, busy: 0.1 } }, 0)
    bench.laneEvent({ kind: 'counters', counters: { ...counters, busy } }, 1)
    bench.advance(60_000)
    bench.input(now => bench.node.measured({ eventLoopLag: 0 }, now))
    return Math.round(bench.node.inspect().health * 100) / 100
  }
  assert.deepEqual([0.45, 0.81, 0.99].map(measure), [0.5, 0.1, 0.01])
})
