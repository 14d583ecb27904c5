// The LVSP client and the fleet against nodes over loopback: requests, lost connections, restarts, drains.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import {
  Fleet,
  type GrantedVoiceState,
  LvspClient,
  LvspClosedError,
  LvspRequestError,
  type MovedChannel,
  VoiceClient,
} from '@parley/client'
import { LvspFailure } from '@parley/protocol'
import { createServer, type Server } from '@parley/server'
import { until } from './until.ts'

const SECRET = 'a secret of these tests'
const channel = { guildId: '100', channelId: '500' }
const user = { ...channel, userId: '7' }

async function node(context: TestContext, port = 0): Promise<Server> {
  const server = await createServer({
    http: { listen: `127.0.0.1:${port}` },
    backend: [{ id: 'main', secret: SECRET }],
    log: { level: 'silent' },
  })
  context.after(() => server.close())
  return server
}

async function backend(context: TestContext, server: Server): Promise<LvspClient> {
  const client = new LvspClient({ url: server.lvspUrl, secret: SECRET })
  context.after(() => client.close())
  await client.connect()
  return client
}

test('a backend creates a channel and a voice state, and receives the user’s endpoint and token', async context => {
  const server = await node(context)
  const client = await backend(context, server)
  const assigned = await client.requestChannel(channel, { bitrate: 64_000 })
  const granted = await client.createVoiceState(user, { sessionId: 'main gateway session', mute: true })
  assert.equal(assigned.endpoint, server.endpoint)
  assert.equal(granted.sessionId, 'main gateway session')
  assert.ok(granted.token !== undefined && granted.token !== assigned.token)
  const refreshed = await client.refreshToken(user)
  assert.notEqual(refreshed.token, granted.token)
  assert.equal(server.inspect().channels.length, 1)
  client.destroyChannel(channel)
  await until('the removal of the channel', () => server.inspect().channels.length === 0)
})

test('a refused request rejects with its code, and a refused command emits an error', async context => {
  const client = await backend(context, await node(context))
  const errors: Error[] = []
  client.on('error', error => errors.push(error))
  await client.createVoiceState(user)
  await assert.rejects(client.createVoiceState({ ...user, guildId: '999' }), error => {
    return error instanceof LvspRequestError && error.code === LvspFailure.ChannelConflict
  })
  client.destroyVoiceState({ sessionId: 'unknown' })
  await until('the refusal', () => errors.length > 0)
  assert.equal((errors[0] as LvspRequestError).code, LvspFailure.UnknownVoiceState)
})

test('a wrong secret rejects at once and is not retried', async context => {
  const server = await node(context)
  const client = new LvspClient({ url: server.lvspUrl, secret: 'wrong' })
  const request = client.requestChannel(channel)
  await assert.rejects(client.connect(), error => error instanceof LvspClosedError && error.code === 4001)
  await assert.rejects(request, /does not accept the secret/)
  assert.equal(client.state, 'closed')
  await client.close()
})

test('a lost connection is restored, and requests sent during the outage are answered', async context => {
  const server = await node(context)
  const client = await backend(context, server)
  const before = await client.createVoiceState(user)
  client.dropConnection()
  await new Promise(resolve => client.once('disconnected', resolve))
  const resumed = new Promise(resolve => client.once('connected', resolve))
  const after = await client.createVoiceState(user)
  assert.deepEqual(after, before)
  assert.equal(((await resumed) as { resumed: string }).resumed, 'replay')
})

test('two thousand voice states are granted together', async context => {
  const server = await node(context)
  const client = await backend(context, server)
  const start = performance.now()
  const granted = await Promise.all(
    Array.from({ length: 2_000 }, (_, i) => client.createVoiceState({ channelId: String(i % 20), userId: String(i) })),
  )
  context.diagnostic(`${Math.round(performance.now() - start)} ms`)
  assert.equal(new Set(granted.map(({ token }) => token)).size, 2_000)
  const listed = granted.slice(0, 20).map(({ channelId, userId }) => ({ channelId, userIds: [userId] }))
  client.sync(listed)
  await client.requestChannel(channel)
  assert.equal(server.inspect().channels.length, 21)
})

test('a client can be closed at any time, and its pending requests reject', async context => {
  const client = new LvspClient({ url: 'ws://127.0.0.1:9/lvsp', secret: SECRET })
  const connecting = assert.rejects(client.connect(), LvspClosedError)
  const request = assert.rejects(client.requestChannel(channel), /the session has ended/)
  await client.close()
  await Promise.all([connecting, request])
  context.diagnostic(client.state)
})

test('invalid options throw at once', () => {
  assert.throws(() => new LvspClient({ url: 'wss://voice.example/lvsp', secret: '' }), RangeError)
  assert.throws(() => new LvspClient({ url: 'https://voice.example/lvsp', secret: 'x' }), /ws: or wss:/)
  assert.throws(() => new LvspClient({ url: 'ws://voice.example/lvsp', secret: 'x' }), /unencrypted/)
})

async function fleetOf(context: TestContext, nodes: Record<string, { server: Server; region: string }>) {
  const fleet = new Fleet({
    nodes: Object.entries(nodes).map(([name, { server, region }]) => {
      return { name, region, url: server.lvspUrl, secret: SECRET, requestTimeout: 2_000 }
    }),
    lossGrace: 100,
  })
  context.after(() => fleet.close())
  const moved: MovedChannel[] = []
  fleet.on('moved', event => moved.push(event))
  await fleet.connect()
  await until('all nodes', () => fleet.nodes.every(({ state }) => state === 'ready'))
  return { fleet, moved }
}

