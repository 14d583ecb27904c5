// Restarts of nodes, of the bridge and of Spacebar, and what the database decides.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIMITS } from '../limits.ts'
import { BridgeScene, row, streaming } from '../testing/bridge-scene.ts'
import type { Verdict } from './snapshot.ts'

test('a restarted node gets everything again, and users without a session are sent a voice server update at once', () => {
  const scene = new BridgeScene()
  streaming(scene)
  scene.grantAll(true)
  scene.feed(() => scene.bridge.nodeLost('eu'))
  scene.story()
  scene.feed(() => scene.bridge.nodeReady('eu', { isSameSession: false }))
  assert.deepEqual(scene.story(), ['grant eu 7@500', 'grant eu 8@500', 'open eu', 'grant eu 7@777', 'grant eu 8@777'])
  for (const [channelId, userId] of [
    ['500', '7'],
    ['500', '8'],
    ['777', '7'],
  ] as const)
    scene.feed(now => scene.bridge.granted('eu', channelId, userId, false, now))
  scene.advance(LIMITS.publishStep)
  assert.deepEqual(scene.story(), ['publish 7', 'publish 8', 'publish 7'])
})

test('without a database, users who joined before the bridge started are removed when they leave, also after a mute', () => {
  const scene = new BridgeScene({ nodes: [{ name: 'eu', endpoint: 'eu.example:443' }] })
  scene.story()
  scene.state('7', null)
  assert.deepEqual(scene.story(), ['removeFromGuild 7'])
  scene.state('8', '500', { self_mute: true })
  scene.state('8', null)
  assert.deepEqual(scene.story(), ['removeFromGuild 8'])
})

test('a reconnect within the session repeats only what was not answered', () => {
  const scene = new BridgeScene()
  scene.join('7', '500')
  scene.grantAll(true)
  scene.feed(() => scene.bridge.nodeLost('eu'))
  scene.join('8', '500')
  scene.story()
  scene.feed(() => scene.bridge.nodeReady('eu', { isSameSession: true }))
  assert.deepEqual(scene.story(), ['grant eu 8@500'])
})

test('a node that refuses a seat is asked again until it grants it, and the user is then notified', () => {
  for (const hasDatabase of [false, true]) {
    const scene = new BridgeScene({ hasDatabase })
    const commands = () => scene.story().filter(line => line !== 'reconcile')
    const refuse = () => scene.feed(now => scene.bridge.grantFailed('eu', '500', '7', 'DRAINING', now))
    scene.join('7', '500')
    scene.join('8', '500')
    scene.feed(now => scene.bridge.granted('eu', '500', '8', true, now))
    refuse()
    assert.deepEqual(scene.reasons(), ['DRAINING'])
    commands()
    scene.advance(LIMITS.refusedRetry - 1)
    assert.deepEqual(commands(), [])
    scene.advance(1)
    assert.deepEqual(scene.of('grant')[0]?.token, 't7')
    assert.deepEqual(commands(), ['grant eu 7@500'])
    refuse()
    assert.deepEqual(scene.reasons(), [], 'the same refusal is noted once')
    scene.advance(LIMITS.refusedRetry)
    assert.deepEqual(commands(), ['grant eu 7@500'])
    scene.feed(now => scene.bridge.granted('eu', '500', '7', false, now))
    scene.advance(LIMITS.publishDelay)
    assert.deepEqual(commands(), ['publish 7'])
    scene.advance(LIMITS.refusedRetry)
    assert.deepEqual(commands(), [])
  }
})

test('the refused channel of a stream is created again with its seats, and a node that is away is not asked', () => {
  const scene = new BridgeScene()
  streaming(scene)
  scene.feed(now => scene.bridge.granted('eu', '500', '7', true, now))
  scene.feed(now => scene.bridge.granted('eu', '500', '8', true, now))
  for (const userId of ['7', '8'])
    scene.feed(now => scene.bridge.grantFailed('eu', '777', userId, 'TOO_MANY_CHANNELS', now))
  scene.story()
  scene.advance(LIMITS.refusedRetry)
  assert.deepEqual(scene.story(), ['open eu', 'grant eu 7@777', 'grant eu 8@777'])
  scene.feed(now => scene.bridge.grantFailed('eu', '777', '7', 'TOO_MANY_CHANNELS', now))
  scene.feed(() => scene.bridge.nodeLost('eu'))
  scene.advance(LIMITS.refusedRetry)
  assert.deepEqual(scene.story(), [])
})

