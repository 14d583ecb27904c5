import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIMITS } from '../limits.ts'
import { BridgeScene, ENDPOINT, KEY, streaming } from '../testing/bridge-scene.ts'

test('a voice state alone admits no user: the token that follows does', () => {
  const scene = new BridgeScene()
  scene.state('7', '500')
  assert.deepEqual(scene.story(), [])
  scene.server('7')
  const [grant] = scene.of('grant')
  assert.deepEqual(
    [grant?.node, grant?.sessionId, grant?.token, grant?.seat],
    ['eu', 'S7', 't7', { guildId: '100', channelId: '500', userId: '7' }],
  )
})

test('a token that does not follow expires the voice state', () => {
  const scene = new BridgeScene()
  scene.state('7', '500')
  scene.advance(LIMITS.tokenWait)
  assert.equal(scene.bridge.size, 0)
})

test('a mute is no second join, and a moderator’s mute reaches the node', () => {
  const scene = new BridgeScene()
  scene.join('7', '500')
  scene.story()
  scene.state('7', '500', { self_mute: true })
  assert.deepEqual(scene.story(), [])
  scene.state('7', '500', { mute: true })
  assert.deepEqual(scene.story(), ['restrict eu 7@500'])
})

test('a move ends the old place with the voice state, before the token arrives', () => {
  const scene = new BridgeScene()
  scene.join('7', '500')
  scene.join('8', '500')
  scene.story()
  scene.state('7', '501')
  assert.deepEqual(scene.story(), ['remove eu 7@500'])
  scene.server('7')
  assert.deepEqual(scene.story(), ['grant eu 7@501'])
})

test('a moved user who does not connect within the delay is sent a voice server update', () => {
  const scene = new BridgeScene()
  scene.join('7', '500')
  scene.join('7', '501')
  scene.grantAll(false)
  scene.story()
  scene.advance(LIMITS.publishDelay - 1)
  assert.deepEqual(scene.story(), [])
  scene.advance(1)
  const [published] = scene.of('publish')
  assert.deepEqual(published, {
    kind: 'publish',
    userId: '7',
    event: 'VOICE_SERVER_UPDATE',
    data: { token: 't7', endpoint: ENDPOINT, guild_id: '100' },
  })
})

test('a leave without a guild ends the known place, and its empty channel is closed', () => {
  const scene = new BridgeScene()
  scene.join('7', '500')
  scene.story()
  scene.state('7', null, {}, null)
  assert.deepEqual(scene.story(), ['remove eu 7@500', 'close eu 500'])
  assert.equal(scene.bridge.size, 0)
})

test('a leave of another guild is late and ends nothing', () => {
  const scene = new BridgeScene()
  scene.join('7', '500')
  scene.story()
  scene.state('7', null, {}, '200')
  assert.deepEqual(scene.story(), [])
})

test('a stranger is refused, also if a token follows, and leaves its previous channel', () => {
  const scene = new BridgeScene()
  scene.join('7', '500')
  scene.story()
  scene.state('7', '600', { member: undefined })
  scene.server('7')
  assert.deepEqual(scene.reasons(), ['not a member'])
  assert.deepEqual(scene.story(), ['remove eu 7@500', 'close eu 500'])
})

test('a kick and a ban end the call, a GUILD_DELETE to another user does not', () => {
  for (const event of ['GUILD_MEMBER_REMOVE', 'GUILD_BAN_ADD']) {
    const scene = new BridgeScene()
    scene.join('7', '500')
    scene.join('8', '500')
    scene.story()
    scene.bus('GUILD_DELETE', { id: '100' }, { user_id: '9' })
    assert.deepEqual(scene.story(), ['removeFromGuild 9', 'removeFromGuild 9'])
    scene.bus(event, { guild_id: '100', user: { id: '7' } }, { guild_id: '100' })
    assert.deepEqual(scene.story(), ['remove eu 7@500'])
  }
})

test('a deleted channel and a deleted guild close their calls', () => {
  const scene = new BridgeScene({ hasDatabase: true })
  scene.join('7', '500')
  scene.join('8', '501')
  scene.story()
  scene.bus('CHANNEL_DELETE', { id: '500', guild_id: '100', type: 2 }, { channel_id: '500' })
  assert.deepEqual(scene.story(), ['close eu 500'])
  scene.bus('GUILD_DELETE', { id: '100' }, { guild_id: '100' })
  assert.deepEqual(scene.story(), ['close eu 501'])
  assert.equal(scene.bridge.size, 0)
})

test('a call without a guild is its channel; removal from another group does not end it', () => {
  const scene = new BridgeScene({ hasDatabase: true })
  scene.state('7', '900', { member: undefined }, null)
  scene.server('7', { guild_id: null, channel_id: '900' })
  assert.deepEqual(scene.of('grant')[0]?.seat, { guildId: undefined, channelId: '900', userId: '7' })
  scene.story()
  scene.bus('CHANNEL_DELETE', { id: '901' }, { user_id: '7' })
  assert.deepEqual(scene.story(), [])
  scene.bus('CHANNEL_DELETE', { id: '900' }, { user_id: '7' })
  assert.deepEqual(scene.story(), ['remove eu 7@900', 'close eu 900'])
})

test('the endpoint names the node; an unknown one admits no user and is noted once', () => {
  const scene = new BridgeScene()
  scene.join('7', '500', { endpoint: 'wss://US.example:8443/' })
  assert.equal(scene.of('grant')[0]?.node, 'us')
  scene.join('8', '500', { endpoint: 'other.example:1' })
  scene.join('9', '500', { endpoint: 'other.example:1' })
  assert.equal(scene.of('grant').length, 1)
  assert.equal(scene.of('note').filter(({ note }) => note.event === 'bridge.unknown_endpoint').length, 1)
})

test('a stream is a channel of its own with its owner and its viewers', () => {
  const scene = new BridgeScene()
  streaming(scene)
  assert.deepEqual(scene.of('open')[0], { kind: 'open', node: 'eu', channelId: '777', ownerId: '7' })
  assert.deepEqual(
    scene.of('grant').map(({ seat, token, sessionId }) => [seat.userId, seat.channelId, token, sessionId]),
    [
      ['7', '500', 't7', 'S7'],
      ['8', '500', 't8', 'S8'],
      ['7', '777', 'own', 'S7'],
      ['8', '777', 'view', 'S8'],
    ],
  )
})

test('a stream ends when its owner stops, leaves, moves, or its channel goes; a viewer ends only the viewing', () => {
  const ends: ((scene: BridgeScene) => void)[] = [
    scene => scene.state('7', '500', { self_stream: false }),
    scene => scene.bus('STREAM_DELETE', { stream_key: KEY }, { guild_id: '100', channel_id: '500' }),
    scene => scene.state('7', null),
    scene => scene.state('7', '501'),
    scene => scene.bus('CHANNEL_DELETE', { id: '500' }, { channel_id: '500' }),
  ]
  for (const end of ends) {
    const scene = new BridgeScene()
    streaming(scene)
    scene.story()
    scene.bus('STREAM_DELETE', { stream_key: KEY }, { user_id: '8' })
    assert.deepEqual(scene.story(), ['remove eu 8@777'])
    end(scene)
    assert.ok(scene.story().includes('close eu 777'), String(end))
  }
})

test('a user outside the call may not watch its stream', () => {
  const scene = new BridgeScene()
  streaming(scene)
  scene.story()
  scene.bus('STREAM_SERVER_UPDATE', { stream_key: KEY, token: 'x', endpoint: ENDPOINT }, { user_id: '9' })
  assert.deepEqual(scene.story(), [])
})
