// The scenarios of the LVSP specification, with the LVSP client session, a whole node and connected users.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import { LvspInfo, VoiceClose, VoiceOp } from '@parley/protocol'
import { type BenchSocket, connect, NodeBench, SECRET } from '../../packages/core/src/testing/node-bench.ts'
import { SimBackend } from './sim-backend.ts'

const CHANNEL = { channel_id: '500', guild_id: '100' }
const OTHER = { channel_id: '501', guild_id: '100' }
const ana = { user_id: '7' }
const ben = { user_id: '8' }

function start(): { bench: NodeBench; backend: SimBackend } {
  const bench = new NodeBench()
  return { bench, backend: backendOn(bench) }
}
const backendOn = (bench: NodeBench, secret = SECRET) =>
  new SimBackend(bench, () => bench.open({ protocol: 'lvsp', remoteAddress: '192.0.2.200' }), secret)

/** Connects a user with the credentials granted to the backend. */
function enter(bench: NodeBench, grant: Record<string, string>, backend?: SimBackend): BenchSocket {
  const user = connect(bench, {
    server_id: grant.guildId ?? grant.channelId!,
    channel_id: grant.channelId!,
    user_id: grant.userId!,
    session_id: grant.sessionId!,
    token: grant.token!,
  })
  backend?.pump()
  return user
}

test('connect, HELLO, IDENTIFY, READY, heartbeats', () => {
  const { bench, backend } = start()
  const [connected] = backend.of('connected')
  assert.equal(connected?.ready.server?.name, 'parley')
  assert.equal(connected?.ready.health, 1)
  backend.advance(60_000)
  assert.equal(backend.of('health').length, 12)
  assert.equal(backend.of('disconnected').length, 0)
  assert.equal(bench.node.inspect().lvsp.connections.length, 1)
})

test('a user joins a new channel with CHANNEL_REQUEST and VOICE_STATE_CREATE in one burst', () => {
  const { bench, backend } = start()
  const channel = backend.request(LvspInfo.ChannelRequest, CHANNEL)
  const state = backend.request(LvspInfo.VoiceStateCreate, { ...CHANNEL, ...ana })
  const { token, endpoint } = backend.answer(channel)
  const grant = backend.answer(state)
  assert.equal(endpoint, 'voice.test:8443')
  assert.notEqual(grant.token, token)
  const order = backend.outputs.flatMap(output => (output.kind === 'answered' ? [output.request] : []))
  assert.deepEqual(order, [channel, state])
  const user = enter(bench, grant, backend)
  assert.ok(user.last(VoiceOp.SessionDescription) !== undefined)
  const { protocol, ...event } = backend.of('voiceStateConnected')[0]!.event
  assert.equal(protocol, 'udp')
  assert.deepEqual(event, { userId: '7', channelId: '500', guildId: '100', sessionId: grant.sessionId })
})

test('a user joins an existing channel with VOICE_STATE_CREATE alone', () => {
  const { bench, backend } = start()
  backend.request(LvspInfo.ChannelRequest, CHANNEL)
  const first = enter(bench, backend.answer(backend.request(LvspInfo.VoiceStateCreate, { ...CHANNEL, ...ana })))
  const second = enter(bench, backend.answer(backend.request(LvspInfo.VoiceStateCreate, { ...CHANNEL, ...ben })))
  assert.deepEqual([first.closeCode, second.closeCode], [undefined, undefined])
  assert.ok(JSON.stringify(first.ops(VoiceOp.ClientsConnect)).includes('"8"'))
})

test('a user who leaves is disconnected, and the other members are notified', () => {
  const { bench, backend } = start()
  const first = enter(bench, backend.answer(backend.request(LvspInfo.VoiceStateCreate, { ...CHANNEL, ...ana })))
  const second = enter(bench, backend.answer(backend.request(LvspInfo.VoiceStateCreate, { ...CHANNEL, ...ben })))
  backend.command(LvspInfo.VoiceStateDestroy, { ...CHANNEL, ...ana })
  assert.equal(first.closeCode, VoiceClose.Disconnected)
  assert.deepEqual(second.last(VoiceOp.ClientDisconnect), { user_id: '7' })
  assert.equal(backend.of('voiceStateDisconnected').at(-1)?.event.userId, '7')
  assert.equal(backend.of('voiceStateDisconnected').at(-1)?.event.resumable, false)
})

