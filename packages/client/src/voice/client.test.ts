// The voice client over real sockets, against a scripted node.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { afterEach, test } from 'node:test'
import { VoiceMode, VoiceOp } from '@parley/protocol'
import { ScriptedVoiceNode } from '../testing/scripted-voice-node.ts'
import { CREDENTIALS } from '../testing/session-script.ts'
import { VoiceClient, type VoiceClientOptions } from './client.ts'
import { VoiceClosedError } from './voice-closed-error.ts'

const SSRC = 4_001

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function startNode(host?: string, mode?: VoiceMode): Promise<ScriptedVoiceNode> {
  const node = await ScriptedVoiceNode.start(host, mode)
  cleanups.push(() => node.stop())
  return node
}

function clientOf(node: ScriptedVoiceNode, options: Partial<VoiceClientOptions> = {}): VoiceClient {
  const client = new VoiceClient({ ...CREDENTIALS, endpoint: node.endpoint, tls: false, random: () => 0, ...options })
  cleanups.push(() => client.close())
  return client
}

const next = <E extends 'frame' | 'resumed' | 'ready' | 'closed' | 'disconnected'>(client: VoiceClient, event: E) =>
  new Promise<unknown>(resolve => client.once(event, resolve))
const opsOf = (node: ScriptedVoiceNode) => node.messages.map(message => message.op)

test('joining selects the discovered address and a mode that both sides support', async () => {
  for (const host of ['127.0.0.1', '::1']) {
    const node = await startNode(host)
    const client = clientOf(node)
    await client.connect()
    assert.deepEqual(node.urls, ['/?v=9'])
    assert.equal(client.mode, node.mode)
    const selection = node.messages.find(message => message.op === VoiceOp.SelectProtocol)?.d.data
    assert.equal((selection as { address: string }).address, host)
  }
})

test('frames are numbered and sealed, speaking is declared, and silence ends them', async () => {
  const node = await startNode()
  const client = clientOf(node)
  assert.equal(client.sendFrame(Uint8Array.of(1)), false, 'not before joining')
  await client.connect()
  for (const byte of [1, 2, 3]) assert.equal(client.sendFrame(Uint8Array.of(byte)), true)
  client.stopSpeaking()
  await node.until(() => node.packets.length === 8 && opsOf(node).filter(op => op === VoiceOp.Speaking).length === 3)
  const [first, ...rest] = node.packets
  for (const [index, packet] of rest.entries()) {
    assert.equal(packet.sequence, (first!.sequence + index + 1) & 0xffff)
    assert.equal(packet.timestamp, (first!.timestamp + (index + 1) * 960) >>> 0)
  }
  assert.deepEqual(
    node.packets.map(({ payload }) => payload.length),
    [1, 1, 1, 3, 3, 3, 3, 3],
  )
  const speaking = node.messages.filter(message => message.op === VoiceOp.Speaking).map(message => message.d)
  assert.deepEqual(
    speaking,
    [0, 1, 0].map(flags => ({ speaking: flags, delay: 0, ssrc: SSRC })),
  )
  assert.equal(client.report?.sent.packets, 8)
})

test('frames sealed in every mode can be opened by the node', async () => {
  for (const mode of Object.values(VoiceMode)) {
    const node = await startNode(undefined, mode)
    const client = clientOf(node, { mode })
    await client.connect()
    client.sendFrame(Uint8Array.of(9, 8, 7))
    await node.until(() => node.packets.length > 0)
    assert.deepEqual([...(node.packets[0]?.payload ?? [])], [9, 8, 7], mode)
    assert.equal(node.reports, mode === VoiceMode.Xsalsa20Poly1305 ? 0 : 1, mode)
  }
})

test('a mode that the node does not offer fails the connection', async () => {
  const node = await startNode()
  const client = clientOf(node, { mode: VoiceMode.Xsalsa20Poly1305 })
  await assert.rejects(client.connect(), /expected mode xsalsa20_poly1305, found unheard_of, aead_aes256_gcm_rtpsize/)
})

test('frames are received with their user, once each, and counted', async () => {
  const node = await startNode()
  const client = clientOf(node)
  const frames: unknown[] = []
  client.on('frame', ({ userId, sequence, payload }) => frames.push([userId, sequence, ...payload]))
  await client.connect()
  node.say(10, Uint8Array.of(1))
  await next(client, 'frame')
  node.send(VoiceOp.Speaking, { user_id: '8', ssrc: 5_001, speaking: 1 }, 2)
  await new Promise<void>(resolve => client.once('speaking', () => resolve()))
  for (const sequence of [11, 11, 13]) node.say(sequence, Uint8Array.of(2))
  while (frames.length < 3) await next(client, 'frame')
  assert.deepEqual(frames, [
    [undefined, 10, 1],
    ['8', 11, 2],
    ['8', 13, 2],
  ])
  const { received, replayed } = client.report!
  assert.deepEqual(
    received.map(({ ssrc, packets, lost }) => [ssrc, packets, lost]),
    [[5_001, 3, 1]],
  )
  assert.equal(replayed, 1)
})

