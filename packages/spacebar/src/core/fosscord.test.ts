// The events of Fosscord, where they differ from Spacebar's: read in its source.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIMITS } from '../limits.ts'
import { BridgeScene, ENDPOINT, KEY } from '../testing/bridge-scene.ts'
import { mayConcernVoice } from './events.ts'

/** Envelopes name the guild, or the channel of a call, but not the user. */
class Fosscord extends BridgeScene {
  publish(userId: string, channelId: string | null, extra: object = {}): void {
    const state = { user_id: userId, guild_id: '100', channel_id: channelId, session_id: `S${userId}` }
    this.bus('VOICE_STATE_UPDATE', { ...state, member: {}, connected_at: 1, ...extra }, { guild_id: '100' })
  }
}

test('a member joins, is muted by a moderator and leaves, without its id in the envelope', () => {
  const scene = new Fosscord()
  scene.publish('7', '500')
  scene.server('7')
  scene.publish('7', '500', { mute: true })
  scene.publish('7', null)
  assert.deepEqual(scene.story(), ['grant eu 7@500', 'restrict eu 7@500', 'remove eu 7@500', 'close eu 500'])
})

test('a moderator moves a member, whose token changes, and disconnects it', () => {
  const scene = new Fosscord()
  scene.publish('7', '500')
  scene.server('7')
  scene.publish('7', '501')
  scene.server('7', { token: 'other' })
  assert.deepEqual(
    scene.of('grant').map(({ seat, token }) => [seat.channelId, token]),
    [
      ['500', 't7'],
      ['501', 'other'],
    ],
  )
  scene.grantAll(false)
  scene.advance(LIMITS.publishDelay)
  assert.deepEqual(
    scene.of('publish').map(({ data }) => data.token),
    ['other'],
  )
  scene.story()
  scene.publish('7', null)
  assert.deepEqual(scene.story(), ['remove eu 7@501', 'close eu 501'])
})

test('a second login is sent its token, and takes the seat over without the database', () => {
  const scene = new Fosscord()
  scene.publish('7', '500')
  scene.server('7')
  scene.grantAll(true)
  scene.publish('7', '500', { session_id: 'OTHER' })
  scene.server('7', { token: 'other' })
  assert.deepEqual(
    scene.of('grant').map(({ sessionId, token }) => [sessionId, token]),
    [
      ['S7', 't7'],
      ['OTHER', 'other'],
    ],
  )
})

test('a call without a guild is left with its channel in the envelope', () => {
  const scene = new Fosscord()
  const state = { user_id: '7', guild_id: null, session_id: 'S7' }
  scene.bus('VOICE_STATE_UPDATE', { ...state, channel_id: '900' }, { channel_id: '900' })
  scene.server('7', { guild_id: null, channel_id: '900', endpoint: ENDPOINT })
  scene.bus('VOICE_STATE_UPDATE', { ...state, channel_id: null }, { channel_id: '900' })
  assert.deepEqual(scene.story(), ['grant eu 7@900', 'remove eu 7@900', 'close eu 900'])
})

test('a stream has a channel id besides its server id, and a move of its owner ends it', () => {
  const scene = new Fosscord()
  const created = { stream_key: KEY, rtc_server_id: '777', rtc_channel_id: '776', viewer_ids: [] }
  scene.publish('7', '500')
  scene.server('7')
  scene.bus('STREAM_CREATE', created, { user_id: '7' })
  scene.bus('STREAM_SERVER_UPDATE', { stream_key: KEY, token: 'own', endpoint: ENDPOINT }, { user_id: '7' })
  assert.equal(scene.of('grant')[1]?.seat.channelId, '777')
  scene.publish('7', '501', { self_stream: false })
  assert.ok(scene.story().includes('close eu 777'))
})

test('its invalidations of caches, one for each change of a channel, are dropped unparsed', () => {
  const data = { guild_id: '100' }
  const envelope = { event: 'SB_GUILD_CACHE_INVALIDATE', channel_id: 'sb-guild-cache', data }
  assert.equal(mayConcernVoice(JSON.stringify({ id: 'sb-guild-cache', event: envelope })), false)
})
