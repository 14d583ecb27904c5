// A fleet against scripted nodes: what each node is sent while channels move, have no node, and end.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { ScriptedNode } from '../testing/scripted-node.ts'
import { Fleet } from './fleet.ts'
import type { FleetEvents } from './fleet-events.ts'

const CHANNEL = { guildId: '100', channelId: '500' }
const USER = { ...CHANNEL, userId: '7' }
const [MUTE, KICK, END] = ['VoiceStateUpdate 7', 'VoiceStateDestroy 7', 'ChannelDestroy 500']

interface Options {
  lossGrace?: number
  requestTimeout?: number
}

/** A fleet of two nodes, with a channel and its user on node a. Node b refuses channels. */
async function scene(context: TestContext, { lossGrace = 60_000, requestTimeout = 60_000 }: Options = {}) {
  const [a, b] = [await ScriptedNode.start(), await ScriptedNode.start()]
  const nodes = Object.entries({ a, b }).map(([name, { url }]) => {
    return { name, region: name, url, secret: 'secret', requestTimeout, random: () => 0 }
  })
  const fleet = new Fleet({ nodes, lossGrace })
  context.after(async () => {
    await fleet.close()
    await Promise.all([a.stop(), b.stop()])
  })
  const next = <E extends keyof FleetEvents>(event: E) =>
    new Promise<FleetEvents[E]>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`expected the event ${event}`)), 10_000)
      const listener = (argument: FleetEvents[E]) => {
        clearTimeout(late)
        fleet.off(event, listener)
        resolve(argument)
      }
      fleet.on(event, listener)
    })
  void fleet.connect()
  for (const _ of nodes) await next('nodeConnected')
  b.channels = 'refuse'
  await fleet.channelFor(CHANNEL, { region: 'a' })
  await fleet.createVoiceState(USER)
  a.take()
  return { a, b, fleet, next }
}

/** The same, but node a drains, and its channel is stranded. */
async function stranded(context: TestContext, options?: Options) {
  const made = await scene(context, options)
  const event = made.next('stranded')
  made.a.drain('500')
  assert.deepEqual(await event, { ...CHANNEL, from: 'a' })
  made.b.take()
  return made
}

test('a stranded channel is muted, kicked from and ended on the node where its calls go on', async context => {
  const { a, b, fleet } = await stranded(context)
  fleet.updateVoiceState(USER, { mute: true })
  fleet.destroyVoiceState(USER)
  fleet.updateChannel(CHANNEL, { bitrate: 32_000 })
  fleet.destroyChannel(CHANNEL)
  await a.sees(END)
  assert.deepEqual(a.take(), [MUTE, KICK, 'ChannelUpdate 500', END])
  assert.deepEqual(b.take(), [])
})

test('a user that joins another channel of the guild leaves the stranded one', async context => {
  const { a, b, fleet } = await stranded(context)
  b.channels = 'accept'
  await fleet.createVoiceState({ ...USER, channelId: '501' })
  await a.sees(KICK)
})

test('a user that is kicked while its channel moves is kicked from the node that it leaves, and not announced', async context => {
  const { a, b, fleet, next } = await scene(context)
  await fleet.createVoiceState({ ...USER, userId: '8' })
  a.take()
  b.channels = 'later'
  a.drain('500')
  await b.sees('ChannelRequest 500')
  fleet.updateVoiceState(USER, { mute: true })
  fleet.destroyVoiceState(USER)
  await a.sees(KICK)
  assert.deepEqual(a.take(), [MUTE, KICK])
  const moved = next('moved')
  b.answer()
  const { channel, voiceStates } = await moved
  assert.equal(channel.node, 'b')
  assert.deepEqual(
    voiceStates.map(({ userId }) => userId),
    ['8'],
  )
  assert.deepEqual(b.take(), ['ChannelRequest 500', 'VoiceStateCreate 8'])
  assert.deepEqual(a.take(), [END])
})

test('a user that is kicked after its voice state on the new node was created is not announced', async context => {
  const { a, b, fleet, next } = await scene(context)
  b.channels = 'accept'
  const moved = next('moved')
  a.drain('500')
  await b.sees('VoiceStateCreate 7')
  await a.sees(END)
  fleet.destroyVoiceState(USER)
  assert.deepEqual((await moved).voiceStates, [])
  assert.deepEqual(a.take(), [END])
  await b.sees(KICK)
})

test('a channel that ends while it moves ends on both nodes', async context => {
  const { a, b, fleet } = await scene(context)
  b.channels = 'later'
  a.drain('500')
  await b.sees('ChannelRequest 500')
  fleet.destroyChannel(CHANNEL)
  await Promise.all([a.sees(END), b.sees(END)])
})

