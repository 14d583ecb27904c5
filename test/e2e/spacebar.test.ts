// The bridge to Spacebar with real processes: `parley serve`, `parley bridge spacebar`, a stand-in of Spacebar's bus over real
// sockets, and bots on @discordjs/voice.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VoiceConnectionStatus } from '@discordjs/voice'
import { frameOf } from '../../packages/spacebar/src/bus/frames.ts'
import { GUILD, haveEqualCodes, hear, SpacebarScene } from './spacebar-scene.ts'
import { until } from './until.ts'

const TIMEOUT = { timeout: 240_000 }

test(
  'bots join, hear each other with equal privacy codes, move together, and a kick ends the call of one',
  TIMEOUT,
  async t => {
    const scene = await SpacebarScene.open(t)
    const [ana, ben] = await scene.bots('500')
    ben.listenTo('1')
    await haveEqualCodes([ana, ben])
    await hear(ana, ben)

    await Promise.all([ana, ben].map(bot => scene.spacebar.join(bot, '100', '501')))
    await Promise.all([ana.ready(), ben.ready()])
    await haveEqualCodes([ana, ben])
    await hear(ana, ben)

    await scene.spacebar.kick('100', '2')
    await ben.disconnected()
    assert.equal(ana.status, VoiceConnectionStatus.Ready)
  },
)

test('a stranger is refused, a member who leaves and joins again is not', TIMEOUT, async t => {
  const scene = await SpacebarScene.open(t)
  const [ana] = await scene.bots('500')
  const stranger = scene.bot('9', { isStranger: true })
  stranger.knock('100', '500')
  await scene.node.bridge.says(/bridge\.refused/)
  await scene.spacebar.leave('1')
  await ana.disconnected()
  await ana.join('100', '500')
  assert.notEqual(stranger.status, VoiceConnectionStatus.Ready)
})

test('after a restart of the node its users come back by themselves', TIMEOUT, async t => {
  const scene = await SpacebarScene.open(t)
  const [ana, ben] = await scene.bots('500')
  await scene.node.killNode()
  await until('both to lose the call', () => [ana, ben].every(bot => bot.status !== VoiceConnectionStatus.Ready))
  await scene.node.startNode()
  await Promise.all([ana.ready(), ben.ready()])
  ben.listenTo('1')
  await hear(ana, ben)
  assert.deepEqual([...new Set(scene.spacebar.published)].sort(), ['VOICE_SERVER_UPDATE 1', 'VOICE_SERVER_UPDATE 2'])
})

test('a draining node refuses a new user, who is admitted with the others when the node is back', TIMEOUT, async t => {
  const scene = await SpacebarScene.open(t)
  const bots = await scene.bots('500')
  const late = scene.bot('3')
  scene.node.node.signal('SIGTERM')
  await scene.node.node.says(/node\.draining/)
  late.knock(GUILD, '501')
  await scene.node.bridge.says(/"user":"3".*bridge\.node_refused/)
  await scene.node.node.exit
  await scene.node.startNode()
  await Promise.all([...bots, late].map(bot => bot.ready()))
})

test('a killed bridge is not noticed in the call, and its successor ends what ends', TIMEOUT, async t => {
  const scene = await SpacebarScene.open(t)
  const [ana, ben] = await scene.bots('500')
  ben.listenTo('1')
  await scene.node.killBridge()
  await scene.node.startBridge()
  await hear(ana, ben)
  assert.deepEqual([ana.status, ben.status], [VoiceConnectionStatus.Ready, VoiceConnectionStatus.Ready])
  await scene.spacebar.leave('2')
  await ben.disconnected()
  await scene.spacebar.deleteChannel('100', '500')
  await until('the call to end', () => ana.status !== VoiceConnectionStatus.Ready)
})

test('a bridge that stands still for longer than a join takes admits the users afterwards', TIMEOUT, async t => {
  const scene = await SpacebarScene.open(t)
  const ana = scene.bot('1')
  scene.node.bridge.signal('SIGSTOP')
  ana.knock('100', '500')
  await new Promise(resolve => setTimeout(resolve, 1_200))
  scene.node.bridge.signal('SIGCONT')
  await ana.ready()
})

test('garbage and foreign messages on the bus do not disturb it', TIMEOUT, async t => {
  const scene = await SpacebarScene.open(t)
  await scene.spacebar.bus.write(Buffer.from('GET / HTTP/1.1\r\n\r\n'))
  await scene.spacebar.bus.write(Buffer.from([0, 0, 0, 5, 1, 2, 3, 4, 5]))
  await scene.spacebar.emit('VOICE_STATE_UPDATE', { user_id: 5, guild_id: {}, channel_id: [] }, { user_id: '5' })
  await scene.spacebar.emit('MESSAGE_CREATE', { content: '"event":"VOICE_STATE_UPDATE"' }, { channel_id: '4' })
  await scene.bots('500')
})

