// A backend's LVSP session against scripted nodes, on a virtual clock.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LvspFailure, LvspInfo } from '@parley/protocol'
import type { LvspOutput } from './outputs.ts'
import { LvspClientSession, type LvspSessionOptions } from './session.ts'

const CHANNEL = { channel_id: '500', guild_id: '100' }
const USER = { ...CHANNEL, user_id: '7' }
const INTERVAL = 5_000
const ALL = ['user_token', 'failure', 'events', 'sync', 'stats']

/** A session, its clock, and everything that came out of it. */
class Script {
  readonly session: LvspClientSession
  now = 1_000
  #outputs: LvspOutput[] = []

  constructor(options: LvspSessionOptions = {}) {
    this.session = new LvspClientSession({ random: () => 0.5, ...options })
    this.session.start(this.now)
  }
  take(): LvspOutput[] {
    const taken = [...this.#outputs, ...this.session.takeOutputs()]
    this.#outputs = []
    return taken
  }
  /** Messages sent since the last `take`; other outputs stay. */
  sent(): { op: number; d: Record<string, unknown> }[] {
    const all = this.take()
    this.#outputs = all.filter(output => output.kind !== 'send')
    return all.flatMap(output => (output.kind === 'send' ? [JSON.parse(output.data)] : []))
  }
  /** INFO types sent since the last `take`. */
  types(): unknown[] {
    return this.sent().flatMap(({ op, d }) => (op === 6 ? [d.type] : []))
  }
  kinds(): string[] {
    return this.take().map(({ kind }) => kind)
  }
  hear(message: unknown): this {
    this.session.messageReceived(typeof message === 'string' ? message : JSON.stringify(message), this.now)
    return this
  }
  info(s: number | undefined, type: number, data: unknown): this {
    return this.hear({ op: 6, s, d: { type, data } })
  }
  /** Up to the token. */
  enter(hello: object = { capabilities: ALL }): this {
    this.session.connectionOpened(this.now)
    this.hear({ op: 0, d: { heartbeat_interval: INTERVAL, nonce: 'q7Zp2LmX0a', ...hello } })
    this.session.signed('token')
    return this
  }
  ready(ready: object = { session: 'a', seq: 0, capabilities: ALL }): this {
    return this.hear({ op: 3, d: { health: 0.5, ...ready } })
  }
  live(): this {
    this.enter().ready().take()
    return this
  }
  lose(code = 1006): this {
    this.session.connectionClosed(code, 'lost', this.now)
    return this
  }
  advance(duration: number): this {
    const until = this.now + duration
    while (this.session.deadline <= until) {
      this.now = this.session.deadline
      this.session.tick(this.now)
    }
    this.now = until
    return this
  }
  /** After a loss: waits, and connects again up to the token. */
  again(): this {
    return this.advance(this.session.deadline - this.now).enter()
  }
}

test('how a channel is encrypted is told as it changes', () => {
  const script = new Script().enter().ready()
  script.take()
  script.info(1, 24, { channel_id: '500', guild_id: '100', protocol_version: 1, epoch: 3, members: 2 })
  const told = { channelId: '500', guildId: '100', protocolVersion: 1, epoch: 3, members: 2 }
  assert.deepEqual(script.take(), [{ kind: 'encryption', event: told }])
})

test('a session asks to connect, to sign the nonce, and identifies with the token', () => {
  const script = new Script()
  assert.deepEqual(script.take(), [{ kind: 'connect' }])
  script.session.connectionOpened(script.now)
  script.hear({ op: 0, d: { heartbeat_interval: INTERVAL, nonce: 'q7Zp2LmX0a', capabilities: ['events', 'x'] } })
  assert.deepEqual(script.take(), [{ kind: 'sign', nonce: 'q7Zp2LmX0a' }])
  script.session.signed('the token')
  assert.deepEqual(script.sent(), [{ op: 1, d: { token: 'the token', capabilities: ['events'] } }])
  script.hear({ op: 3, d: { health: 0.25, session: 'a', seq: 0, capabilities: ['events'] } })
  assert.deepEqual(script.take(), [
    {
      kind: 'connected',
      ready: { health: 0.25, resumed: undefined, isSameSession: false, capabilities: ['events'], server: undefined },
    },
  ])
})

test('a node that knows nothing but the specification is asked for nothing else', () => {
  const script = new Script()
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

test('answers find their requests by the ids they name, the oldest first', () => {
  const script = new Script().live()
  const ask = (data: typeof USER) => script.session.request(LvspInfo.VoiceStateCreate, data, script.now)
  const [a, b, again] = [ask(USER), ask({ ...USER, user_id: '8' }), ask(USER)]
  const channel = script.session.request(LvspInfo.ChannelRequest, CHANNEL, script.now)
  const done = (user_id: string, token: string) => ({ ...USER, user_id, session_id: 's', token })
  script.take()
  script
    .info(1, 4, done('8', 'x'))
    .info(2, 1, { ...CHANNEL, token: 'c' })
    .info(3, 4, done('7', 'y'))
  script.info(4, 4, done('7', 'z')).info(5, 4, done('7', 'late'))
  const told = script.take()
  assert.deepEqual(
    told.map(output => (output.kind === 'answered' ? output.request : output.kind)),
    [b, channel, a, again, 'granted'],
  )
  assert.deepEqual(told[1], {
    kind: 'answered',
    request: channel,
    answer: { channelId: '500', guildId: '100', token: 'c', endpoint: undefined },
  })
})

test('a failure finds its request, and one without a request is told as a refusal', () => {
  const script = new Script().live()
  const request = script.session.request(LvspInfo.ChannelRequest, CHANNEL, script.now)
  script.session.command(LvspInfo.ChannelDestroy, CHANNEL)
  script.take()
  const failure = (type: number) => ({
    in_reply_to: { type, data: CHANNEL },
    code: LvspFailure.Draining,
    message: 'no',
  })
  script.info(1, 17, failure(0)).info(2, 17, failure(2))
  assert.deepEqual(script.take(), [
    { kind: 'failed', request, failure: { code: LvspFailure.Draining, message: 'no' } },
    { kind: 'refused', type: 2, failure: { code: LvspFailure.Draining, message: 'no' } },
  ])
  assert.equal(script.session.unsettled, 0)
})

test('a request without an answer fails in time, and is not asked again', () => {
  const script = new Script({ requestTimeout: 3_000 }).live()
  const request = script.session.request(LvspInfo.ChannelRequest, CHANNEL, script.now)
  script.advance(2_999).take()
  script.advance(1)
  assert.deepEqual(script.take(), [
    { kind: 'failed', request, failure: { message: 'the node did not answer in 3000 ms' } },
  ])
  script.lose().again().ready()
  assert.deepEqual(script.types(), [])
})

test('what is asked without a connection is sent in order once there is one', () => {
  const script = new Script()
  script.session.request(LvspInfo.ChannelRequest, CHANNEL, script.now)
  script.session.command(LvspInfo.ChannelUpdate, { ...CHANNEL, channel_properties: { bitrate: 1 } })
  script.session.request(LvspInfo.VoiceStateCreate, USER, script.now)
  assert.deepEqual(script.types(), [])
  script.enter().ready()
  assert.deepEqual(script.types(), [0, 16, 3])
})

test('a loss sends again what was not carried out, and nothing that was', () => {
  const script = new Script().live()
  script.session.command(LvspInfo.ChannelDestroy, { channel_id: '1' })
  script.session.request(LvspInfo.ChannelRequest, CHANNEL, script.now)
  script.session.command(LvspInfo.ChannelDestroy, { channel_id: '2' })
  script.session.request(LvspInfo.VoiceStateCreate, USER, script.now)
  script.info(1, 1, { ...CHANNEL, token: 'c' })
  assert.equal(script.session.unsettled, 2)
  script.take()
  script.lose().again().ready()
  assert.deepEqual(script.types(), [2, 3])
})

test('an acknowledged heartbeat tells that what was sent before it was carried out', () => {
  const script = new Script().live()
  script.session.command(LvspInfo.ChannelDestroy, { channel_id: '1' })
  script.advance(INTERVAL)
  script.session.command(LvspInfo.ChannelDestroy, { channel_id: '2' })
  script.hear({ op: 5, d: { health: 1 } })
  assert.equal(script.session.unsettled, 1)
  script.take()
  script.lose().again().ready()
  const again = script.sent().filter(({ op }) => op === 6)
  assert.deepEqual(again, [{ op: 6, d: { type: 2, data: { channel_id: '2' } } }])
})

test('the parts of a SYNC are sent again together', () => {
  const script = new Script().live()
  script.session.command(LvspInfo.Sync, { channels: [], more: true }, { channels: [] })
  assert.deepEqual(script.types(), [21, 21])
  script.lose().again().ready()
  assert.deepEqual(script.types(), [21, 21])
})

test('a lost connection is resumed from the number that was read last', () => {
  const script = new Script().live()
  script.info(1, 1, { ...CHANNEL, token: 'c' }).info(2, 4, { ...USER, session_id: 's' })
  script.lose()
  assert.deepEqual(script.take().at(-1), { kind: 'disconnected', code: 1006, reason: 'lost', wait: 250 })
  script.again()
  assert.deepEqual(script.sent().at(-1), { op: 2, d: { token: 'token', capabilities: ALL, seq: 2, session: 'a' } })
})

test('an interrupted replay is resumed where it stopped', () => {
  const script = new Script().live()
  script.lose().again()
  script.info(1, 1, { ...CHANNEL, token: 'c' }).info(2, 4, { ...USER, session_id: 's' })
  script.lose().again()
  assert.equal(script.sent().at(-1)?.d.seq, 2)
  script.info(3, 1, { ...CHANNEL, token: 'd' }).ready({ session: 'a', seq: 3, resumed: 'replay' })
  assert.equal(script.session.seq, 3)
})

test('numbers of another session do not count until READY has named it', () => {
  const script = new Script().live()
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

test('a number that was read already is not told twice', () => {
  const script = new Script().live()
  script
    .info(1, 1, { ...CHANNEL, token: 'c' })
    .info(1, 1, { ...CHANNEL, token: 'c' })
    .info(2, 1, { ...CHANNEL, token: 'c' })
  assert.deepEqual(script.kinds(), ['assigned', 'assigned'])
})

test('what comes before READY is state, and answers nothing', () => {
  const script = new Script().live()
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

test('a heartbeat is sent at each interval; a node that does not answer one is left', () => {
  const script = new Script().live()
  script.advance(INTERVAL)
  assert.deepEqual(script.sent(), [{ op: 4, d: {} }])
  script.hear({ op: 5, d: { health: 0.125 } })
  assert.deepEqual(script.take(), [{ kind: 'health', health: 0.125 }])
  script.advance(INTERVAL)
  script.take()
  script.advance(INTERVAL)
  const reason = 'the node did not answer a heartbeat'
  assert.deepEqual(script.take().slice(0, 2), [
    { kind: 'close', code: 4000, reason },
    { kind: 'disconnected', code: 4000, reason, wait: 250 },
  ])
})

test('a node that does not say HELLO or READY in time is left', () => {
  const script = new Script()
  script.session.connectionOpened(script.now)
  script.advance(20_000)
  assert.deepEqual(script.kinds().slice(0, 3), ['connect', 'close', 'disconnected'])
})

test('waits between attempts grow to half a minute, and shrink after a recovery', () => {
  const script = new Script({ random: () => 1 })
  const waits: number[] = []
  for (let i = 0; i < 9; i++) {
    script.lose()
    waits.push(script.session.deadline - script.now)
    script.advance(waits.at(-1)!)
  }
  assert.deepEqual(waits, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000])
  script.live()
  for (let i = 0; i < 7; i++) script.advance(INTERVAL).hear({ op: 5, d: { health: 1 } })
  script.lose()
  assert.equal(script.session.deadline - script.now, 500)
})

test('a node that does not accept the secret ends the session, and fails what waits', () => {
  const script = new Script()
  const request = script.session.request(LvspInfo.ChannelRequest, CHANNEL, script.now)
  script.enter().lose(4001)
  const outputs = script.take().slice(-2)
  const reason = 'the node does not accept the secret (lost)'
  assert.deepEqual(outputs, [
    { kind: 'failed', request, failure: { message: `the session is over: ${reason}` } },
    { kind: 'closed', code: 4001, reason },
  ])
  assert.equal(script.session.deadline, Infinity)
  const late = script.session.request(LvspInfo.ChannelRequest, CHANNEL, script.now)
  assert.deepEqual(script.take(), [
    { kind: 'failed', request: late, failure: { message: `the session is over: ${reason}` } },
  ])
})

test('a 4001 before the token was sent is a loss like any other', () => {
  const script = new Script()
  script.session.connectionOpened(script.now)
  script.lose(4001)
  assert.equal(script.session.state, 'waiting')
})

test('what a node sends that cannot be read is told and passed over', () => {
  const script = new Script().live()
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
  for (const text of unreadable) script.hear(text)
  script.session.messageReceived(new Uint8Array(4), script.now)
  assert.deepEqual(script.kinds(), Array(unreadable.length + 1).fill('undecodable'))
  script.hear('{"op":99}').hear('{"op":6,"d":{"type":99,"data":{}},"s":1}')
  assert.deepEqual(script.kinds(), [])
  assert.equal(script.session.seq, 1)
})

test('a HELLO or READY that was not expected changes nothing', () => {
  const script = new Script().live()
  script.hear({ op: 0, d: { heartbeat_interval: 1, nonce: 'again' } }).ready({ session: 'other' })
  assert.deepEqual(script.kinds(), [])
})

test('closing right after a command does not call it refused, unless it was never sent', () => {
  const live = new Script().live()
  live.session.command(LvspInfo.ChannelDestroy, CHANNEL)
  live.session.close()
  assert.deepEqual(live.kinds(), ['send', 'close', 'closed'])
  const away = new Script().live().lose()
  away.session.command(LvspInfo.ChannelDestroy, CHANNEL)
  away.session.close()
  assert.deepEqual(away.kinds(), ['disconnected', 'refused', 'closed'])
})

test('closing ends the connection and fails what waits', () => {
  const script = new Script().live()
  script.session.request(LvspInfo.ChannelRequest, CHANNEL, script.now)
  script.take()
  script.session.close()
  assert.deepEqual(script.kinds(), ['close', 'failed', 'closed'])
  assert.equal(script.session.deadline, Infinity)
})
