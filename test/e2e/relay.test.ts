// Clients of a cluster that arrive at the wrong process: relayed to their node, from another node and from a front; and what strangers
// can do with that.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get } from 'node:https'
import { type TestContext, test } from 'node:test'
import type { NodeRecord } from '@parley/protocol'
import { WebSocket } from 'ws'
import { NatsCoordinator } from '../../packages/server/src/cluster/nats-coordinator.ts'
import { Hops } from '../../packages/server/src/relay/hop.ts'
import { Recorder } from '../contract/cluster-records.ts'
import { ClusterBackend, ClusterScene, type ClusterUser, GUILD, type Served } from './cluster-scene.ts'
import { missingNats } from './nats-server.ts'
import { withoutSilence } from './opus-frames.ts'
import { CERTIFICATE } from './trust.ts'
import { until, untilFits } from './until.ts'

const options = { skip: missingNats, timeout: 180_000 }
const SECRET = 'the secret of the cluster, for its relays'
const IDENTIFY = { server_id: GUILD, user_id: '9999', session_id: 'session-of-9999', token: 'wrong' }

interface Cluster {
  scene: ClusterScene
  /** Settings of a process that relays. */
  secret: Record<string, string>
  backend: ClusterBackend
  front: Served
  /** The node of channel 500, and the other one. */
  owner: Served
  wrong: Served
  speaker: ClusterUser
}

/** The user of `IDENTIFY` in channel 500, with a token of its own. */
const grantFor = async (backend: ClusterBackend, token?: string): Promise<string> =>
  (
    await backend.client.createVoiceState(
      { guildId: GUILD, channelId: '500', userId: IDENTIFY.user_id },
      { sessionId: IDENTIFY.session_id, token },
    )
  ).token ?? ''

/** Two nodes and a front that relay, and a user who talks in channel 500. */
async function cluster(t: TestContext, environment: Record<string, string> = {}): Promise<Cluster> {
  const scene = await ClusterScene.open(t, environment)
  const secret = { PARLEY_CLUSTER_SECRET_FILE: scene.file('secret', `${SECRET}\n`) }
  const nodes = [await scene.node('n1', secret), await scene.node('n2', secret)]
  const front = await scene.front('f1', secret)
  const backend = await ClusterBackend.connect(t, front.address)
  const speaker = await backend.join(t, '500', '6001')
  speaker.talk()
  const owner = nodes.find(({ address }) => address === speaker.endpoint)!
  return { scene, secret, backend, front, owner, wrong: nodes.find(node => node !== owner)!, speaker }
}

const gatewayOf = ({ address }: Served) => address.replace(/^wss:\/\//, '').replace(/\/lvsp$/, '')

/** The record of a node, as other processes have it from NATS. */
async function recordOf(t: TestContext, scene: ClusterScene, { id }: Served): Promise<NodeRecord> {
  const connection = { servers: scene.nats.url }
  const coordinator = new NatsCoordinator({ connection, prefix: 'parley', replicas: 1, refused: assert.fail })
  t.after(() => coordinator.close())
  const recorder = new Recorder()
  coordinator.watch(recorder)
  await until('the record', () => recorder.nodes.has(id))
  return recorder.nodes.get(id)!
}

interface Raw {
  readonly socket: WebSocket
  readonly ops: number[]
  send(op: number, d: unknown): void
  readonly closed: Promise<[number, string]>
}

async function metricOf(node: Served, name: string): Promise<number> {
  const [response] = await once(get(`https://${gatewayOf(node)}/metrics`, { ca: CERTIFICATE }), 'response')
  let text = ''
  for await (const chunk of response) text += chunk
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1])
}

/** A voice connection without a library. */
async function raw(t: TestContext, at: Served, settings: { hop?: string; localAddress?: string } = {}): Promise<Raw> {
  const { hop, localAddress } = settings
  const headers = hop === undefined ? {} : { 'parley-relay': hop }
  const socket = new WebSocket(`wss://${gatewayOf(at)}/?v=8`, { ca: CERTIFICATE, headers, localAddress })
  t.after(() => socket.terminate())
  const ops: number[] = []
  socket.on('message', data => ops.push(JSON.parse(data.toString()).op))
  const closed = new Promise<[number, string]>(resolve =>
    socket.on('close', (code, reason) => resolve([code, reason.toString()])),
  )
  await once(socket, 'open')
  return { socket, ops, closed, send: (op, d) => socket.send(JSON.stringify({ op, d })) }
}

