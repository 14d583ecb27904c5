// Several backends on one node, events, dialects on the wire, and limits.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIMITS } from '../limits.ts'
import { ALL_CAPABILITIES, LvspBench, SECRET, tokenFor } from '../testing/lvsp-bench.ts'

const CHANNEL = { channel_id: '500', guild_id: '100' }
const USER = { ...CHANNEL, user_id: '7' }
const EVENT = { userId: '7', channelId: '500', guildId: '100', sessionId: 'x', protocol: 'udp' } as const

const TWO = [
  { id: 'one', secrets: ['secret one', 'secret one, new'] },
  { id: 'two', secrets: ['secret two'] },
]

test('two backends may use the same ids and share no state', () => {
  const bench = new LvspBench(TWO)
  const [one, two] = [bench.backend('secret one'), bench.backend('secret two')]
  one.info(0, CHANNEL).info(3, USER)
  two.info(0, CHANNEL)
  assert.notEqual(one.infos(1)[0].token, two.infos(1)[0].token)
  assert.deepEqual([one.seqs(), two.seqs()], [[1, 2], [1]])
  two.info(2, CHANNEL)
  assert.ok(bench.state('one', '500', '7') !== undefined)
})

test('a session of one backend cannot be resumed with the secret of another', () => {
  const bench = new LvspBench(TWO)
  const one = bench.backend('secret one').info(0, CHANNEL)
  const { session } = one.ops(3)[0]
  one.drop()
  const socket = bench.open()
  socket.send(2, { token: tokenFor('secret two', socket.nonce), seq: 0, session })
  assert.deepEqual(socket.story(), ['0', '3'])
  assert.notEqual(socket.ops(3)[0].session, session)
})

test('during a secret rotation both secrets resume the same session', () => {
  const bench = new LvspBench(TWO)
  const before = bench.backend('secret one').info(0, CHANNEL)
  before.drop()
  const socket = bench.open()
  socket.send(2, { token: tokenFor('secret one, new', socket.nonce), seq: 0 })
  assert.deepEqual(socket.story(), ['0', '6/1', '3'])
  assert.equal(bench.notes.find(({ event }) => event === 'lvsp.resumed')?.fields?.secret, 2)
})

test('two backends with the same id are rejected', () => {
  assert.throws(
    () =>
      new LvspBench([
        { id: 'a', secrets: ['1'] },
        { id: 'a', secrets: ['2'] },
      ]),
    /the same id/,
  )
})

test('events are sent only to backends with the events capability', () => {
  const bench = new LvspBench(TWO)
  const one = bench.backend('secret one', ['events'])
  const two = bench.backend('secret two', ['failure'])
  for (const backend of ['one', 'two', 'unknown']) {
    bench.lvsp.voiceStateConnected(backend, EVENT)
    bench.lvsp.speaking(backend, { userId: '7', channelId: '500', speaking: 1, video: true })
    bench.lvsp.voiceStateDisconnected(backend, { ...EVENT, code: 4009, resumable: false })
  }
  bench.settle()
  assert.deepEqual(two.story(), ['0', '3'])
  assert.deepEqual(one.infos(18), [{ ...USER, session_id: 'x', protocol: 'udp' }])
  assert.deepEqual(one.infos(20), [{ user_id: '7', channel_id: '500', speaking: 1, video: true }])
  assert.deepEqual(one.infos(19), [{ ...USER, session_id: 'x', protocol: 'udp', code: 4009, resumable: false }])
  assert.deepEqual(one.seqs(), [1, 2, 3])
})

test('a backend with the litecord dialect receives no CHANNEL_ASSIGN, extensions or unknown opcodes', () => {
  const bench = new LvspBench([{ id: 'main', secrets: [SECRET], dialect: 'litecord' }])
  const litecord = bench.backend()
  litecord
    .info(0, CHANNEL)
    .info(4, USER)
    .info(0, CHANNEL)
    .info(4, USER)
    .info(88, {})
    .info(5, { ...USER, mute: true })
  bench.lvsp.voiceStateConnected('main', EVENT)
  bench.settle()
  litecord.send(4, { s: 0 })
  assert.deepEqual(litecord.story(), ['0', '3', '6/4', '6/4', '5'])
  assert.equal(bench.snapshot('main').voiceStates.length, 1)
  assert.equal(bench.state('main', '500', '7')?.mute, true)
  litecord.info(6, USER)
  assert.equal(bench.snapshot('main').voiceStates.length, 0)
})

test('a patched Litecord receives CHANNEL_ASSIGN, with guild_id null for a DM', () => {
  const bench = new LvspBench([{ id: 'main', secrets: [SECRET], dialect: 'litecord', legacyAssign: true }])
  const litecord = bench.backend().info(0, { channel_id: '9' }).info(0, CHANNEL)
  assert.deepEqual(
    litecord.infos(1).map(({ guild_id }) => guild_id),
    [null, '100'],
  )
})

test('a type 4 from a backend switches its connection to the litecord dialect and notes the setting to configure', () => {
  const bench = new LvspBench()
  const litecord = bench
    .backend()
    .info(4, USER)
    .info(0, CHANNEL)
    .info(5, { ...USER, deaf: true })
  assert.deepEqual(litecord.story(), ['0', '3', '6/4'])
  assert.equal(bench.state('main', '500', '7')?.deaf, true)
  const notes = bench.notes.filter(({ event }) => event === 'lvsp.dialect_switched')
  assert.equal(notes.length, 1)
  assert.match(String(notes[0]?.fields?.hint), /dialect = "litecord"/)
  assert.equal(bench.lvsp.inspect().connections[0]?.dialect, 'litecord')
  litecord.drop()
  assert.deepEqual(bench.backend().info(0, CHANNEL).story(), ['0', '3', '6/1'])
})

