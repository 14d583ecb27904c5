// Effects of a backend's INFO messages and their answers.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LvspEvents, LvspFailure, LvspInfo } from '@parley/protocol'
import { ALL_CAPABILITIES, LvspBench, SECRET, tokenFor } from '../testing/lvsp-bench.ts'

const CHANNEL = { channel_id: '500', guild_id: '100' }
const USER = { ...CHANNEL, user_id: '7' }
const ENDPOINT = 'voice.example:443'
const TOKEN = /^[\w-]{43}$/

const start = (capabilities: readonly string[] = ALL_CAPABILITIES) => {
  const bench = new LvspBench()
  return { bench, backend: bench.backend(SECRET, capabilities) }
}

test('a channel request is answered with token, endpoint and a sequence number', () => {
  const { backend } = start()
  backend.info(0, CHANNEL)
  const { token, ...data } = backend.infos(1)[0]
  assert.match(token, TOKEN)
  assert.deepEqual(data, { ...CHANNEL, endpoint: ENDPOINT })
  assert.deepEqual(backend.seqs(), [1])
})

test('a repeated channel request has the same answer and changes nothing', () => {
  const { backend, bench } = start()
  backend.info(0, CHANNEL).info(3, USER).info(0, CHANNEL)
  const [first, second] = backend.infos(1)
  assert.deepEqual(first, second)
  assert.ok(bench.state('main', '500', '7') !== undefined)
})

test('a DM is a channel whose guild id is null or absent', () => {
  const { backend } = start()
  backend.info(0, { channel_id: '9' }).info(0, { channel_id: '9', guild_id: null })
  const [first, second] = backend.infos(1)
  assert.deepEqual({ ...first, token: '' }, { channel_id: '9', token: '', endpoint: ENDPOINT })
  assert.deepEqual(first, second)
})

test('integers of up to 64 bits are accepted as snowflakes without rounding, larger ones are rejected', () => {
  const { backend } = start()
  backend.sendText('{"op":6,"d":{"type":0,"data":{"channel_id":500}}}')
  backend.sendText('{"op":6,"d":{"type":0,"data":{"channel_id":1112223334445556667}}}')
  backend.sendText('{"op":6,"d":{"type":0,"data":{"channel_id":18446744073709551616}}}')
  assert.deepEqual(
    backend.infos(1).map(({ channel_id }) => channel_id),
    ['500', '1112223334445556667'],
  )
  assert.equal(backend.infos(17)[0].code, LvspFailure.InvalidData)
})

test('VOICE_STATE_CREATE is answered with a session id and a user token', () => {
  const { backend } = start()
  backend.info(0, CHANNEL).info(3, USER)
  const { session_id, token, ...data } = backend.infos(4)[0]
  assert.match(session_id, /^[0-9a-f]{32}$/)
  assert.match(token, TOKEN)
  assert.notEqual(token, backend.infos(1)[0].token)
  assert.deepEqual(data, { ...USER, endpoint: ENDPOINT, connected: false })
  assert.deepEqual(backend.seqs(), [1, 2])
})

test('VOICE_STATE_CREATE for an unknown channel creates the channel and is answered with DONE alone', () => {
  const { backend, bench } = start()
  backend.info(3, USER)
  assert.deepEqual(backend.story(), ['0', '3', '6/4'])
  assert.ok(bench.channel('main', '500') !== undefined)
})

test('a backend may set the session id and the restrictions in VOICE_STATE_CREATE', () => {
  const { backend, bench } = start()
  backend.info(3, { ...USER, session_id: 'gateway session', mute: true, flags: 3, self_mute: 'whatever' })
  assert.equal(backend.infos(4)[0].session_id, 'gateway session')
  const { mute, deaf, flags } = bench.state('main', '500', '7')!
  assert.deepEqual([mute, deaf, flags], [true, false, 3])
})

test('a channel created again after its destruction has another token', () => {
  const { backend } = start()
  backend.info(0, CHANNEL).info(2, CHANNEL).info(0, CHANNEL)
  const [first, second] = backend.infos(1)
  assert.notEqual(first.token, second.token)
})

const named: [string, object][] = [
  ['by session id', { session_id: 'gateway session' }],
  ['by user and channel', { user_id: '7', channel_id: '500' }],
  ['by user, channel and guild', USER],
  ['by user and guild', { user_id: '7', guild_id: '100' }],
]
for (const [how, data] of named) {
  test(`a voice state selected ${how} is destroyed without an answer`, () => {
    const { backend, bench } = start()
    backend
      .info(0, CHANNEL)
      .info(3, { ...USER, session_id: 'gateway session' })
      .info(5, data)
    assert.equal(bench.state('main', '500', '7'), undefined)
    assert.deepEqual(backend.story(), ['0', '3', '6/1', '6/4'])
  })
  test(`a voice state selected ${how} is updated without an answer`, () => {
    const { backend, bench } = start()
    backend
      .info(0, CHANNEL)
      .info(3, { ...USER, session_id: 'gateway session' })
      .info(6, { ...data, mute: true, priority: true })
    const { mute, deaf, priority } = bench.state('main', '500', '7')!
    assert.deepEqual([mute, deaf, priority], [true, false, true])
    assert.deepEqual(backend.story(), ['0', '3', '6/1', '6/4'])
  })
}

