// Interpretation of INFO types in each dialect.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LvspCapability, LvspInfo } from '@parley/protocol'
import { type Agreement, commandOf, type Dialect, eventData, isAgreed, isLitecordCreate } from './dialect.ts'

const channel = { channel_id: '5', guild_id: '1' }
const user = { ...channel, user_id: '7' }
const properties = { ...channel, channel_properties: { bitrate: 64_000 } }

const rules: [type: number, data: unknown, spec: LvspInfo | undefined, litecord: LvspInfo | undefined][] = [
  [0, channel, LvspInfo.ChannelRequest, LvspInfo.ChannelRequest],
  [1, channel, undefined, undefined],
  [2, channel, LvspInfo.ChannelDestroy, LvspInfo.ChannelDestroy],
  [2, properties, LvspInfo.ChannelUpdate, LvspInfo.ChannelUpdate],
  [3, user, LvspInfo.VoiceStateCreate, LvspInfo.VoiceStateCreate],
  [3, channel, LvspInfo.ChannelDestroy, LvspInfo.ChannelDestroy],
  [3, { ...channel, user_id: null }, LvspInfo.ChannelDestroy, LvspInfo.ChannelDestroy],
  [4, user, LvspInfo.VoiceStateCreate, LvspInfo.VoiceStateCreate],
  [4, channel, undefined, undefined],
  [5, user, LvspInfo.VoiceStateDestroy, LvspInfo.VoiceStateUpdate],
  [6, user, LvspInfo.VoiceStateUpdate, LvspInfo.VoiceStateDestroy],
  [7, user, undefined, undefined],
  [15, user, undefined, undefined],
  [16, properties, LvspInfo.ChannelUpdate, LvspInfo.ChannelUpdate],
  [17, user, undefined, undefined],
  [18, user, undefined, undefined],
  [21, {}, LvspInfo.Sync, LvspInfo.Sync],
  [22, user, LvspInfo.TokenRefresh, LvspInfo.TokenRefresh],
  [23, {}, LvspInfo.Stats, LvspInfo.Stats],
  [24, {}, undefined, undefined],
  [-1, {}, undefined, undefined],
  [2 ** 40, {}, undefined, undefined],
]

for (const [type, data, spec, litecord] of rules)
  test(`type ${type} with ${Object.keys(data as object).join(', ') || 'nothing'} has the meaning of each dialect`, () => {
    assert.equal(commandOf('spec', type, data), spec)
    assert.equal(commandOf('litecord', type, data), litecord)
  })

test('data that is not an object is treated as a command without distinguishing fields', () => {
  for (const data of [undefined, null, 5, 'user_id', ['user_id'], true]) {
    assert.equal(commandOf('spec', 2, data), LvspInfo.ChannelDestroy)
    assert.equal(commandOf('spec', 3, data), LvspInfo.ChannelDestroy)
    assert.equal(commandOf('spec', 4, data), undefined)
  }
})

test('only a type 4 with user and channel identifies Litecord', () => {
  assert.ok(isLitecordCreate(4, user))
  assert.ok(!isLitecordCreate(4, channel))
  assert.ok(!isLitecordCreate(3, user))
  assert.ok(!isLitecordCreate(4, { user_id: '7', channel_id: null }))
})

const agreement = (dialect: Dialect, legacyAssign = false, capabilities: LvspCapability[] = []): Agreement => ({
  dialect,
  legacyAssign,
  capabilities: new Set(capabilities),
})

test('without capabilities only the types of the specification may be used', () => {
  const plain = agreement('spec')
  const allowed = Object.values(LvspInfo).filter(type => isAgreed(plain, type as never))
  assert.deepEqual(allowed, [0, 1, 2, 3, 4, 5, 6, 16])
})

test('each capability enables its own types', () => {
  const opened = (capability: LvspCapability) =>
    Object.values(LvspInfo).filter(type => type > 16 && isAgreed(agreement('spec', false, [capability]), type as never))
  assert.deepEqual(opened(LvspCapability.Failure), [17])
  assert.deepEqual(opened(LvspCapability.Events), [18, 19, 20])
  assert.deepEqual(opened(LvspCapability.Sync), [21])
  assert.deepEqual(opened(LvspCapability.UserToken), [22])
  assert.deepEqual(opened(LvspCapability.Stats), [23])
})

test('CHANNEL_ASSIGN is sent to Litecord only if it is patched', () => {
  assert.ok(!isAgreed(agreement('litecord'), LvspInfo.ChannelAssign))
  assert.ok(isAgreed(agreement('litecord', true), LvspInfo.ChannelAssign))
  assert.ok(isAgreed(agreement('litecord'), LvspInfo.VoiceStateDone))
})

test('the litecord dialect sends guild_id: null where the specification omits it', () => {
  const dm = { channel_id: '5', guild_id: undefined, token: 't' }
  assert.equal(JSON.stringify(eventData('spec', dm)), '{"channel_id":"5","token":"t"}')
  assert.deepEqual(eventData('litecord', dm), { channel_id: '5', guild_id: null, token: 't' })
  assert.deepEqual(eventData('litecord', { channel_id: '5', guild_id: '1' }), { channel_id: '5', guild_id: '1' })
})
