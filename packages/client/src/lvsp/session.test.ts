// A backend's LVSP session against a scripted node, on a virtual clock: entering, resuming, events, closing.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LvspInfo } from '@parley/protocol'
import { ALL, CHANNEL, INTERVAL, LvspScript, USER } from '../testing/lvsp-script.ts'

test('changes of a channel’s encryption are reported', () => {
  const script = new LvspScript().enter().ready()
  script.take()
  script.info(1, 24, { channel_id: '500', guild_id: '100', protocol_version: 1, epoch: 3, members: 2 })
  const event = { channelId: '500', guildId: '100', protocolVersion: 1, epoch: 3, members: 2 }
  assert.deepEqual(script.take(), [{ kind: 'encryption', event: event }])
})

test('views and sources of video are reported, and values that are not of this version are not', () => {
  const script = new LvspScript().enter().ready()
  script.take()
  const user = { user_id: '8', channel_id: '500', guild_id: '100' }
  const view = { ...user, sender_id: '7', kind: 'screen', layers: 2, wanted: 1, target: 0, current: 0, bitrate: 9 }
  script.info(1, 27, { ...view, reason: 'bandwidth', estimate: 300_000 }).info(2, 27, { ...view, reason: 'weather' })
  script.info(3, 28, { ...user, kind: 'camera', state: 'paused', viewers: 3 })
  const ids = { userId: '8', channelId: '500', guildId: '100' }
  const { sender_id: senderId, user_id: _, channel_id: _c, guild_id: _g, ...fields } = view
  assert.deepEqual(script.take(), [
    { kind: 'videoView', event: { ...ids, senderId, ...fields, reason: 'bandwidth', estimate: 300_000 } },
    { kind: 'undecodable', reason: 'a message does not have the shape of its opcode or info type' },
    { kind: 'videoSource', event: { ...ids, kind: 'camera', state: 'paused', viewers: 3 } },
  ])
})

test('a session connects, has the nonce signed, and identifies with the token', () => {
  const script = new LvspScript()
  assert.deepEqual(script.take(), [{ kind: 'connect' }])
  script.session.connectionOpened(script.now)
  script.receive({ op: 0, d: { heartbeat_interval: INTERVAL, nonce: 'q7Zp2LmX0a', capabilities: ['events', 'x'] } })
  assert.deepEqual(script.take(), [{ kind: 'sign', nonce: 'q7Zp2LmX0a' }])
  script.session.signed('the token')
  assert.deepEqual(script.sent(), [{ op: 1, d: { token: 'the token', capabilities: ['events'] } }])
  script.receive({ op: 3, d: { health: 0.25, session: 'a', seq: 0, capabilities: ['events'] } })
  assert.deepEqual(script.take(), [
    {
      kind: 'connected',
      ready: { health: 0.25, resumed: undefined, isSameSession: false, capabilities: ['events'], server: undefined },
    },
  ])
})

test('a node that knows only the specification is asked for no extension', () => {
  const script = new LvspScript()
  script.enter({})
  assert.deepEqual(script.sent().at(-1), { op: 1, d: { token: 'token' } })
  script.ready({})
  script.session.command(LvspInfo.Sync, { channels: [] })
  const refresh = script.session.request(LvspInfo.TokenRefresh, USER, script.now)
  const outputs = script.take()
  assert.deepEqual(
    outputs.filter(({ kind }) => kind === 'send'),
    [],
  )
  assert.deepEqual(outputs.slice(-2), [
    { kind: 'refused', type: 21, failure: { message: 'the node did not agree to sync' } },
    { kind: 'failed', request: refresh, failure: { message: 'the node did not agree to user_token' } },
  ])
  assert.equal(script.session.unsettled, 0)
})

test('a lost connection is resumed from the newest number received', () => {
  const script = new LvspScript().live()
  script.info(1, 1, { ...CHANNEL, token: 'c' }).info(2, 4, { ...USER, session_id: 's' })
  script.lose()
  assert.deepEqual(script.take().at(-1), { kind: 'disconnected', code: 1006, reason: 'lost', wait: 250, attempt: 1 })
  script.again()
  assert.deepEqual(script.sent().at(-1), { op: 2, d: { token: 'token', capabilities: ALL, seq: 2, session: 'a' } })
})

test('an interrupted replay is resumed where it stopped', () => {
  const script = new LvspScript().live()
  script.lose().again()
  script.info(1, 1, { ...CHANNEL, token: 'c' }).info(2, 4, { ...USER, session_id: 's' })
  script.lose().again()
  assert.equal(script.sent().at(-1)?.d.seq, 2)
  script.info(3, 1, { ...CHANNEL, token: 'd' }).ready({ session: 'a', seq: 3, resumed: 'replay' })
  assert.equal(script.session.seq, 3)
})