test('a channel is updated by type 16, by type 2 with properties, and by a channel request', () => {
  const { backend, bench } = start([])
  backend.info(0, { ...CHANNEL, channel_properties: { bitrate: 1 } })
  assert.deepEqual(bench.channel('main', '500')?.properties, { bitrate: 1 })
  backend.info(16, { ...CHANNEL, channel_properties: { video: false, user_limit: 5 } })
  backend.info(2, { ...CHANNEL, channel_properties: { kind: 'stream', owner_id: 7 } })
  assert.deepEqual(bench.channel('main', '500')?.properties, {
    bitrate: 1,
    video: false,
    userLimit: 5,
    kind: 'stream',
    ownerId: '7',
  })
  assert.deepEqual(backend.story(), ['0', '3', '6/1'])
})

test('SYNC removes channels and voice states that it does not list, also when split into parts', () => {
  const { backend, bench } = start()
  backend
    .info(3, USER)
    .info(3, { ...USER, user_id: '8' })
    .info(3, { ...USER, channel_id: '600', user_id: '9' })
  backend.info(0, { channel_id: '700' })
  backend.info(21, { channels: [{ ...CHANNEL, users: [{ user_id: '7', session_id: 'x' }] }], more: true })
  assert.ok(bench.state('main', '500', '8') !== undefined)
  backend.info(21, { channels: [{ channel_id: '700', users: [] }] })
  const { channels, voiceStates } = bench.snapshot('main')
  assert.deepEqual(
    channels.map(({ channelId }) => channelId),
    ['500', '700'],
  )
  assert.deepEqual(
    voiceStates.map(({ userId }) => userId),
    ['7'],
  )
  backend.info(21, { channels: [] })
  assert.deepEqual(bench.snapshot('main').channels, [])
})

test('TOKEN_REFRESH replaces the token', () => {
  const { backend } = start()
  backend.info(3, USER).info(22, USER)
  const [first, second] = backend.infos(4)
  assert.equal(first.session_id, second.session_id)
  assert.notEqual(first.token, second.token)
})

test('STATS is answered with the numbers of the backend', () => {
  const { backend } = start()
  backend.info(3, USER).info(23, {})
  const [{ views, ...stats }] = backend.infos(23) as [{ views: object }]
  assert.deepEqual(stats, { channels: 1, sessions: 0, egress_bps: 1_500, health: 0.75 })
  assert.ok(Object.values(views).every(count => count === 0))
})

const failures: [string, number, unknown, LvspFailure, object][] = [
  ['data of the wrong shape', 0, { channel_id: true }, LvspFailure.InvalidData, {}],
  ['no data', 3, undefined, LvspFailure.UnknownChannel, {}],
  ['a user without channel or guild', 5, { user_id: '7' }, LvspFailure.InvalidData, { user_id: '7' }],
  ['an unknown type', 9, USER, LvspFailure.UnknownType, USER],
  ['a type that only nodes send as an answer', 1, CHANNEL, LvspFailure.UnknownType, CHANNEL],
  ['a type that only nodes send as an event', 18, USER, LvspFailure.UnknownType, USER],
  ['an unknown channel', 2, CHANNEL, LvspFailure.UnknownChannel, CHANNEL],
  ['an unknown voice state', 5, { session_id: 'unknown' }, LvspFailure.UnknownVoiceState, { session_id: 'unknown' }],
  ['an update of an unknown voice state', 6, { ...USER, mute: true }, LvspFailure.UnknownVoiceState, USER],
  ['a token for an unknown channel', 22, USER, LvspFailure.UnknownChannel, USER],
  ['an overlong id', 2, { channel_id: '1'.repeat(500) }, LvspFailure.InvalidData, {}],
]
for (const [what, type, data, code, ids] of failures) {
  test(`${what} (type ${type}) is reported to a backend with the failure capability`, () => {
    const { backend } = start(['failure', 'user_token'])
    // Type 3 without a user is an older CHANNEL_DESTROY.
    backend.info(type, type === 3 ? { channel_id: '500' } : data)
    const [failure] = backend.infos(17)
    assert.equal(failure.code, code)
    assert.deepEqual(failure.in_reply_to, { type, data: type === 3 ? { channel_id: '500' } : ids })
    assert.ok(failure.message.length > 0)
  })
  test(`${what} (type ${type}) is ignored without the failure capability`, () => {
    const { backend } = start(['user_token'])
    backend.info(type, data)
    assert.deepEqual(backend.story(), ['0', '3'])
    assert.equal(backend.closeCode, undefined)
  })
}

