// Backends that create the tokens of their users: adopted tokens, and Identify messages that arrive before their voice state.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VoiceClose, VoiceOp } from '@parley/protocol'
import { type BenchSocket, connect, NodeBench, SECRET } from '../../packages/core/src/testing/node-bench.ts'

const CAPABILITIES = ['user_token', 'failure', 'events', 'sync', 'adopt_token']
const GRACE = 3_000
const USER = { user_id: '7', channel_id: '500', guild_id: '100' }

function scene(options: { adoptsTokens?: boolean; identifyGrace?: number } = {}) {
  const { adoptsTokens = true, identifyGrace = GRACE } = options
  const bench = new NodeBench({ backends: [{ id: 'main', secrets: [SECRET], adoptsTokens }], identifyGrace })
  const backend = bench.backend(SECRET, CAPABILITIES)
  const identify = (token: string, extra: object = {}, address?: string): BenchSocket =>
    bench.client('8', address).send(0, { server_id: '100', user_id: '7', session_id: 'ABC', token, ...extra })
  return { bench, backend, identify }
}

const isReady = (socket: BenchSocket) => socket.ops(VoiceOp.Ready).length === 1

test('the token of the backend is echoed in DONE and authenticates its user', () => {
  const { backend, identify } = scene()
  backend.info(3, { ...USER, session_id: 'ABC', token: 'deadbeef' })
  const done = backend.infos(4).at(-1)
  assert.deepEqual([done.token, done.session_id, done.connected], ['deadbeef', 'ABC', false])
  assert.ok(isReady(identify('deadbeef')))
})

test('a repeated create replaces the token while the session stays, and says that the user is connected', () => {
  const { bench, backend, identify } = scene()
  backend.info(3, { ...USER, token: 'first' })
  const client = identify('first')
  backend.info(3, { ...USER, token: 'second' })
  assert.equal(client.closeCode, undefined)
  assert.deepEqual([backend.infos(4).at(-1).token, backend.infos(4).at(-1).connected], ['second', true])
  const late = identify('first')
  bench.advance(GRACE)
  assert.equal(late.closeCode, VoiceClose.AuthenticationFailed)
  assert.ok(isReady(identify('second')))
})

test('the capability is granted only to a backend that is configured so, and a token without it is refused', () => {
  const { backend } = scene({ adoptsTokens: false })
  assert.deepEqual(backend.socket.last(3).capabilities, ['user_token', 'failure', 'events', 'sync'])
  backend.info(3, { ...USER, token: 'mine' })
  assert.deepEqual(backend.infos(4), [])
  assert.equal(backend.infos(17).at(-1).code, 3)
})

test('a token of more than 512 characters, or of none, is refused', () => {
  const { backend } = scene()
  for (const token of ['', 'x'.repeat(513), 5]) {
    backend.info(3, { ...USER, token })
    assert.equal(backend.infos(17).at(-1).code, 1)
  }
  assert.deepEqual(backend.infos(4), [])
  backend.info(3, { ...USER, token: 'x'.repeat(512) })
  assert.equal(backend.infos(4).length, 1)
})

test('where a backend adopts tokens, the token of the channel is not accepted', () => {
  const { bench, backend, identify } = scene()
  backend.info(0, { channel_id: '500', guild_id: '100' })
  const { token } = backend.infos(1).at(-1)
  backend.info(3, { ...USER, session_id: 'ABC', token: 'deadbeef' })
  const client = identify(token)
  bench.advance(GRACE)
  assert.equal(client.closeCode, VoiceClose.AuthenticationFailed)
})

test('an Identify that arrives first is answered as soon as its voice state arrives', () => {
  const { bench, backend, identify } = scene()
  const client = identify('deadbeef')
  bench.advance(GRACE - 1)
  assert.deepEqual(client.opcodes(), [VoiceOp.Hello])
  backend.info(3, { ...USER, token: 'deadbeef' })
  assert.ok(isReady(client))
  bench.advance(1)
  assert.equal(client.closeCode, undefined)
})

test('a held client is not woken by another user, another server or another token', () => {
  const { bench, backend, identify } = scene()
  const client = identify('deadbeef')
  backend.info(3, { ...USER, user_id: '8', token: 'deadbeef' })
  backend.info(3, { ...USER, guild_id: '101', channel_id: '501', token: 'deadbeef' })
  backend.info(3, { ...USER, token: 'another' })
  assert.deepEqual(client.opcodes(), [VoiceOp.Hello])
  backend.info(3, { ...USER, token: 'deadbeef' })
  assert.ok(isReady(client))
  bench.advance(GRACE)
  assert.equal(client.closeCode, undefined)
})