test('a user who moves leaves the old channel and joins the new one with a new token', () => {
  const { bench, backend } = start()
  const before = backend.answer(backend.request(LvspInfo.VoiceStateCreate, { ...CHANNEL, ...ana }))
  const user = enter(bench, before)
  backend.command(LvspInfo.VoiceStateDestroy, { ...CHANNEL, ...ana })
  const after = backend.answer(backend.request(LvspInfo.VoiceStateCreate, { ...OTHER, ...ana }))
  assert.equal(user.closeCode, VoiceClose.Disconnected)
  assert.equal(enter(bench, after).closeCode, undefined)
  assert.equal(enter(bench, before).closeCode, VoiceClose.AuthenticationFailed)
})

test('creating a voice state in another channel of the guild moves the user', () => {
  const { bench, backend } = start()
  const user = enter(bench, backend.answer(backend.request(LvspInfo.VoiceStateCreate, { ...CHANNEL, ...ana })))
  backend.request(LvspInfo.VoiceStateCreate, { ...OTHER, ...ana })
  assert.equal(user.closeCode, VoiceClose.Disconnected)
})

test('a channel update is not answered and does not disconnect users', () => {
  const { bench, backend } = start()
  const user = enter(bench, backend.answer(backend.request(LvspInfo.VoiceStateCreate, { ...CHANNEL, ...ana })), backend)
  const before = backend.outputs.length
  backend.command(LvspInfo.ChannelUpdate, { ...CHANNEL, channel_properties: { bitrate: 64_000, kind: 'stage' } })
  assert.equal(backend.outputs.length, before)
  assert.equal(user.closeCode, undefined)
  backend.command(LvspInfo.ChannelUpdate, { ...CHANNEL, channel_properties: { kind: 'party' } })
  assert.match(backend.of('refused')[0]!.failure.message, /channel_properties\.kind/)
})

test('a destroyed channel disconnects its users and invalidates their tokens', () => {
  const { bench, backend } = start()
  const grant = backend.answer(backend.request(LvspInfo.VoiceStateCreate, { ...CHANNEL, ...ana }))
  const users = [
    enter(bench, grant),
    enter(bench, backend.answer(backend.request(LvspInfo.VoiceStateCreate, { ...CHANNEL, ...ben }))),
  ]
  backend.command(LvspInfo.ChannelDestroy, CHANNEL)
  assert.deepEqual(
    users.map(user => user.closeCode),
    [VoiceClose.Disconnected, VoiceClose.Disconnected],
  )
  assert.equal(enter(bench, grant).closeCode, VoiceClose.ServerNotFound)
})

test('calls continue without the backend, which resumes from its sequence number and receives the missed events', () => {
  const { bench, backend } = start()
  const grant = backend.answer(backend.request(LvspInfo.VoiceStateCreate, { ...CHANNEL, ...ana }))
  const user = enter(bench, grant, backend)
  backend.cut()
  user.drop(1000)
  const next = enter(bench, grant)
  assert.equal(next.closeCode, undefined)
  assert.equal(backend.of('voiceStateConnected').length, 1)
  backend.advance(1_000)
  assert.equal(backend.of('connected').at(-1)?.ready.resumed, 'replay')
  assert.equal(backend.of('connected').at(-1)?.ready.isSameSession, true)
  assert.equal(backend.of('voiceStateDisconnected').length, 1)
  assert.equal(backend.of('voiceStateConnected').length, 2)
})

test('a backend that resumes without a sequence number receives all channels and voice states, then READY', () => {
  const { bench, backend } = start()
  const channel = backend.answer(backend.request(LvspInfo.ChannelRequest, CHANNEL))
  const grant = backend.answer(backend.request(LvspInfo.VoiceStateCreate, { ...CHANNEL, ...ana }))
  const user = enter(bench, grant)
  const socket = bench.open({ protocol: 'lvsp', remoteAddress: '192.0.2.200' })
  const token = createHmac('sha256', SECRET).update(socket.last(0).nonce).digest('hex')
  socket.send(2, { token })
  assert.deepEqual(socket.opcodes(), [0, 6, 6, 3])
  const [assigned, done] = socket.ops(6).map(({ d }) => d.data)
  assert.equal(assigned.token, channel.token)
  assert.deepEqual([done.token, done.session_id], [grant.token, grant.sessionId])
  assert.equal(user.closeCode, undefined)
  backend.pump()
  assert.equal(backend.of('disconnected')[0]?.reason, 'resumed by another connection')
})