test('FAILURE obeys its own schema, whatever it answers', () => {
  const values = [
    undefined,
    null,
    '',
    '0',
    'abc',
    '-1',
    '1'.repeat(21),
    '1'.repeat(500),
    7,
    2 ** 60,
    -1,
    1.5,
    NaN,
    [],
    {},
    true,
  ]
  const { backend } = start(['failure', 'user_token'])
  for (const type of [0, 2, 3, 5, 6, 9, 16, 18, 21, 22, 23])
    for (const id of values)
      for (const name of ['channel_id', 'guild_id', 'user_id', 'session_id'])
        backend.info(type, { channel_id: '404', user_id: '7', [name]: id })
  const failures = backend.infos(LvspInfo.Failure)
  assert.ok(failures.length > 500)
  for (const failure of failures) LvspEvents[LvspInfo.Failure].parse(failure)
})

test('an extension without its capability has no effect', () => {
  const { backend, bench } = start(['failure'])
  backend.info(3, USER).info(21, { channels: [] }).info(22, USER).info(23, {})
  assert.equal(bench.snapshot('main').channels.length, 1)
  assert.deepEqual(
    backend.infos(17).map(({ code }) => code),
    [LvspFailure.NotAgreed, LvspFailure.NotAgreed, LvspFailure.NotAgreed],
  )
})

test('a request that the node rejects is answered with a failure and its reason', () => {
  const { backend, bench } = start()
  bench.control.isDraining = true
  backend.info(0, CHANNEL).info(3, USER)
  assert.deepEqual(
    backend.infos(17).map(({ code, in_reply_to }) => [code, in_reply_to.type]),
    [
      [LvspFailure.Draining, 0],
      [LvspFailure.Draining, 3],
    ],
  )
  assert.deepEqual(backend.infos(1), [])
})

test('a front has to open a channel before it lets users in; a backend does not', () => {
  const { bench, backend } = start()
  const front = bench.open()
  front.send(1, { token: tokenFor(SECRET, front.nonce), capabilities: ALL_CAPABILITIES, front: 'f1' })
  front.info(3, USER)
  assert.deepEqual(
    front.infos(17).map(({ code }) => code),
    [LvspFailure.UnknownChannel],
  )
  assert.equal(bench.channel('main', CHANNEL.channel_id), undefined)
  front.info(0, { ...CHANNEL, epoch: 1 }).info(3, USER)
  assert.equal(front.infos(4).length, 1)
  backend.info(3, { ...USER, channel_id: '501' })
  assert.equal(bench.channel('main', '501')?.voiceStates.size, 1)
})

test('an epoch counts from a front only', () => {
  const { bench, backend } = start()
  const front = bench.open()
  front.send(1, { token: tokenFor(SECRET, front.nonce), capabilities: ALL_CAPABILITIES, front: 'f1' })
  backend.info(0, { ...CHANNEL, epoch: 7 })
  assert.equal(bench.channel('main', CHANNEL.channel_id)?.epoch, 0)
  assert.deepEqual([front.infos(29).at(-1).epoch, bench.control.highestEpochs.size], [0, 0])
  front.info(0, { ...CHANNEL, epoch: 7 })
  backend.info(2, { ...CHANNEL, epoch: 6 })
  assert.equal(bench.channel('main', CHANNEL.channel_id), undefined, 'a backend ends its channel whatever its epoch')
  front.info(0, { ...CHANNEL, epoch: Number.MAX_SAFE_INTEGER })
  assert.deepEqual(
    front.infos(17).map(({ code }) => code),
    [LvspFailure.InvalidData],
  )
  assert.deepEqual([...bench.control.highestEpochs], [['main', 7]])
})

test('a list of SYNC with a part that is refused destroys nothing, and a later list does', () => {
  const { bench, backend } = start()
  backend.info(3, USER)
  for (const part of [
    { channels: [], more: true },
    { channels: [{ channel_id: CHANNEL.channel_id, users: [{ user_id: 'seven' }] }], more: true },
    { channels: [], more: true },
    { channels: [] },
  ])
    backend.info(21, part)
  assert.deepEqual(
    backend.infos(17).map(({ code, in_reply_to }) => [code, in_reply_to.type]),
    [21, 21, 21].map(type => [LvspFailure.InvalidData, type]),
  )
  bench.advance(1_000)
  assert.equal(bench.channel('main', CHANNEL.channel_id)?.voiceStates.size, 1)
  backend.info(21, { channels: 'none' })
  backend.info(21, { channels: [] })
  bench.advance(1_000)
  assert.equal(bench.channel('main', CHANNEL.channel_id), undefined)
})
