// Requests and commands of a backend's LVSP session: answers, refusals, repetition after a reconnect.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LvspFailure, LvspInfo } from '@parley/protocol'
import { CHANNEL, INTERVAL, LvspScript, USER } from '../testing/lvsp-script.ts'

test('answers settle the oldest request with the same ids', () => {
  const script = new LvspScript().live()
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
  const outputs = script.take()
  assert.deepEqual(
    outputs.map(output => (output.kind === 'answered' ? output.request : output.kind)),
    [b, channel, a, again, 'granted'],
  )
  assert.deepEqual(outputs[1], {
    kind: 'answered',
    request: channel,
    answer: { channelId: '500', guildId: '100', token: 'c', endpoint: undefined },
  })
})

test('a failure settles its request; one without a request is reported as refused', () => {
  const script = new LvspScript().live()
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

test('a refusal that repeats invalid ids, or none, fails its request', () => {
  for (const data of [{ channel_id: 'x', guild_id: 2 ** 60, user_id: null }, 'none', undefined]) {
    const script = new LvspScript().live()
    const request = script.session.request(LvspInfo.ChannelRequest, CHANNEL, script.now)
    script.take()
    script.info(1, 17, { in_reply_to: { type: 0, data }, code: LvspFailure.Draining, message: 'no' })
    assert.deepEqual(script.take(), [
      { kind: 'failed', request, failure: { code: LvspFailure.Draining, message: 'no' } },
    ])
  }
})

test('invalid data fails at once and is not sent', () => {
  const script = new LvspScript().live()
  const request = script.session.request(LvspInfo.ChannelRequest, { channel_id: 'general' }, script.now)
  script.session.command(LvspInfo.ChannelDestroy, { channel_id: '-1' })
  const [failed, refused, ...rest] = script.take()
  assert.ok(failed?.kind === 'failed' && refused?.kind === 'refused')
  assert.equal(failed.request, request)
  assert.equal(failed.failure.code, LvspFailure.InvalidData)
  assert.match(failed.failure.message, /^channel_id: expected a snowflake/)
  assert.deepEqual([refused.type, refused.failure.code], [LvspInfo.ChannelDestroy, LvspFailure.InvalidData])
  assert.deepEqual(rest, [])
  assert.equal(script.session.unsettled, 0)
})

test('a request without an answer fails after its timeout and is not sent again', () => {
  const script = new LvspScript({ requestTimeout: 3_000 }).live()
  const request = script.session.request(LvspInfo.ChannelRequest, CHANNEL, script.now)
  script.advance(2_999).take()
  script.advance(1)
  assert.deepEqual(script.take(), [
    { kind: 'failed', request, failure: { message: 'the node did not answer in 3000 ms' } },
  ])
  script.lose().again().ready()
  assert.deepEqual(script.types(), [])
})

test('requests made without a connection are sent in order once there is one', () => {
  const script = new LvspScript()
  script.session.request(LvspInfo.ChannelRequest, CHANNEL, script.now)
  script.session.command(LvspInfo.ChannelUpdate, { ...CHANNEL, channel_properties: { bitrate: 1 } })
  script.session.request(LvspInfo.VoiceStateCreate, USER, script.now)
  assert.deepEqual(script.types(), [])
  script.enter().ready()
  assert.deepEqual(script.types(), [0, 16, 3])
})

test('after a reconnect exactly the unsettled commands are sent again', () => {
  const script = new LvspScript().live()
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

test('an acknowledged heartbeat settles the commands sent before it', () => {
  const script = new LvspScript().live()
  script.session.command(LvspInfo.ChannelDestroy, { channel_id: '1' })
  script.advance(INTERVAL)
  script.session.command(LvspInfo.ChannelDestroy, { channel_id: '2' })
  script.receive({ op: 5, d: { health: 1 } })
  assert.equal(script.session.unsettled, 1)
  script.take()
  script.lose().again().ready()
  const again = script.sent().filter(({ op }) => op === 6)
  assert.deepEqual(again, [{ op: 6, d: { type: 2, data: { channel_id: '2' } } }])
})

test('the parts of a SYNC are sent again together', () => {
  const script = new LvspScript().live()
  script.session.command(LvspInfo.Sync, { channels: [], more: true }, { channels: [] })
  assert.deepEqual(script.types(), [21, 21])
  script.lose().again().ready()
  assert.deepEqual(script.types(), [21, 21])
})

test('closing right after a command reports it as refused only if it was never sent', () => {
  const live = new LvspScript().live()
  live.session.command(LvspInfo.ChannelDestroy, CHANNEL)
  live.session.close()
  assert.deepEqual(live.kinds(), ['send', 'close', 'closed'])
  const away = new LvspScript().live().lose()
  away.session.command(LvspInfo.ChannelDestroy, CHANNEL)
  away.session.close()
  assert.deepEqual(away.kinds(), ['disconnected', 'refused', 'closed'])
})

test('closing ends the connection and fails pending requests', () => {
  const script = new LvspScript().live()
  script.session.request(LvspInfo.ChannelRequest, CHANNEL, script.now)
  script.take()
  script.session.close()
  assert.deepEqual(script.kinds(), ['close', 'failed', 'closed'])
  assert.equal(script.session.deadline, Infinity)
})