test('after a node restart the backend learns that its state is gone and requests it again', () => {
  const first = new NodeBench({}, 'first')
  let bench = first
  const backend = new SimBackend(
    {
      get now() {
        return bench.now
      },
      advance: duration => bench.advance(duration),
    },
    () => bench.open({ protocol: 'lvsp', remoteAddress: '192.0.2.200' }),
    SECRET,
  )
  const before = backend.answer(backend.request(LvspInfo.ChannelRequest, CHANNEL))
  bench = new NodeBench({}, 'second')
  bench.now = first.now
  backend.cut()
  backend.advance(1_000)
  const { ready } = backend.of('connected').at(-1)!
  assert.deepEqual([ready.resumed, ready.isSameSession], ['state', false])
  const after = backend.answer(backend.request(LvspInfo.ChannelRequest, CHANNEL))
  assert.notEqual(after.token, before.token)
})

test('two backends with the same ids on one node are isolated', () => {
  const bench = new NodeBench({
    backends: [
      { id: 'one', secrets: ['secret one'] },
      { id: 'two', secrets: ['secret two'] },
    ],
  })
  const [one, two] = [backendOn(bench, 'secret one'), backendOn(bench, 'secret two')]
  const first = enter(bench, one.answer(one.request(LvspInfo.VoiceStateCreate, { ...CHANNEL, ...ana })))
  const second = enter(bench, two.answer(two.request(LvspInfo.VoiceStateCreate, { ...CHANNEL, ...ana })))
  assert.deepEqual([first.closeCode, second.closeCode], [undefined, undefined])
  assert.deepEqual(
    bench.commands('addPeer').map(({ backend }) => backend),
    ['one', 'two'],
    'lanes know whose share each peer has',
  )
  assert.deepEqual(
    second.ops(VoiceOp.ClientsConnect).flatMap(d => d.d.user_ids),
    [],
  )
  two.command(LvspInfo.ChannelDestroy, CHANNEL)
  assert.deepEqual([first.closeCode, second.closeCode], [undefined, VoiceClose.Disconnected])
  assert.equal(one.of('voiceStateDisconnected').length, 0)
})

test('a secret can be rotated without losing calls or messages', () => {
  const bench = new NodeBench({ backends: [{ id: 'main', secrets: ['old', 'new'] }] })
  const before = backendOn(bench, 'old')
  const grant = before.answer(before.request(LvspInfo.VoiceStateCreate, { ...CHANNEL, ...ana }))
  const user = enter(bench, grant)
  const after = backendOn(bench, 'new')
  const again = after.answer(after.request(LvspInfo.VoiceStateCreate, { ...CHANNEL, ...ana }))
  assert.deepEqual(again, { ...grant, connected: true })
  assert.equal(user.closeCode, undefined)
})

test('a rejected secret is reported once and not retried', () => {
  const bench = new NodeBench()
  const backend = backendOn(bench, 'wrong')
  assert.match(backend.of('closed')[0]!.reason, /does not accept the secret/)
  backend.advance(60 * 60_000)
  assert.equal(backend.sent.length, 1)
})

test('a draining node reports health 0, rejects new channels and keeps existing ones', () => {
  const { bench, backend } = start()
  const grant = backend.answer(backend.request(LvspInfo.VoiceStateCreate, { ...CHANNEL, ...ana }))
  bench.input(now => bench.node.drain(now + 60_000, now))
  backend.advance(5_000)
  assert.equal(backend.of('health').at(-1)?.health, 0)
  const refused = backend.request(LvspInfo.ChannelRequest, OTHER)
  assert.equal(backend.of('failed').find(({ request }) => request === refused)?.failure.code, 9)
  assert.equal(enter(bench, grant).closeCode, undefined)
})