test('a cluster whose tokens name their node', options, async t => {
  const { scene, secret, backend, front, owner, wrong, speaker } = await cluster(t)
  const guessed = `${owner.id}.guessed`

  await t.test('a client at the wrong node or at a front hears and is heard; media goes to its node', async t => {
    const listener = await backend.join(t, '500', '6002', gatewayOf(wrong))
    await until('sound through the other node', () => listener.frames.length > 10)
    const far = await backend.join(t, '500', '6003', gatewayOf(front))
    await until('sound through the front', () => far.frames.length > 10)
    listener.talk()
    await until('its own sound', () => speaker.frames.length > 10)
    assert.equal(await metricOf(wrong, 'parley_sessions'), 0)
    assert.equal(await metricOf(owner, 'parley_sessions'), 3)
  })

  await t.test('@discordjs/voice joins and resumes through the wrong node', async t => {
    const bot = await backend.joinBot(t, '500', '6010', gatewayOf(wrong))
    bot.listenTo(speaker.userId)
    const heard = () => withoutSilence(bot.heard.get(speaker.userId) ?? []).length
    await until('sound', () => heard() > 10)
    bot.networking.length = 0
    bot.cut()
    await until('a resumed connection', () => bot.networking.at(-1) === 'ready')
    assert.deepEqual(bot.networking, ['resuming', 'ready'])
    const before = heard()
    await until('sound after the resume', () => heard() > before + 10)
    assert.equal(bot.requests, 1)
  })

  await t.test('a forged, a used and a foreign hop are refused; one hop is the limit', async t => {
    const hops = new Hops({ id: 'n3', boot: '3'.repeat(32) }, [SECRET])
    const [atOwner, atWrong] = [await recordOf(t, scene, owner), await recordOf(t, scene, wrong)]
    const refusal = async (hop: string) => {
      const headers = { 'parley-relay': hop }
      const socket = new WebSocket(`wss://${gatewayOf(owner)}/?v=8`, { ca: CERTIFICATE, headers })
      const [error] = (await once(socket, 'error')) as [Error]
      return error.message
    }
    const stranger = new Hops({ id: 'n3', boot: '4'.repeat(32) }, ['the secret that a stranger would guess'])
    assert.match(await refusal(stranger.sign('203.0.113.9', atOwner)), /403/)
    assert.match(await refusal('2 n1 203.0.113.9'), /403/)
    assert.match(await refusal(hops.sign('203.0.113.9', atWrong)), /403/)
    const earlier = { ...atOwner, boot: '5'.repeat(32) }
    assert.match(await refusal(hops.sign('203.0.113.9', earlier)), /403/, 'for an earlier process of the node')
    const token = await grantFor(backend)
    const hop = hops.sign('203.0.113.9', atOwner)
    const valid = await raw(t, owner, { hop })
    assert.match(await refusal(hop), /403/)
    const named = once(valid.socket, 'ping')
    valid.send(0, { ...IDENTIFY, token })
    await until('Ready', () => valid.ops.includes(2))
    assert.equal(String((await named)[0]), 'parley-backend main', 'for the share of the backend')
    // The wrong node would relay it, had it not been relayed once already.
    const twice = await raw(t, wrong, { hop: hops.sign('203.0.113.9', atWrong) })
    twice.send(0, { ...IDENTIFY, token })
    assert.equal((await twice.closed)[0], 4011)
  })

  await t.test('oversized first messages end at the wrong node', async t => {
    const large = await raw(t, wrong)
    large.send(0, { ...IDENTIFY, token: guessed, padding: 'x'.repeat(5_000) })
    assert.equal((await large.closed)[0], 4002)
    const many = await raw(t, wrong)
    many.send(0, { ...IDENTIFY, token: guessed })
    for (let index = 0; index < 40; index++) many.send(3, { t: 'x'.repeat(1_000) })
    const [code] = await many.closed
    assert.ok([1009, 4002, 4004].includes(code), String(code))
  })

  await t.test('a thousand clients at once with wrong tokens are refused, and a user joins beside them', async t => {
    let ended = 0
    const refused = Array.from({ length: 1_000 }, async (_, index) => {
      const client = await raw(t, wrong, { localAddress: `127.0.1.${1 + (index % 4)}` })
      client.send(0, { ...IDENTIFY, user_id: speaker.userId, token: guessed })
      const [code] = await client.closed
      ended++
      return code
    })
    // This process makes all of the handshakes; a user who waits for most of them would give up.
    await until('most of them', () => ended > 750)
    const listener = await backend.join(t, '500', '6002', gatewayOf(wrong))
    await until('sound', () => listener.frames.length > 10)
    // 1013 and 4009 are the answers of a machine that is too slow for a thousand TLS handshakes in half a minute.
    const codes = await Promise.all(refused)
    assert.deepEqual(
      codes.filter(code => ![4004, 1013, 4009].includes(code)),
      [],
    )
    assert.ok(codes.includes(4004))
    await untilFits(
      'the wrong ones to be gone',
      () => metricOf(wrong, 'parley_relayed_connections'),
      count => count === 1,
    )
  })

  await t.test('without NATS a client is relayed by its token', async t => {
    await scene.nats.stop()
    await front.process.says(/"event":"cluster\.disconnected"/)
    const listener = await backend.join(t, '500', '6002', gatewayOf(wrong))
    await until('sound', () => listener.frames.length > 10)
  })
  await scene.nats.start()
  await until('NATS', () => front.process.stdout.split('"cluster.connected"').length > 2)

  await t.test('kill −9 of the node: relayed clients follow their channel to the other node', async t => {
    const listener = await backend.join(t, '500', '6002', gatewayOf(wrong))
    await until('sound', () => listener.frames.length > 10)
    const client = await raw(t, wrong)
    client.send(0, { ...IDENTIFY, token: await grantFor(backend) })
    await until('Ready', () => client.ops.includes(2))
    owner.process.kill()
    // As without a relay: there is no close frame.
    assert.deepEqual(await client.closed, [1006, ''])
    const before = listener.frames.length
    await until('sound from the other node', () => listener.frames.length > before + 10)
  })

  await t.test('SIGTERM of the relay: its clients may resume, and the node keeps their sessions', async t => {
    const third = await scene.node('n3', secret)
    await until('the node that is left', () => third.process.stdout.includes('node.started'))
    const token = await grantFor(backend)
    const client = await raw(t, third)
    client.send(0, { ...IDENTIFY, token })
    await until('Ready', () => client.ops.includes(2))
    third.process.signal('SIGTERM')
    assert.deepEqual(await client.closed, [4015, 'the relay is stopping'])
    const again = await raw(t, wrong)
    again.send(7, { server_id: GUILD, session_id: IDENTIFY.session_id, token, seq_ack: 0 })
    await until('Resumed', () => again.ops.includes(9))
  })
})