test('a user whose node was away when it joined is notified if it did not connect', () => {
  const scene = new BridgeScene()
  scene.feed(() => scene.bridge.nodeLost('eu'))
  scene.join('7', '500')
  scene.feed(() => scene.bridge.nodeReady('eu', { isSameSession: true }))
  scene.grantAll(false)
  scene.story()
  scene.advance(LIMITS.publishDelay)
  assert.deepEqual(scene.story(), ['publish 7'])
})

test('publishing after a restart is spread over time', () => {
  const scene = new BridgeScene()
  for (let id = 1; id <= 100; id++) scene.join(String(id), '500')
  scene.grantAll(true)
  scene.feed(() => scene.bridge.nodeReady('eu', { isSameSession: false }))
  for (let id = 1; id <= 100; id++) scene.feed(now => scene.bridge.granted('eu', '500', String(id), false, now))
  scene.feed(now => scene.bridge.tick(now))
  assert.equal(scene.of('publish').length, LIMITS.publishBatch)
  scene.advance(LIMITS.publishStep * 3)
  assert.equal(scene.of('publish').length, 100)
})

test('a library that lost its voice server and asks again is answered', () => {
  const scene = new BridgeScene()
  scene.join('7', '500')
  scene.grantAll(true)
  scene.feed(() => scene.bridge.userDisconnected('eu', '500', '7', false))
  scene.story()
  scene.state('7', '500')
  scene.advance(0)
  assert.deepEqual(scene.story(), ['publish 7'])
})

test('a second login is looked up in the database, and its new token granted', () => {
  const scene = new BridgeScene({ hasDatabase: true })
  scene.join('7', '500')
  scene.grantAll(true)
  scene.story()
  scene.state('7', '500', { session_id: 'OTHER' })
  assert.deepEqual(scene.story(), ['readUser 7'])
  const other = row('7', { sessionId: 'OTHER', token: 'new' })
  scene.now += 1
  scene.feed(now => scene.bridge.userRead('7', other, now))
  assert.deepEqual(
    scene.of('grant').map(({ token, sessionId }) => [token, sessionId]),
    [['new', 'OTHER']],
  )
  scene.grantAll(true)
  scene.advance(0)
  assert.deepEqual(
    scene.of('publish').map(({ data }) => data.token),
    ['new'],
  )
})

test('a row that is not written yet, or that of the login before, ends no call: it is read again', () => {
  for (const early of [undefined, row('7')]) {
    const scene = new BridgeScene({ hasDatabase: true })
    scene.join('7', '500')
    scene.grantAll(true)
    scene.now += 10_000
    scene.state('7', '500', { session_id: 'OTHER' })
    scene.story()
    scene.feed(now => scene.bridge.userRead('7', early, now))
    assert.deepEqual(scene.story(), [])
    scene.advance(LIMITS.tokenWait)
    assert.ok(scene.story().includes('readUser 7'))
    scene.feed(now => scene.bridge.userRead('7', row('7', { sessionId: 'OTHER', token: 'new' }), now))
    assert.deepEqual(
      scene.of('grant').map(({ token }) => token),
      ['new'],
    )
  }
})

test('a user whose row is gone, long after the last event, leaves at once', () => {
  const scene = new BridgeScene({ hasDatabase: true })
  scene.join('7', '500')
  scene.story()
  scene.now += LIMITS.settleTime
  scene.feed(now => scene.bridge.userRead('7', undefined, now))
  assert.deepEqual(scene.story(), ['remove eu 7@500', 'close eu 500'])
})

test('the first snapshot restores calls, then SYNCs with a grace; users in a session are not disturbed', () => {
  const scene = new BridgeScene({ hasDatabase: true })
  scene.story()
  scene.now += 1_000
  scene.feed(now => scene.bridge.snapshot({ voiceStates: [row('7'), row('8')], streamSessions: [] }, now, now))
  assert.deepEqual(scene.of('sync')[0], {
    kind: 'sync',
    node: 'eu',
    channels: [{ guildId: '100', channelId: '500', userIds: ['7', '8'] }],
    grace: LIMITS.absenceGrace / 1_000,
  })
  scene.feed(now => scene.bridge.granted('eu', '500', '7', true, now))
  scene.feed(now => scene.bridge.granted('eu', '500', '8', false, now))
  scene.advance(LIMITS.publishDelay)
  assert.deepEqual(
    scene.of('publish').map(({ userId }) => userId),
    ['8'],
  )
})

test('a moderator’s mute that the bus did not deliver reaches the node with the next snapshot', () => {
  const scene = new BridgeScene({ hasDatabase: true })
  scene.join('7', '500')
  scene.grantAll(true)
  scene.story()
  scene.now += LIMITS.settleTime + 1
  const muted = row('7', { restrictions: { mute: true, deaf: false, suppress: false } })
  for (let round = 0; round < 2; round++)
    scene.feed(now => scene.bridge.snapshot({ voiceStates: [muted], streamSessions: [] }, now, now))
  assert.deepEqual(scene.of('restrict'), [
    {
      kind: 'restrict',
      node: 'eu',
      seat: { guildId: '100', channelId: '500', userId: '7' },
      restrictions: muted.restrictions,
    },
  ])
})

