// Faults of datagrams, received media and encryption, as a client sees them on the wire.
import assert from 'node:assert/strict'
import { after, before, type TestContext, test } from 'node:test'
import { loadDavey, type VoiceClient } from '@parley/client'
import { decodeRtp } from '@parley/protocol'
import { RawBot } from '../testing/raw-bot.ts'
import { RawVoice } from '../testing/raw-voice.ts'
import { createTestServer } from './test-server.ts'
import type { TestServer } from './test-server-types.ts'
import type { MessageRecord } from './trace/trace-record.ts'

const GUILD = '1300000000000000001'
let server: TestServer
/** A channel for each test, so that no test hears another. */
const CHANNELS = Array.from({ length: 60 }, (_, index) => `13000000000000001${String(index).padStart(2, '0')}`)
let used = 0
before(async () => {
  const channels = CHANNELS.map((id, index) => ({ id, name: `channel ${index}` }))
  server = await createTestServer({ world: { guilds: [{ id: GUILD, name: 'faults', channels }] } })
})
after(() => server.close())

const login = (t: TestContext, faults: string) => RawBot.login(t, server, `user${++users}.fault:${faults}`)
let users = 0
const FRAME = Uint8Array.of(0x78, 9, 9, 9, 9, 9, 9, 9)

async function joined(t: TestContext, faults: string, channel = CHANNELS[used++]!) {
  const bot = await login(t, faults)
  return RawVoice.join(t, server, bot, channel)
}

/** A speaker without faults and a listener with them, in a channel of their own. */
async function pair(t: TestContext, faults: string) {
  const channel = CHANNELS[used++]!
  const speaker = await joined(t, '', channel)
  const listener = await joined(t, faults, channel)
  speaker.send(5, { speaking: 1, delay: 0, ssrc: speaker.ready.ssrc })
  await listener.message(5)
  return { speaker, listener }
}
const opened = (listener: RawVoice) =>
  listener.datagrams.flatMap(({ bytes }) => {
    const plain = bytes.length > 28 && bytes[1] === 120 ? listener.open(bytes) : undefined
    const packet = plain === undefined ? undefined : decodeRtp(plain)
    return plain === undefined || packet === undefined ? [] : [{ plain, ...packet }]
  })
/** The first packet that the listener receives of one that the speaker sent. */
async function first(t: TestContext, faults: string) {
  const { speaker, listener } = await pair(t, faults)
  speaker.say(FRAME)
  await listener.next('a packet', () => opened(listener).length > 0)
  return { packet: opened(listener)[0]!, speaker, listener }
}

test('discovery-lost loses as many requests as it names', async t => {
  const bot = await login(t, 'discovery-lost:2')
  const voice = await RawVoice.open(t, server, bot, CHANNELS[used++]!)
  await voice.identify()
  for (let request = 0; request < 3; request++) voice.ask()
  await bot.traced(server, { kind: 'datagram', type: 'discovery', from: 'node' })
  await voice.next('the response', () => voice.datagrams.length > 0)
  const fates = server.trace
    .events(voice.credentials.userId)
    .flatMap(event => (event.kind === 'datagram' && event.from === 'client' ? [event.fate] : []))
  assert.deepEqual(fates, ['lost', 'lost', 'sent'])
})

test('discovery is answered late, short, or behind noise and media', async t => {
  const short = await joined(t, 'discovery-short,late-discovery:20ms')
  assert.equal(short.datagrams[0]!.bytes.length, 70)
  assert.equal(short.datagrams[0]!.bytes.readUInt16BE(68), short.udp.address().port)
  const noisy = await joined(t, 'discovery-garbage,discovery-media-first')
  await noisy.next('the response', () => noisy.datagrams.length === 3)
  const [noise, media, response] = noisy.datagrams.map(({ bytes }) => bytes)
  assert.match(String(noise), /noise/)
  assert.deepEqual([...media!.subarray(0, 2)], [0x80, 120])
  assert.equal(response!.readUInt16BE(0), 2)
})

