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

async function node(context: TestContext, port = 0, limits: object = {}): Promise<Server> {
  const server = await createServer({
    http: { listen: `127.0.0.1:${port}` },
    backend: [{ id: 'main', secret: SECRET, ...limits }],
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

/** The settled outcome of a promise; 'pending' if a turn of the event loop does not settle it. */
async function outcome(promise: Promise<unknown>): Promise<unknown> {
  const late = new Promise(resolve => setImmediate(() => resolve('pending')))
  return Promise.race([promise.then(() => 'resolved'), late]).catch((error: unknown) => error)
}

test('connect() of a session that was closed before it connected rejects', async () => {
  const client = new LvspClient({ url: 'ws://127.0.0.1:9/lvsp', secret: SECRET })
  await client.close()
  const error = await outcome(client.connect())
  assert.ok(error instanceof LvspClosedError, String(error))
  assert.deepEqual([error.code, error.reason], [1000, 'closed'])
})

test('connect() of a session that was connected and has ended rejects', async context => {
  const client = await backend(context, await node(context))
  client.once('disconnected', () => {
    void client.close()
  })
  const ended = new Promise(resolve => client.once('closed', resolve))
  client.dropConnection()
  await ended
  const error = await outcome(client.connect())
  assert.ok(error instanceof LvspClosedError, String(error))
  assert.equal(error.code, 1000)
})

test('connect() of a fleet that was closed rejects, before it connected and after', async context => {
  const server = await node(context)
  const nodes = [{ name: 'only', region: 'eu', url: server.lvspUrl, secret: SECRET }]
  const [unused, used] = [new Fleet({ nodes }), new Fleet({ nodes })]
  await used.connect()
  for (const fleet of [unused, used]) {
    await fleet.close()
    const error = await outcome(fleet.connect())
    assert.ok(error instanceof AggregateError, String(error))
    assert.ok(error.errors[0] instanceof LvspClosedError)
  }
})

test('invalid options throw at once', () => {
  assert.throws(() => new LvspClient({ url: 'wss://voice.example/lvsp', secret: '' }), RangeError)
  assert.throws(
    () => new LvspClient({ url: 'wss://voice.example/lvsp#fragment', secret: SECRET }),
    /without a fragment/,
  )
  assert.throws(() => new LvspClient({ url: 'https://voice.example/lvsp', secret: 'x' }), /ws: or wss:/)
  assert.throws(() => new LvspClient({ url: 'ws://voice.example/lvsp', secret: 'x' }), /unencrypted/)
})

async function fleetOf(
  context: TestContext,
  nodes: Record<string, { server: Server; region: string }>,
  lossGrace = 100,
) {
  const fleet = new Fleet({
    nodes: Object.entries(nodes).map(([name, { server, region }]) => {
      return { name, region, url: server.lvspUrl, secret: SECRET, requestTimeout: 2_000 }
    }),
    lossGrace,
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

/** Three nodes; the channel with two users is on the first, and the second is chosen next. */
async function fullSecond(context: TestContext, limits: object) {
  const [first, second, third] = [await node(context), await node(context, 0, limits), await node(context)]
  const { fleet, moved } = await fleetOf(context, {
    first: { server: first, region: 'eu' },
    second: { server: second, region: 'us' },
    third: { server: third, region: 'asia' },
  })
  await fleet.channelFor(channel, { region: 'eu' })
  for (const userId of ['7', '8']) await fleet.createVoiceState({ ...channel, userId })
  return { first, second, third, fleet, moved }
}

/** More than a MiB of channels. */
async function fill(context: TestContext, server: Server): Promise<void> {
  const client = await backend(context, server)
  const requests = Array.from({ length: 200 }, (_, index) =>
    client.requestChannel({ channelId: String(1_000 + index) }),
  )
  await Promise.allSettled(requests)
}

test('a fleet passes over a node without memory when it moves a channel', async context => {
  const { first, second, third, moved } = await fullSecond(context, { max_memory_mb: 1 })
  await fill(context, second)
  await first.close()
  await until('the move', () => moved.length === 1)
  assert.equal(moved[0]!.channel.node, 'third')
  assert.equal(third.inspect().channels[0]!.voiceStates.length, 2)
})

test('a fleet passes over a node with too few places for the users of a moved channel', async context => {
  const { first, second, third, moved } = await fullSecond(context, { max_voice_states: 1 })
  await first.close()
  await until('the move', () => moved.length === 1)
  assert.equal(moved[0]!.channel.node, 'third')
  assert.equal(moved[0]!.voiceStates.length, 2)
  assert.equal(third.inspect().channels[0]!.voiceStates.length, 2)
  await until('the end of the copy', () => second.inspect().channels.length === 0)
})

test('a moved channel stays where no other node has places for all its users', async context => {
  const first = await node(context)
  const second = await node(context, 0, { max_voice_states: 1 })
  const { fleet, moved } = await fleetOf(context, {
    first: { server: first, region: 'eu' },
    second: { server: second, region: 'us' },
  })
  await fleet.channelFor(channel, { region: 'eu' })
  for (const userId of ['7', '8']) await fleet.createVoiceState({ ...channel, userId })
  await first.close()
  await until('the move', () => moved.length === 1)
  assert.deepEqual([moved[0]!.channel.node, moved[0]!.voiceStates.length], ['second', 1])
  assert.equal((await fleet.channelFor(channel)).node, 'second')
})

test('a node that restarts without memory for its channels loses them to another one', async context => {
  const server = await node(context)
  const port = Number(new URL(server.lvspUrl).port)
  const other = await node(context)
  const nodes = { first: { server, region: 'eu' }, other: { server: other, region: 'us' } }
  const { fleet, moved } = await fleetOf(context, nodes, 60_000)
  await fleet.channelFor({ channelId: '600' }, { region: 'eu' })
  await fleet.channelFor(channel, { region: 'eu' })
  await fleet.createVoiceState(user)
  await server.close()
  await node(context, port, { max_channels: 1 })
  await until('both channels', () => moved.length === 2)
  assert.deepEqual(moved.map(({ channel: { node } }) => node).sort(), ['first', 'other'])
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
