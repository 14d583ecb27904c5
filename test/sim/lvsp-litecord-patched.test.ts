// Litecord with the changes of docs/litecord.md against a node: its users talk, move, leave, and survive a lost connection.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VoiceClose } from '@parley/protocol'
import { connect, NodeBench, SECRET } from '../../packages/core/src/testing/node-bench.ts'
import { PatchedLitecord } from './patched-litecord.ts'
import { StrictLitecord } from './strict-litecord.ts'

function start() {
  const bench = new NodeBench({
    backends: [{ id: 'main', secrets: [SECRET], dialect: 'litecord', legacyAssign: true }],
  })
  const open = () =>
    bench.open({ protocol: 'lvsp', remoteAddress: '192.0.2.9', userAgent: 'Python/3.11 websockets/10.4' })
  const litecord = new PatchedLitecord(open, SECRET)
  litecord.look(bench.now)
  const pass = (duration: number) => {
    for (let elapsed = 0; elapsed < duration; elapsed += 500) {
      bench.advance(500)
      litecord.look(bench.now)
    }
  }
  const join = (userId: string, channelId: string) => {
    litecord.userChanged(userId, '100', channelId)
    litecord.look(bench.now)
    const { token } = litecord.updates.get(userId)!
    return { server_id: '100', channel_id: channelId, user_id: userId, session_id: `main-${userId}`, token }
  }
  return { bench, litecord, pass, join }
}

test('a user identifies with the session id of the main gateway and the token of the voice server update', () => {
  const { bench, litecord, join } = start()
  const client = connect(bench, join('7', '500'))
  assert.equal(client.closeCode, undefined)
  assert.equal(bench.node.inspect().sessions[0]?.userId, '7')
  assert.deepEqual([...litecord.assigned], ['500'])
  assert.equal(litecord.updates.get('7')?.endpoint, 'voice.test:8443')
})

test('a mute sends nothing, a move ends the old session, a leave the last one', () => {
  const { bench, litecord, join } = start()
  const first = connect(bench, join('7', '500'))
  const infos = litecord.socket.ops(6).length
  join('7', '500')
  assert.equal(litecord.socket.ops(6).length, infos)
  const second = connect(bench, join('7', '501'))
  assert.equal(first.closeCode, VoiceClose.Disconnected)
  litecord.userLeft('7')
  assert.equal(second.closeCode, VoiceClose.Disconnected)
})

test('heartbeats are as frequent as the node asks', () => {
  const { litecord, pass } = start()
  pass(60_000)
  assert.equal(litecord.beats, 12)
})

test('a lost connection is established again, without a gap in the calls', () => {
  const { bench, litecord, pass, join } = start()
  const client = connect(bench, join('7', '500'))
  litecord.socket.drop()
  pass(2_000)
  assert.equal(litecord.socket.closeCode, undefined)
  assert.equal(client.closeCode, undefined)
  assert.equal(bench.node.inspect().sessions.length, 1)
  connect(bench, join('8', '500'))
  assert.equal(bench.node.inspect().sessions.length, 2)
})

test('a restarted node, which has nothing, gets every voice state again, and users are sent a new token', () => {
  const options = { backends: [{ id: 'main', secrets: [SECRET], dialect: 'litecord' as const, legacyAssign: true }] }
  let bench = new NodeBench(options)
  const litecord = new PatchedLitecord(() => bench.open({ protocol: 'lvsp', remoteAddress: '192.0.2.9' }), SECRET)
  litecord.look(bench.now)
  litecord.userChanged('7', '100', '500')
  litecord.userChanged('8', '100', '501')
  litecord.look(bench.now)
  const before = litecord.updates.get('7')?.token
  const { now } = bench
  bench = new NodeBench(options, 'second')
  bench.now = now
  litecord.socket.drop()
  for (let elapsed = 0; elapsed < 2_000; elapsed += 500) {
    bench.advance(500)
    litecord.look(bench.now)
  }
  const { token } = litecord.updates.get('7')!
  assert.notEqual(token, before)
  const client = connect(bench, { server_id: '100', channel_id: '500', user_id: '7', session_id: 'main-7', token })
  assert.equal(client.closeCode, undefined)
  assert.deepEqual(
    bench.node
      .inspect()
      .channels.map(({ channelId }) => channelId)
      .sort(),
    ['500', '501'],
  )
})

test('without the patch the node has the voice states, and no user of Litecord receives an endpoint', () => {
  const bench = new NodeBench({ backends: [{ id: 'main', secrets: [SECRET], dialect: 'litecord' }] })
  const litecord = new StrictLitecord(bench.open({ protocol: 'lvsp', remoteAddress: '192.0.2.9' }), SECRET)
  litecord.look(bench.now)
  litecord.userChanged('100', '500', '7')
  litecord.look(bench.now)
  assert.equal(litecord.leftBecause, undefined)
  assert.equal(bench.node.inspect().channels.length, 1)
  assert.equal(bench.node.inspect().sessions.length, 0)
})