test('a fleet places channels by region, each on one node', async context => {
  const [eu, us] = [await node(context), await node(context)]
  const { fleet } = await fleetOf(context, { eu: { server: eu, region: 'eu' }, us: { server: us, region: 'us' } })
  const [a, again, b] = await Promise.all([
    fleet.channelFor(channel, { region: 'eu' }),
    fleet.channelFor(channel, { region: 'us' }),
    fleet.channelFor({ channelId: '600' }, { region: 'us' }),
  ])
  assert.deepEqual([a.node, again.node, b.node], ['eu', 'eu', 'us'])
  assert.deepEqual([a.endpoint, b.endpoint], [eu.endpoint, us.endpoint])
  const granted = await fleet.createVoiceState(user)
  assert.equal(granted.endpoint, eu.endpoint)
  assert.equal(eu.inspect().channels.length, 1)
  fleet.destroyChannel(channel)
  await until('the removal of the channel', () => eu.inspect().channels.length === 0)
})

test('a fleet moves the calls of a node that drains, and its client talks on the other node', async context => {
  const [old, next] = [await node(context), await node(context)]
  const { fleet, moved } = await fleetOf(context, {
    old: { server: old, region: 'eu' },
    next: { server: next, region: 'us' },
  })
  await fleet.channelFor(channel, { region: 'eu' })
  const join = async ({ sessionId, token, endpoint }: GrantedVoiceState) => {
    const { guildId: serverId, userId } = user
    const client = new VoiceClient({ endpoint: endpoint!, serverId, userId, sessionId, token: token!, tls: false })
    context.after(() => client.close())
    await client.connect()
    return client
  }
  const first = await join(await fleet.createVoiceState(user))
  const order: unknown[] = []
  first.on('closed', ({ code }) => order.push(code))
  fleet.on('moved', () => order.push('moved'))
  const drained = old.drain(60_000)
  await until('the move', () => moved.length === 1)
  assert.deepEqual([moved[0]!.from, moved[0]!.channel.node], ['old', 'next'])
  assert.deepEqual(order, [4014, 'moved'], 'the client is closed before its user is sent the other node')
  const [granted] = moved[0]!.voiceStates
  assert.equal(granted!.endpoint, next.endpoint)
  await join(granted!)
  first.close()
  await drained
  assert.equal(next.inspect().sessions.length, 1)
})

test('a user that joins a channel of the guild on another node leaves the first node', async context => {
  const [eu, us] = [await node(context), await node(context)]
  const { fleet } = await fleetOf(context, { eu: { server: eu, region: 'eu' }, us: { server: us, region: 'us' } })
  await fleet.channelFor(channel, { region: 'eu' })
  await fleet.channelFor({ ...channel, channelId: '501' }, { region: 'us' })
  await fleet.createVoiceState(user)
  await fleet.createVoiceState({ ...user, channelId: '501' })
  const users = (server: Server) => server.inspect().channels.flatMap(({ voiceStates }) => voiceStates)
  await until('the departure of the user', () => users(eu).length === 0)
  assert.deepEqual(
    users(us).map(({ userId }) => userId),
    ['7'],
  )
})

test('the channels of a lost node move, with new grants for their users', async context => {
  const [first, second] = [await node(context), await node(context)]
  const { fleet, moved } = await fleetOf(context, {
    first: { server: first, region: 'eu' },
    second: { server: second, region: 'eu' },
  })
  const before = await fleet.channelFor(channel, { region: 'eu' })
  const granted = await fleet.createVoiceState(user, { sessionId: 'main gateway session' })
  const lost = before.node === 'first' ? first : second
  const other = lost === first ? second : first
  await lost.close()
  await until('the move', () => moved.length > 0)
  const { from, channel: now, voiceStates } = moved[0]!
  assert.equal(from, before.node)
  assert.equal(now.endpoint, other.endpoint)
  assert.equal(voiceStates.length, 1)
  assert.equal(voiceStates[0]?.sessionId, 'main gateway session')
  assert.notEqual(voiceStates[0]?.token, granted.token)
  assert.deepEqual(await fleet.channelFor(channel), now)
})

test('a node that restarts in time gets its channels again, and the fleet announces the new tokens', async context => {
  const server = await node(context)
  const port = Number(new URL(server.lvspUrl).port)
  const { fleet, moved } = await fleetOf(context, { only: { server, region: 'eu' } })
  const before = await fleet.channelFor(channel)
  await fleet.createVoiceState(user)
  const stranded: unknown[] = []
  fleet.on('stranded', event => stranded.push(event))
  await server.close()
  await until('the channel to be stranded', () => stranded.length > 0)
  await assert.rejects(fleet.channelFor({ channelId: '600' }), /no node accepts the channel/)
  const restarted = await node(context, port)
  await until('the move', () => moved.length > 0)
  assert.equal(moved[0]?.from, 'only')
  assert.notEqual(moved[0]?.channel.token, before.token)
  assert.equal(moved[0]?.voiceStates.length, 1)
  await until('the channel on the new node', () => restarted.inspect().channels.length === 1)
})

test('a draining node gets no new channels; another node does', async context => {
  const [first, second] = [await node(context), await node(context)]
  const { fleet } = await fleetOf(context, {
    first: { server: first, region: 'eu' },
    second: { server: second, region: 'eu' },
  })
  const { node: draining } = await fleet.channelFor(channel, { region: 'eu' })
  await fleet.createVoiceState(user)
  void (draining === 'first' ? first : second).drain(60_000)
  const next = await fleet.channelFor({ channelId: '600' }, { region: 'eu' })
  assert.notEqual(next.node, draining)
})