test('keepalive-lost leaves pings unanswered', async t => {
  const voice = await joined(t, 'keepalive-lost')
  const { userId } = voice.credentials
  voice.udp.send(Uint8Array.of(0x13, 0x37, 0xca, 0xfe, 0, 0, 0, 7), voice.ready.port, '127.0.0.1')
  await waits(voice, () =>
    server.trace.events(userId).some(event => event.kind === 'datagram' && event.type === 'ping'),
  )
  assert.ok(voice.datagrams.every(({ bytes }) => bytes[0] !== 0x13))
})

test('the same seed loses, doubles and alters the same datagrams, and another seed others', async t => {
  const lost = async (seed: number) => {
    const own = await createTestServer({ seed })
    t.after(() => own.close())
    const bot = await RawBot.login(t, own, 'ana')
    const voice = await RawVoice.join(t, own, bot, '1300000000000000002')
    own.fault('ana', 'udp-loss:30%,udp-duplicate:20%,udp-corrupt:20%')
    for (let number = 0; number < 60; number++) voice.say(FRAME, number)
    const fates = () =>
      own.trace.events('ana').flatMap(event => (event.kind === 'datagram' && event.type === 'rtp' ? [event.fate] : []))
    await waits(voice, () => fates().length >= 60)
    return fates().join(' ')
  }
  const fates = await lost(5)
  for (const fate of ['lost', 'twice', 'changed', 'sent']) assert.match(fates, new RegExp(fate))
  assert.equal(await lost(5), fates)
  assert.notEqual(await lost(6), fates)
})

test('datagrams of one direction are lost, and a burst ends', async t => {
  const { speaker, listener } = await pair(t, 'udp-loss-down:100%@after:session')
  speaker.say(FRAME)
  const { userId } = listener.credentials
  const received = () =>
    server.trace
      .events(userId)
      .flatMap(event => (event.kind === 'datagram' && event.rtp && event.from === 'node' ? [event] : []))
  await waits(listener, () => received().length === 1)
  assert.deepEqual([received()[0]!.fate, received()[0]!.by], ['lost', ['udp-loss-down']])
  server.clearFaults(userId)
  server.fault(userId, 'udp-loss-up:0%,udp-burst:2')
  await waits(listener, () =>
    server.trace.events(userId).some(event => event.kind === 'fault' && event.name === 'udp-burst'),
  )
  for (let packet = 0; packet < 3; packet++) speaker.say(FRAME)
  await listener.next('the packet after the burst', () => opened(listener).length === 1)
})

/** Heartbeats give the test something to wait for. */
async function waits(voice: RawVoice, holds: () => boolean): Promise<void> {
  while (!holds()) {
    const count = voice.received.length
    voice.send(3, { t: 1 })
    await voice.next('an acknowledgement', () => voice.received.length > count)
  }
}

test('datagrams are delayed, reordered, doubled or lost above a rate', async t => {
  const late = await first(t, 'udp-delay:30ms,udp-jitter:10ms')
  assert.deepEqual([...late.packet.payload], [...FRAME])
  const swapped = await pair(t, 'udp-reorder:100%')
  for (let packet = 0; packet < 3; packet++) swapped.speaker.say(FRAME)
  await swapped.listener.next('three packets', () => opened(swapped.listener).length === 3)
  const order = opened(swapped.listener).map(({ sequence }) => sequence)
  assert.notDeepEqual(
    order,
    [...order].sort((a, b) => a - b),
  )
  const twice = await pair(t, 'udp-duplicate:100%')
  twice.speaker.say(FRAME)
  await twice.listener.next('two packets', () => opened(twice.listener).length === 2)
  const slow = await pair(t, 'udp-rate:8')
  for (let packet = 0; packet < 20; packet++) slow.speaker.say(new Uint8Array(200))
  const fates = () =>
    server.trace
      .events(slow.listener.credentials.userId)
      .flatMap(event => (event.kind === 'datagram' && event.rtp ? [event.fate] : []))
  await waits(slow.listener, () => fates().length === 20)
  assert.ok(fates().includes('lost'))
})