test('a channel that ends while a node refuses it is not asked of the next node', async context => {
  const { a, b, fleet } = await scene(context)
  a.channels = 'refuse'
  b.channels = 'later'
  const placing = assert.rejects(fleet.channelFor({ channelId: '600' }, { region: 'b' }))
  await b.sees('ChannelRequest 600')
  fleet.destroyChannel({ channelId: '600' })
  await b.sees('ChannelDestroy 600')
  b.answer('refuse')
  await placing
  assert.deepEqual(a.take(), [])
})

test('a channel without another node stays where LVSP is away for longer than the grace, with its calls', async context => {
  const { a, fleet, next } = await scene(context, { lossGrace: 20 })
  const moves: unknown[] = []
  fleet.on('moved', event => moves.push(event))
  a.isAway = true
  const event = next('stranded')
  a.cut()
  assert.deepEqual(await event, { ...CHANNEL, from: 'a' })
  fleet.destroyVoiceState(USER)
  a.isAway = false
  await next('nodeConnected')
  await a.sees('ChannelRequest 500')
  assert.deepEqual(a.take(), [KICK, 'ChannelRequest 500'])
  assert.equal((await fleet.channelFor(CHANNEL)).node, 'a')
  await fleet.createVoiceState(USER)
  assert.deepEqual(a.take(), ['VoiceStateCreate 7'])
  assert.deepEqual(moves, [], 'its users have what they need')
})

test('a channel that moved from a lost node ends there when the node returns', async context => {
  const { a, b, next } = await scene(context, { lossGrace: 20 })
  b.channels = 'accept'
  const moved = next('moved')
  a.isAway = true
  a.cut()
  assert.equal((await moved).channel.node, 'b')
  a.isAway = false
  await a.sees(END)
})

test('a stranded channel moves when the health of another node returns', async context => {
  const { a, b, fleet, next } = await scene(context)
  b.reportHealth(0)
  while (fleet.nodes.every(({ health }) => health > 0)) await new Promise(setImmediate)
  b.channels = 'accept'
  const event = next('stranded')
  a.drain('500')
  await event
  const moved = next('moved')
  b.reportHealth(0.5)
  const { from, channel, voiceStates } = await moved
  assert.deepEqual([from, channel.node, voiceStates.length], ['a', 'b', 1])
  await a.sees(END)
})

test('a stranded channel moves to a node that refused it once that accepts it, after its node has gone', async context => {
  const { a, b, fleet, next } = await stranded(context, { lossGrace: 20 })
  let events = 0
  fleet.on('stranded', () => events++)
  a.isAway = true
  const lost = next('nodeLost')
  a.cut()
  await lost
  await b.sees('ChannelRequest 500')
  b.take()
  b.reportHealth(0.5)
  await b.sees('ChannelRequest 500')
  b.channels = 'accept'
  const moved = next('moved')
  b.reportHealth(0.5)
  assert.equal((await moved).channel.node, 'b')
  assert.equal(events, 0, 'it was stranded once')
})

for (const channels of ['refuse', 'later'] as const)
  test(`a channel that its restarted node does not accept (${channels}) moves`, async context => {
    const { a, b, next } = await scene(context, { requestTimeout: 300 })
    a.channels = channels
    a.process = 'b'
    b.channels = 'accept'
    const moved = next('moved')
    a.cut()
    const { from, channel, voiceStates } = await moved
    assert.deepEqual([from, channel.node, voiceStates.length], ['a', 'b', 1])
  })

test('a channel without users leaves a draining node when its first user comes', async context => {
  const { a, b, fleet, next } = await scene(context)
  fleet.destroyVoiceState(USER)
  a.reportHealth(0)
  while (fleet.nodes.every(({ health }) => health > 0)) await new Promise(setImmediate)
  b.channels = 'accept'
  const moved = next('moved')
  const [granted, other] = await Promise.all([
    fleet.createVoiceState(USER),
    fleet.createVoiceState({ ...USER, userId: '8' }),
  ])
  assert.match(granted.token ?? '', /500/)
  assert.deepEqual([granted.userId, other.userId], ['7', '8'])
  assert.equal((await moved).channel.node, 'b')
  assert.deepEqual(
    b.take().filter(command => command === 'ChannelRequest 500'),
    ['ChannelRequest 500'],
  )
  await a.sees(END)
  assert.deepEqual(a.take(), [KICK, END])
})

test('a channel without users stays on a draining node where no other one accepts it', async context => {
  const { a, fleet } = await scene(context)
  fleet.destroyVoiceState(USER)
  a.reportHealth(0)
  while (fleet.nodes.every(({ health }) => health > 0)) await new Promise(setImmediate)
  assert.equal((await fleet.channelFor(CHANNEL)).node, 'a')
  await fleet.createVoiceState(USER)
  assert.deepEqual(a.take(), [KICK, 'VoiceStateCreate 7'])
})