test('a truncated table ends calls only after the grace, and users who come back stay', () => {
  const scene = new BridgeScene({ hasDatabase: true })
  const empty = { voiceStates: [], streamSessions: [] }
  scene.join('7', '500')
  scene.join('8', '500')
  scene.now += 5_000
  scene.feed(now => scene.bridge.snapshot(empty, now, now))
  scene.join('7', '500', { token: 'new' })
  scene.story()
  scene.now += LIMITS.absenceGrace - 1
  scene.feed(now => scene.bridge.snapshot(empty, now - 10_000, now))
  assert.deepEqual(scene.story(), [])
  scene.now += 1
  scene.feed(now => scene.bridge.snapshot({ ...empty, voiceStates: [row('7', { token: 'new' })] }, now, now))
  assert.deepEqual(scene.story(), ['remove eu 8@500'])
})

test('a snapshot that is older than an event about a user does not change that user', () => {
  const scene = new BridgeScene({ hasDatabase: true })
  scene.join('7', '500')
  scene.state('7', null)
  scene.story()
  scene.feed(now => scene.bridge.snapshot({ voiceStates: [row('7')], streamSessions: [] }, now - 1, now))
  assert.equal(scene.bridge.size, 1)
  assert.deepEqual(
    scene.story().filter(line => line.startsWith('grant')),
    [],
  )
})

test('the row of a user who was kicked is not restored', () => {
  const scene = new BridgeScene({ hasDatabase: true })
  scene.now += 5_000
  const voiceStates = [row('7', { isMember: false })]
  scene.feed(now => scene.bridge.snapshot({ voiceStates, streamSessions: [] }, now, now))
  assert.deepEqual(scene.of('grant'), [])
})

const decide = (verdict: Verdict) => {
  const scene = new BridgeScene({ hasDatabase: true, checksPermissions: true })
  scene.join('7', '500')
  assert.deepEqual(
    scene.story().filter(line => !line.startsWith('reconcile')),
    ['authorize 7'],
  )
  scene.feed(now => scene.bridge.authorized('7', { guildId: '100', channelId: '500' }, verdict, now))
  return scene
}

test('with permission checks, a user is admitted only after the database has allowed it', () => {
  assert.deepEqual(decide({ kind: 'allowed' }).story(), ['grant eu 7@500'])
  assert.deepEqual(decide({ kind: 'denied', reason: 'may not connect' }).story(), [])
  assert.deepEqual(decide({ kind: 'unknown' }).reasons(), ['the database is away'])
})

test('a user for whom the database took long, so that the node refused its Identify, is sent a voice server update', () => {
  for (const [wait, published] of [
    [LIMITS.slowAdmission, []],
    [LIMITS.slowAdmission + 1, ['7']],
  ] as const) {
    const scene = new BridgeScene({ hasDatabase: true, checksPermissions: true })
    scene.join('7', '500')
    scene.now += wait
    const place = { guildId: '100', channelId: '500' }
    scene.feed(now => scene.bridge.authorized('7', place, { kind: 'allowed' }, now))
    scene.grantAll(false)
    scene.advance(LIMITS.publishDelay)
    assert.deepEqual(
      scene.of('publish').map(({ userId }) => userId),
      published,
    )
  }
})

test('a full channel refuses the next user, who leaves and may try again', () => {
  const scene = decide({ kind: 'allowed', userLimit: 1 })
  scene.join('8', '500')
  scene.feed(now =>
    scene.bridge.authorized('8', { guildId: '100', channelId: '500' }, { kind: 'allowed', userLimit: 1 }, now),
  )
  assert.deepEqual(scene.reasons(), ['the channel is full'])
  scene.state('7', null)
  scene.join('8', '500')
  scene.story()
  scene.feed(now =>
    scene.bridge.authorized('8', { guildId: '100', channelId: '500' }, { kind: 'allowed', userLimit: 1 }, now),
  )
  assert.deepEqual(scene.story(), ['grant eu 8@500'])
})

test('a decision about the place before a move admits no user', () => {
  const scene = new BridgeScene({ hasDatabase: true, checksPermissions: true })
  scene.join('7', '500')
  scene.state('7', '501')
  scene.feed(now => scene.bridge.authorized('7', { guildId: '100', channelId: '500' }, { kind: 'allowed' }, now))
  assert.deepEqual(scene.of('grant'), [])
})