test('udp-corrupt alters packets so that they do not open', async t => {
  const { speaker, listener } = await pair(t, 'udp-corrupt:100%')
  speaker.say(FRAME)
  await listener.next('a packet', () => listener.datagrams.some(({ bytes }) => bytes[1] === 120))
  assert.deepEqual(opened(listener), [])
})

test('source-port sends from another port, and nat-rebind lets the node follow', async t => {
  const { speaker, listener } = await pair(t, '')
  const { userId } = listener.credentials
  server.fault(userId, 'source-port,nat-rebind')
  await waits(listener, () => server.trace.events(userId).filter(({ kind }) => kind === 'fault').length === 2)
  listener.say(Uint8Array.of(0xf8, 0xff, 0xfe))
  speaker.say(FRAME)
  await waits(listener, () => {
    speaker.say(FRAME)
    return opened(listener).length > 0
  })
  const port = listener.datagrams.at(-1)!.port
  assert.notEqual(port, listener.ready.port)
})

test('received packets have padding, an extension, a contributing source or another SSRC', async t => {
  const padded = await first(t, 'rtp-padding')
  assert.equal(padded.packet.plain[0]! & 0x20, 0x20)
  assert.equal(padded.packet.plain.at(-1), 8)
  assert.deepEqual([...padded.packet.payload], [...FRAME])
  const extended = await first(t, 'rtp-extension')
  assert.equal(extended.packet.extension?.elements.length, 16)
  const contributed = await first(t, 'rtp-csrc')
  assert.deepEqual(contributed.packet.csrcs, [0x0badcafe])
  const { packet, speaker, listener } = await first(t, 'ssrc-change')
  assert.notEqual(packet.ssrc, speaker.ready.ssrc)
  assert.ok(listener.received.some(({ op, d }) => op === 5 && d.ssrc === packet.ssrc))
})

test('frames of others are replaced, emptied or altered', async t => {
  for (const [fault, payload] of [
    ['plain-frame', [0x78, 1, 2, 3, 4, 5, 6, 7]],
    ['empty-frame', []],
  ] as const) {
    const { speaker, listener } = await pair(t, '')
    server.fault(listener.credentials.userId, fault)
    await waits(listener, () => server.trace.events(listener.credentials.userId).some(({ kind }) => kind === 'fault'))
    speaker.say(FRAME)
    await listener.next('a packet', () => opened(listener).length > 0)
    assert.deepEqual([...opened(listener)[0]!.payload], payload)
  }
  const { packet } = await first(t, 'frame-corrupt:100%')
  assert.equal(packet.payload[1], FRAME[1]! ^ 0xff)
})

test('packets of the test server’s own: unknown SSRC, unknown type, unsealed, malformed', async t => {
  const voice = await joined(t, '')
  server.fault(voice.credentials.userId, 'unknown-ssrc:2,unknown-payload-type:2,unsealed-packet,rtcp-garbage')
  await voice.next('six datagrams', () => voice.datagrams.length === 7)
  const added = voice.datagrams.slice(1).map(({ bytes }) => bytes)
  assert.deepEqual(
    added.map(bytes => bytes[1]),
    [120, 120, 127, 127, 120, 200],
  )
  assert.ok(voice.open(added[0]!) !== undefined && voice.open(added[4]!) === undefined)
  assert.ok(voice.open(added[5]!, 'rtcp') !== undefined)
})

test('sequences and timestamps of others jump, and their silence is lost', async t => {
  const { speaker, listener } = await pair(t, 'silence-lost')
  speaker.say(FRAME)
  await listener.next('a packet', () => opened(listener).length === 1)
  server.fault(listener.credentials.userId, 'sequence-jump,timestamp-jump')
  await waits(
    listener,
    () => server.trace.events(listener.credentials.userId).filter(({ kind }) => kind === 'fault').length === 3,
  )
  speaker.say(Uint8Array.of(0xf8, 0xff, 0xfe))
  speaker.say(FRAME)
  await listener.next('the next packet', () => opened(listener).length === 2)
  const [before, after] = opened(listener)
  assert.equal((after!.sequence - before!.sequence) & 0xffff, 1_002)
  assert.equal((after!.timestamp - before!.timestamp) >>> 0, 960 * 2 + 48_000 * 600)
})