test('a cluster whose backend creates the tokens, and that bans addresses', options, async t => {
  const { backend, front, owner, wrong, speaker } = await cluster(t, {
    PARLEY_BACKEND_0_ADOPTS_TOKENS: 'true',
    PARLEY_VOICE_BAN_AFTER: '3',
  })

  await t.test('all nodes are asked, also for a client that is there before its voice state', async t => {
    const identify = { ...IDENTIFY, token: 'a token of the backend' }
    for (const at of [wrong, front]) {
      const client = await raw(t, at)
      client.send(0, identify)
      client.send(3, { t: 1 })
      await until('the answer to a heartbeat', () => client.ops.includes(6))
      if (at === wrong) await grantFor(backend, identify.token)
      await until('Ready', () => client.ops.includes(2))
      const hellos = client.ops.filter(op => op === 8)
      assert.equal(hellos.length, 1)
    }
  })

  await t.test('the node counts the address of the client, not that of the relay', async t => {
    const identify = { ...IDENTIFY, user_id: speaker.userId, token: `${owner.id}.guessed` }
    const codes = Array.from({ length: 3 }, async () => {
      const guess = await raw(t, wrong, { localAddress: '127.0.0.9' })
      guess.send(0, identify)
      return (await guess.closed)[0]
    })
    assert.deepEqual(await Promise.all(codes), [4004, 4004, 4004])
    await owner.process.says(/"address":"127\.0\.0\.9".*"event":"gateway\.banned"/)
    const banned = await raw(t, wrong, { localAddress: '127.0.0.9' })
    banned.send(0, identify)
    assert.equal((await banned.closed)[0], 4021)
    const other = await raw(t, wrong)
    other.send(0, { ...IDENTIFY, token: await grantFor(backend, 'another token') })
    await until('Ready for another address', () => other.ops.includes(2))
  })
})