const addressOf = (index: number) => `198.51.${index >> 8}.${index & 255}`

test('unidentified connections of one address close each other, and no others', () => {
  const bench = new LvspBench()
  const backend = bench.backend()
  const other = bench.open(undefined, '192.0.2.9')
  const strangers = Array.from({ length: 10 * LIMITS.lvspUnidentifiedPerAddress }, () =>
    bench.open(undefined, '203.0.113.5'),
  )
  assert.equal(bench.lvsp.inspect().connections.length, 2 + LIMITS.lvspUnidentifiedPerAddress)
  assert.deepEqual([backend.closeCode, other.closeCode], [undefined, undefined])
  assert.deepEqual([strangers[0]?.closeCode, strangers.at(-1)?.closeCode], [4000, undefined])
})

test('a backend on the address of a flood connects', () => {
  const bench = new LvspBench()
  for (let i = 0; i < 300; i++) bench.open()
  const backend = bench.backend()
  for (let i = 0; i < 300; i++) bench.open()
  assert.deepEqual([backend.story(), backend.closeCode], [['0', '3'], undefined])
})

test('at the total limit a new connection closes one of the busiest address', () => {
  const bench = new LvspBench()
  const early = bench.open(undefined, '192.0.2.9')
  for (let i = 0; i < 2 * LIMITS.lvspUnidentified; i++) bench.open(undefined, addressOf(i >> 3))
  assert.equal(bench.lvsp.inspect().connections.length, LIMITS.lvspUnidentified)
  assert.equal(early.closeCode, undefined)
})

test('at the total limit a flood from many addresses does not close a connection of a known address', () => {
  const bench = new LvspBench()
  bench.backend().drop()
  const again = bench.open()
  const stranger = bench.open(undefined, '192.0.2.9')
  for (let i = 0; i < 3 * LIMITS.lvspUnidentified; i++) bench.open(undefined, addressOf(i))
  assert.equal(stranger.closeCode, 4000)
  again.send(1, { token: tokenFor(SECRET, again.nonce) })
  assert.deepEqual(again.story(), ['0', '3'])
})

test('a backend above its number of connections loses its oldest, and other backends lose none', () => {
  const bench = new LvspBench([
    { id: 'main', secrets: [SECRET] },
    { id: 'other', secrets: ['another secret'] },
  ])
  const other = bench.backend('another secret')
  const own = Array.from({ length: LIMITS.lvspConnectionsPerBackend + 3 }, () => bench.backend())
  assert.deepEqual(
    own.slice(0, 5).map(({ closeCode }) => closeCode),
    [4000, 4000, 4000, undefined, undefined],
  )
  assert.equal(other.closeCode, undefined)
  assert.deepEqual(own.at(-1)?.info(0, CHANNEL).story(), ['0', '3', '6/1'])
})

test('before IDENTIFY a connection may send a few small messages only', () => {
  const bench = new LvspBench()
  const heartbeat = { op: 4, d: 1 }
  assert.equal(bench.open().sendText(JSON.stringify({ ...heartbeat, x: 'x'.repeat(4_096) })).closeCode, 4002)
  assert.equal(bench.open().sendText(`${'['.repeat(9)}${']'.repeat(9)}`).closeReason, 'too large before Identify')
  const chatty = bench.open()
  for (let i = 0; i < LIMITS.greetingMessages; i++) chatty.sendText(JSON.stringify(heartbeat))
  assert.equal(chatty.closeCode, undefined)
  assert.equal(chatty.sendText(JSON.stringify(heartbeat)).closeCode, 4000)
  const backend = bench.backend().send(6, { type: 3, data: { user_id: '7', channel_id: '500', x: 'x'.repeat(5_000) } })
  assert.deepEqual(backend.story(), ['0', '3', '6/4'])
})

test('inspect shows everything but secrets and tokens', () => {
  const bench = new LvspBench()
  const backend = bench.backend(SECRET, ['events', 'sync']).info(0, CHANNEL)
  bench.open()
  const seen = bench.lvsp.inspect()
  assert.deepEqual(seen.connections, [
    {
      ...{ connection: 1, state: 'live', remoteAddress: '192.0.2.1', backend: 'main', dialect: 'spec' },
      capabilities: ['events', 'sync'],
    },
    {
      ...{ connection: 2, state: 'greeting', remoteAddress: '192.0.2.1' },
      ...{ backend: undefined, dialect: undefined, capabilities: undefined },
    },
  ])
  assert.deepEqual(seen.sessions, [
    { backend: 'main', session: backend.ops(3)[0].session, seq: 1, kept: 1, connections: [1], endsAt: Infinity },
  ])
  for (const secret of [SECRET, tokenFor(SECRET, backend.nonce), backend.infos(1)[0].token])
    assert.ok(!JSON.stringify([seen, bench.notes]).includes(secret))
})

test('two thousand requests a second are served in order', () => {
  const bench = new LvspBench()
  const backend = bench.backend(SECRET, ALL_CAPABILITIES)
  for (let second = 0; second < 15; second++) {
    for (let i = 0; i < 2_000; i++)
      backend.connection.receive(
        `{"op":6,"d":{"type":3,"data":{"user_id":"${i % 50}","channel_id":"${second}"}}}`,
        bench.now,
      )
    bench.advance(1_000)
  }
  bench.settle()
  assert.equal(backend.closeCode, undefined)
  assert.equal(backend.seqs().at(-1), 30_000)
})