test('a second bridge refuses to start, and --check finds the bus and the node in order', TIMEOUT, async t => {
  const scene = await SpacebarScene.open(t)
  const second = scene.node.command()
  assert.equal(await second.exit, 2)
  assert.match(second.stderr, /in use by another bridge/)
  const check = scene.node.command(['--check'])
  assert.equal(await check.exit, 0, check.stdout + check.stderr)
  assert.match(check.stdout, /^ok +bus: /m)
  assert.match(check.stdout, /^ok +node .*: LVSP accepts the secret$/m)
  assert.match(check.stdout, /^ok +node .*: the certificate at .* names 127\.0\.0\.1$/m)
})

test(
  'a kick, a ban, a leave as clients leave, a lost gateway, a deleted channel and a deleted guild end calls',
  TIMEOUT,
  async t => {
    const scene = await SpacebarScene.open(t)
    const { spacebar } = scene
    const ends: [what: string, end: (userId: string) => Promise<void>][] = [
      ['a kick', userId => spacebar.kick(GUILD, userId)],
      ['a ban', userId => spacebar.ban(GUILD, userId)],
      ['a leave', userId => spacebar.leave(userId, { isClient: true })],
      ['a lost gateway', userId => spacebar.dropGateway(userId)],
    ]
    const stays = await scene.enter('1', GUILD, '500')
    for (const [index, [what, end]] of ends.entries()) {
      const userId = String(10 + index)
      const client = await scene.enter(userId, GUILD, '500')
      await end(userId)
      await until(`the end of the call by ${what}`, () => client.state === 'closed')
    }
    assert.equal(stays.state, 'live')
    const other = await scene.enter('2', GUILD, '501')
    await spacebar.deleteChannel(GUILD, '500')
    await until('the end of the deleted channel', () => stays.state === 'closed')
    assert.equal(other.state, 'live')
    await spacebar.deleteGuild(GUILD)
    await until('the end of the calls of the deleted guild', () => other.state === 'closed')
  },
)

test('a stream is a call of its own that ends with its owner, and a DM call has no guild', TIMEOUT, async t => {
  const scene = await SpacebarScene.open(t)
  const { spacebar } = scene
  for (const [index, end] of [
    (key: string) => spacebar.stopStream('1', key),
    () => spacebar.leave('1'),
    () => spacebar.dropGateway('1'),
  ].entries()) {
    const owner = await scene.enter('1', GUILD, '500')
    const viewer = await scene.enter('2', GUILD, '500')
    const stream = await spacebar.startStream('1')
    const { token } = await spacebar.watchStream('2', stream)
    const { serverId } = stream
    const streaming = await scene.identify('1', serverId, serverId, stream.token)
    const watching = await scene.identify('2', serverId, serverId, token)
    await until('the viewer to see the owner', () => watching.members.get('1') !== undefined)
    await end(stream.key)
    await until('the end of the stream', () => streaming.state === 'closed' && watching.state === 'closed')
    assert.equal(viewer.state, 'live', `end ${index}`)
    await Promise.all([spacebar.leave('1'), spacebar.leave('2')])
    await until('the end of the call', () => owner.state === 'closed' && viewer.state === 'closed')
  }
  const first = await scene.enter('3', null, '900')
  const second = await scene.enter('4', null, '900')
  await until('both to see each other', () => first.members.size === 1 && second.members.size === 1)
  await spacebar.leave('4', { isClient: true })
  await until('the end for the one who left', () => second.state === 'closed')
  assert.equal(first.state, 'live')
})

test('20,000 foreign messages a second do not delay joins', TIMEOUT, async t => {
  const scene = await SpacebarScene.open(t)
  const content = 'x'.repeat(300)
  const data = { id: '1', channel_id: '4', guild_id: '100', content, author: { id: '5', username: 'user' } }
  const message = frameOf({ id: '4', event: { event: 'MESSAGE_CREATE', data, channel_id: '4' } })
  const hundredth = Buffer.concat(Array.from({ length: 200 }, () => message))
  let isOver = false
  let sent = 0
  const flood = (async () => {
    const startedAt = performance.now()
    while (!isOver) {
      for (const due = ((performance.now() - startedAt) / 1_000) * 20_000; sent < due; sent += 200) {
        await scene.spacebar.bus.write(hundredth)
      }
      await new Promise(resolve => setTimeout(resolve, 10))
    }
    return sent / ((performance.now() - startedAt) / 1_000)
  })()
  const delays: number[] = []
  for (let userId = 1; userId <= 40; userId++) {
    const startedAt = performance.now()
    await scene.enter(String(userId), GUILD, '500')
    delays.push(performance.now() - startedAt)
  }
  await until('a second of messages', () => sent >= 20_000)
  isOver = true
  t.diagnostic(`${(await flood).toFixed(0)} messages a second; slowest join ${Math.max(...delays).toFixed(0)} ms`)
  assert.ok(Math.max(...delays) < 3_000, 'each user joins within the time that a node holds an Identify')
})