test('without its voice state an Identify is refused after the grace period, noted and counted for its backend', () => {
  const { bench, backend, identify } = scene()
  const unknown = identify('deadbeef')
  bench.advance(GRACE)
  assert.equal(unknown.closeCode, VoiceClose.ServerNotFound)
  backend.info(0, { channel_id: '500', guild_id: '100' })
  const known = identify('deadbeef')
  bench.advance(GRACE)
  assert.equal(known.closeCode, VoiceClose.AuthenticationFailed)
  assert.equal(bench.node.refusedIdentifies.get('main'), 2)
  const notes = bench.notes.filter(({ event }) => event === 'gateway.identify_refused')
  assert.deepEqual(
    notes.map(({ fields }) => [fields?.backend, fields?.user, fields?.code]),
    [
      ['main', '7', VoiceClose.ServerNotFound],
      ['main', '7', VoiceClose.AuthenticationFailed],
    ],
  )
  assert.ok(!JSON.stringify(notes).includes('deadbeef'))
})

test('without adopting backends, or with a grace period of 0, an Identify is refused at once', () => {
  for (const options of [{ adoptsTokens: false }, { identifyGrace: 0 }])
    assert.equal(scene(options).identify('deadbeef').closeCode, VoiceClose.ServerNotFound)
})

test('a held client heartbeats, and is closed for a second Identify, and for other opcodes', () => {
  const { identify } = scene()
  const client = identify('deadbeef').send(3, { t: 5, seq_ack: 0 })
  assert.deepEqual(client.last(6), { t: 5 })
  client.send(0, { server_id: '100', user_id: '7', session_id: 'ABC', token: 'deadbeef' })
  assert.equal(client.closeCode, VoiceClose.AlreadyAuthenticated)
  assert.equal(identify('deadbeef').send(5, { speaking: 1 }).closeCode, VoiceClose.AlreadyAuthenticated)
})

test('held clients are bounded per address, and leave no trace when they close', () => {
  const { bench, identify } = scene()
  const clients = Array.from({ length: 201 }, (_, index) => identify('t', { user_id: String(index + 1) }))
  assert.deepEqual(
    clients.map(({ closeCode }) => closeCode).filter(code => code !== undefined),
    [4011],
  )
  assert.equal(identify('t', { user_id: '999' }, '192.0.2.77').closeCode, undefined)
  for (const client of clients) client.drop()
  assert.equal(identify('t', { user_id: '1000' }).closeCode, undefined)
  bench.advance(GRACE)
  assert.equal(bench.node.inspect().greetings, 0)
  assert.equal(bench.node.inspect().connections, 1)
})

test('of two held clients of one user the later one stays', () => {
  const { backend, identify } = scene()
  const first = identify('deadbeef')
  const second = identify('deadbeef')
  backend.info(3, { ...USER, token: 'deadbeef' })
  assert.equal(first.closeCode, VoiceClose.SessionInvalid)
  assert.ok(isReady(second))
})

test('a SYNC with a grace period ends only what was neither listed nor created again by then', () => {
  const { bench, backend } = scene()
  const join = (userId: string, channelId: string) => connect(bench, backend.join(userId, channelId, '100'))
  const [ana, ben, cleo, dan] = [join('1', '500'), join('2', '500'), join('3', '501'), join('4', '502')]
  backend.info(21, { channels: [{ channel_id: '500', guild_id: '100', users: [{ user_id: '1' }] }], grace: 30 })
  bench.advance(29_000)
  backend.info(3, { user_id: '3', channel_id: '501', guild_id: '100' })
  for (const client of [ana, ben, cleo, dan]) client.send(3, 1)
  bench.advance(999)
  assert.deepEqual(
    [ana, ben, cleo, dan].map(client => client!.closeCode),
    [undefined, undefined, undefined, undefined],
  )
  bench.advance(1)
  assert.deepEqual(
    [ana, ben, cleo, dan].map(client => client!.closeCode),
    [undefined, 4014, undefined, 4014],
  )
  assert.equal(bench.node.deadline < Infinity, true)
})

test('a later SYNC replaces one whose grace period has not ended', () => {
  const { bench, backend } = scene()
  const client = connect(bench, backend.join('1', '500', '100'))
  backend.info(21, { channels: [], grace: 10 })
  backend.info(21, { channels: [{ channel_id: '500', guild_id: '100', users: [{ user_id: '1' }] }] })
  bench.advance(12_000)
  assert.equal(client.closeCode, undefined)
})