test('one encryption mode, or an unknown one, is offered', async t => {
  const modes = async (faults: string) => {
    const voice = await RawVoice.open(t, server, await login(t, faults), CHANNELS[used++]!)
    await voice.identify()
    return voice.ready.modes
  }
  assert.deepEqual(await modes('only-gcm'), ['aead_aes256_gcm_rtpsize'])
  assert.deepEqual(await modes('only-xchacha'), ['aead_xchacha20_poly1305_rtpsize'])
  assert.deepEqual(await modes('only-legacy'), ['xsalsa20_poly1305'])
  assert.equal((await modes('unknown-mode'))[0], 'aead_unknown_of_a_later_version')
})

/** Two clients with DAVE; the second has faults. */
async function encrypted(t: TestContext, faults: string) {
  const channel = CHANNELS[used++]!
  const dave = await loadDavey()
  const ana = await (await login(t, '')).voice(t, server, channel, { dave })
  await ana.connect()
  const bot = await login(t, faults)
  const ben = await bot.voice(t, server, channel, { dave })
  await ben.connect()
  return { ana, ben, bot }
}
const hasCode = (client: VoiceClient) => client.privacyCode !== undefined

test('messages of DAVE are lost, late, doubled or altered, and the trace says by which fault', async t => {
  const cases: [faults: string, fields: Partial<MessageRecord>][] = [
    ['external-sender-lost', { op: 25, fate: 'lost' }],
    ['key-package-lost', { op: 26, fate: 'lost', from: 'client' }],
    ['proposals-lost:1@after:session', { op: 27, fate: 'lost' }],
    ['proposals-twice', { op: 27, fate: 'twice' }],
    ['late-proposals:20ms', { op: 27, fate: 'late' }],
    ['welcome-lost:1', { op: 30, fate: 'lost' }],
    ['welcome-garbage', { op: 30, fate: 'changed' }],
    ['late-welcome:50ms', { op: 30, fate: 'late' }],
    ['transition-zero', { op: 30, fate: 'changed' }],
  ]
  for (const [faults, fields] of cases) {
    const { bot } = await encrypted(t, faults)
    await bot.traced(server, { kind: 'message', ...fields })
  }
  // The first member receives the commit that adds the second one.
  for (const [faults, fields] of [
    ['commit-lost', { op: 29, fate: 'lost' }],
    ['commit-twice', { op: 29, fate: 'twice' }],
    ['commit-garbage', { op: 29, fate: 'changed' }],
    ['execute-lost', { op: 22, fate: 'lost' }],
    ['transition-ready-lost', { op: 23, fate: 'lost', from: 'client' }],
  ] as const) {
    const channel = CHANNELS[used++]!
    const dave = await loadDavey()
    const bot = await login(t, faults)
    await (await bot.voice(t, server, channel, { dave })).connect()
    await (await (await login(t, '')).voice(t, server, channel, { dave })).connect()
    await bot.traced(server, { kind: 'message', ...fields })
  }
})

test('a reset, a downgrade and a session without DAVE', async t => {
  const { ben, bot } = await encrypted(t, '')
  const { user } = bot.ready
  if (!hasCode(ben)) await new Promise<void>(resolve => ben.once('encryption', () => resolve()))
  server.fault(user.id, 'epoch-reset')
  const packages = () =>
    server.trace.events(user.id).filter(event => event.kind === 'message' && event.op === 26).length
  const traced = new Promise<void>(resolve => {
    const stop = server.trace.listen(() => {
      if (packages() < 2) return
      stop()
      resolve()
    })
  })
  await traced
  const version = new Promise<number>(resolve => ben.once('encryption', ({ version }) => resolve(version)))
  server.fault(user.id, 'downgrade')
  assert.equal(await version, 0)
  const without = await encrypted(t, 'no-dave')
  assert.ok(!hasCode(without.ben))
})