test('numbers of another session do not count until READY names it', () => {
  const script = new LvspScript().live()
  for (let s = 1; s <= 9; s++) script.info(s, 1, { ...CHANNEL, token: 'c' })
  script.lose().again()
  script.info(1, 1, { ...CHANNEL, token: 'new' })
  assert.equal(script.session.seq, 9)
  script.ready({ session: 'b', seq: 1, resumed: 'state' })
  assert.equal(script.session.seq, 1)
  script.take()
  script.info(2, 1, { ...CHANNEL, token: 'newer' })
  assert.deepEqual(script.kinds(), ['assigned'])
})

test('a duplicate number is ignored', () => {
  const script = new LvspScript().live()
  script
    .info(1, 1, { ...CHANNEL, token: 'c' })
    .info(1, 1, { ...CHANNEL, token: 'c' })
    .info(2, 1, { ...CHANNEL, token: 'c' })
  assert.deepEqual(script.kinds(), ['assigned', 'assigned'])
})

test('INFO before READY is state and settles no request', () => {
  const script = new LvspScript().live()
  const request = script.session.request(LvspInfo.ChannelRequest, CHANNEL, script.now)
  script.lose().again().take()
  script.info(1, 1, { ...CHANNEL, token: 'c' }).ready({ session: 'a', seq: 1, resumed: 'state', capabilities: ALL })
  assert.deepEqual(script.kinds(), ['assigned', 'connected', 'send'])
  script.info(2, 1, { ...CHANNEL, token: 'c' })
  assert.deepEqual(script.take()[0], {
    kind: 'answered',
    request,
    answer: { channelId: '500', guildId: '100', token: 'c', endpoint: undefined },
  })
})

test('a heartbeat is sent at each interval; an unacknowledged one fails the connection', () => {
  const script = new LvspScript().live()
  script.advance(INTERVAL)
  assert.deepEqual(script.sent(), [{ op: 4, d: {} }])
  script.receive({ op: 5, d: { health: 0.125 } })
  assert.deepEqual(script.take(), [{ kind: 'health', health: 0.125 }])
  script.advance(INTERVAL)
  script.take()
  script.advance(INTERVAL)
  const reason = 'the node did not answer a heartbeat'
  assert.deepEqual(script.take().slice(0, 2), [
    { kind: 'close', code: 4000, reason },
    { kind: 'disconnected', code: 4000, reason, wait: 250, attempt: 1 },
  ])
})

test('a node that sends no HELLO or READY in time fails the connection', () => {
  const script = new LvspScript()
  script.session.connectionOpened(script.now)
  script.advance(20_000)
  assert.deepEqual(script.kinds().slice(0, 3), ['connect', 'close', 'disconnected'])
})

test('delays between attempts grow to half a minute and restart after a stable connection', () => {
  const script = new LvspScript({ random: () => 1 })
  const waits: number[] = []
  for (let i = 0; i < 9; i++) {
    script.lose()
    waits.push(script.session.deadline - script.now)
    script.advance(waits.at(-1)!)
  }
  assert.deepEqual(waits, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000])
  script.live()
  for (let i = 0; i < 7; i++) script.advance(INTERVAL).receive({ op: 5, d: { health: 1 } })
  script.lose()
  assert.equal(script.session.deadline - script.now, 500)
})

test('a node that does not accept the secret ends the session and fails pending requests', () => {
  const script = new LvspScript()
  const request = script.session.request(LvspInfo.ChannelRequest, CHANNEL, script.now)
  script.enter().lose(4001)
  const outputs = script.take().slice(-2)
  const reason = 'the node does not accept the secret (lost)'
  assert.deepEqual(outputs, [
    { kind: 'failed', request, failure: { message: `the session has ended: ${reason}` } },
    { kind: 'closed', code: 4001, reason },
  ])
  assert.equal(script.session.deadline, Infinity)
  const late = script.session.request(LvspInfo.ChannelRequest, CHANNEL, script.now)
  assert.deepEqual(script.take(), [
    { kind: 'failed', request: late, failure: { message: `the session has ended: ${reason}` } },
  ])
})

test('a 4001 before the token was sent is retried', () => {
  const script = new LvspScript()
  script.session.connectionOpened(script.now)
  script.lose(4001)
  assert.equal(script.session.state, 'waiting')
})

test('undecodable messages of a node are reported and ignored', () => {
  const script = new LvspScript().live()
  const unreadable = [
    '',
    'x',
    '[]',
    'null',
    '{}',
    '{"op":3}',
    '{"op":5,"d":{"health":"good"}}',
    '{"op":6,"d":{"type":1,"data":{}}}',
  ]
  for (const text of unreadable) script.receive(text)
  script.session.messageReceived(new Uint8Array(4), script.now)
  assert.deepEqual(script.kinds(), Array(unreadable.length + 1).fill('undecodable'))
  script.receive('{"op":99}').receive('{"op":6,"d":{"type":99,"data":{}},"s":1}')
  assert.deepEqual(script.kinds(), [])
  assert.equal(script.session.seq, 1)
})

test('an unexpected HELLO or READY changes nothing', () => {
  const script = new LvspScript().live()
  script.receive({ op: 0, d: { heartbeat_interval: 1, nonce: 'again' } }).ready({ session: 'other' })
  assert.deepEqual(script.kinds(), [])
})