test('IP discovery is repeated when an answer is lost', async () => {
  const node = await startNode()
  node.ignoredDiscoveries = 1
  await clientOf(node).connect()
  assert.equal(node.discoveries, 2)
})

test('a refusal rejects with code and reason', async () => {
  const node = await startNode()
  node.intercept = (_, socket) => {
    socket.close(4004, 'wrong token')
    return true
  }
  const client = clientOf(node)
  const closed = next(client, 'closed')
  await assert.rejects(client.connect(), error => {
    assert.ok(error instanceof VoiceClosedError)
    assert.equal(error.code, 4004)
    assert.equal(error.message, 'voice session closed with 4004 AuthenticationFailed: wrong token')
    return true
  })
  assert.deepEqual(await closed, { code: 4004, reason: 'wrong token' })
})

test('an unreachable node rejects with the error of the system', async () => {
  const node = await ScriptedVoiceNode.start()
  const { endpoint } = node
  await node.stop()
  const client = new VoiceClient({ ...CREDENTIALS, endpoint, tls: false })
  await assert.rejects(client.connect(), /1006: connect ECONNREFUSED/)
})

test('a lost connection is resumed with the same key, and sequence numbers continue', async () => {
  const node = await startNode()
  const client = clientOf(node)
  await client.connect()
  client.sendFrame(Uint8Array.of(1))
  await node.until(() => node.packets.length === 1)
  const lost = next(client, 'disconnected')
  const resumed = next(client, 'resumed')
  client.dropConnection()
  assert.equal(((await lost) as { next: string }).next, 'resume')
  await resumed
  client.sendFrame(Uint8Array.of(2))
  await node.until(() => node.packets.length === 2 && node.reports === 2)
  assert.equal(node.packets[1]?.sequence, ((node.packets[0]?.sequence ?? 0) + 1) & 0xffff)
  assert.deepEqual(node.messages.find(message => message.op === VoiceOp.Resume)?.d, {
    server_id: '100',
    channel_id: '500',
    session_id: 'session',
    token: 'token',
    seq_ack: 1,
  })
})

test('a session that the node no longer knows identifies again', async () => {
  const node = await startNode()
  const client = clientOf(node)
  await client.connect()
  node.intercept = ({ op }, socket) => {
    if (op === VoiceOp.Resume) socket.close(4006, 'unknown session')
    return op === VoiceOp.Resume
  }
  const again = next(client, 'ready')
  client.dropConnection()
  await again
  assert.deepEqual(
    opsOf(node).filter(op => op === VoiceOp.Identify || op === VoiceOp.Resume),
    [0, 7, 0],
  )
  assert.equal(client.sendFrame(Uint8Array.of(1)), true)
})

test('close code 4014 ends the client without another attempt', async () => {
  const node = await startNode()
  const client = clientOf(node)
  await client.connect()
  const closed = next(client, 'closed')
  node.socket?.close(4014, 'disconnected')
  assert.deepEqual(await closed, { code: 4014, reason: 'disconnected' })
  assert.equal(client.state, 'closed')
  assert.equal(node.urls.length, 1)
})

/** The error of a promise that settles within a turn of the event loop; otherwise what happened instead. */
async function refusal(promise: Promise<unknown>): Promise<unknown> {
  const late = new Promise(resolve => setImmediate(() => resolve('pending')))
  return Promise.race([promise.then(() => 'resolved'), late]).catch((error: unknown) => error)
}

test('connect() rejects with the code of a session that has ended', async () => {
  const node = await startNode()
  const [unused, kicked] = [clientOf(node), clientOf(node)]
  await unused.close()
  await kicked.connect()
  const closed = next(kicked, 'closed')
  node.socket?.close(4014, 'kicked')
  await closed
  for (const [client, end] of [
    [unused, [1000, 'left']],
    [kicked, [4014, 'kicked']],
  ] as const) {
    const error = await refusal(client.connect())
    assert.ok(error instanceof VoiceClosedError, String(error))
    assert.deepEqual([error.code, error.reason], end)
  }
})

test('the round trip to the media port is measured', async () => {
  const node = await startNode()
  const client = clientOf(node)
  await client.connect()
  node.say(1, Uint8Array.of(1))
  await next(client, 'frame')
  assert.ok(client.ping !== undefined && client.ping >= 0 && client.ping < 1_000, `ping ${client.ping}`)
})

test('a played file keeps its pace and ends with silence', async () => {
  const node = await startNode()
  const client = clientOf(node)
  await client.connect()
  const start = performance.now()
  await client.play(Array.from({ length: 10 }, () => Uint8Array.of(0x78, 1, 2)))
  const took = performance.now() - start
  assert.ok(took >= 195 && took < 600, `took ${took} ms`)
  await node.until(() => node.packets.length === 15)
})

test('leaving closes with 1000 and leaves no socket open', async () => {
  const node = await startNode()
  const client = clientOf(node)
  await client.connect()
  const [code] = (await Promise.all([once(node.socket!, 'close'), client.close()]))[0]
  assert.equal(code, 1000)
  assert.equal(client.state, 'closed')
  assert.equal(client.report, undefined)
})
