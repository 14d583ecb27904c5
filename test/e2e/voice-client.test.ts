// The voice client and a node over real sockets: all encryption modes, lost connections, moves, removals, IPv4 and IPv6.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { afterEach, test } from 'node:test'
import {
  LvspClient,
  OggOpusWriter,
  readOggOpus,
  VoiceClient,
  type VoiceClientOptions,
  VoiceClosedError,
} from '@parley/client'
import { VoiceClose, VoiceMode, VoiceOp } from '@parley/protocol'
import { createServer } from '@parley/server'
import { numberedFrames } from './opus-frames.ts'
import { processPauses } from './process-pauses.ts'
import { CERTIFICATE, CERTIFICATE_FILE, KEY_FILE } from './trust.ts'
import { UdpPath } from './udp-path.ts'
import { until } from './until.ts'

const GUILD = '41771983423143937'
const LOUNGE = '127121515262115840'
const STAGE = '127121515262115841'
const SILENCE = 'f8fffe'
const TIMEOUT = { timeout: 90_000 }

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

interface Place {
  tls?: boolean
  host?: string
  media?: string
  /** Addresses that Ready names. */
  announce?: string[]
}

/** A node on free ports and a backend that controls it. */
async function openNode({ tls = false, host = '127.0.0.1', media = '127.0.0.1', announce = [] }: Place = {}) {
  const certificate = tls ? { tls_cert: CERTIFICATE_FILE, tls_key: KEY_FILE } : {}
  const server = await createServer({
    http: { listen: `${host}:0`, endpoint: tls ? 'localhost' : undefined, ...certificate },
    media: { listen: media, port: 0, announce },
    voice: { legacy_modes: true },
    log: { level: 'silent' },
  })
  open.push(server)
  const trust = tls ? { ca: CERTIFICATE } : undefined
  const backend = new LvspClient({ url: server.lvspUrl, secret: server.secret, tls: trust })
  open.push(backend)
  await backend.connect()

  /** Admits a user; resolves with a client that is not connected yet. */
  const admit = async (userId: string, options: Partial<VoiceClientOptions> = {}, channelId = LOUNGE) => {
    await backend.requestChannel({ guildId: GUILD, channelId })
    const { sessionId, token } = await backend.createVoiceState({ guildId: GUILD, channelId, userId })
    assert.ok(token !== undefined, 'the node gives each user a token')
    const client = new VoiceClient({
      ...{ endpoint: new URL(server.url).host, tls: trust ?? false, random: () => 0.1 },
      ...{ serverId: GUILD, channelId, userId, sessionId, token, ...options },
    })
    open.push(client)
    return client
  }
  const join = async (...asked: Parameters<typeof admit>) => {
    const client = await admit(...asked)
    await client.connect()
    return client
  }
  return { server, backend, admit, join }
}

/** Records received frames by user, as hex, in order of arrival and without silence. */
function listen(client: VoiceClient): Map<string, string[]> {
  const heard = new Map<string, string[]>()
  client.on('frame', ({ userId = 'unknown', payload }) => {
    const hex = Buffer.from(payload).toString('hex')
    if (hex !== SILENCE) heard.set(userId, [...(heard.get(userId) ?? []), hex])
  })
  return heard
}

/** Sends frames after the others have learned the speaker's SSRC. */
async function say(client: VoiceClient, userId: string, frames: readonly Uint8Array[], others: readonly VoiceClient[]) {
  client.sendFrame(Buffer.from(SILENCE, 'hex'))
  await until(`the SSRC of ${userId}`, () => others.every(other => other.members.get(userId)?.ssrc === client.ssrc))
  for (const frame of frames) assert.equal(client.sendFrame(frame), true)
}

const hexOf = (frames: readonly Uint8Array[]) => frames.map(frame => Buffer.from(frame).toString('hex'))

test('members with different encryption modes receive each other’s frames intact', TIMEOUT, async () => {
  const { join } = await openNode()
  const modes = Object.values(VoiceMode)
  const clients = await Promise.all(modes.map((mode, index) => join(String(1001 + index), { mode })))
  assert.deepEqual(
    clients.map(client => client.mode),
    modes,
  )
  const heard = clients.map(listen)
  const spoken = clients.map((_, index) => numberedFrames(20, index))
  for (const [index, client] of clients.entries())
    await say(client, String(1001 + index), spoken[index]!, clients.toSpliced(index, 1))
  const complete = (map: Map<string, string[]>) =>
    map.size === clients.length - 1 && [...map.values()].every(frames => frames.length === 20)
  await until('all frames at all members', () => heard.every(complete))
  for (const [listener, map] of heard.entries())
    for (const [speaker, frames] of spoken.entries())
      assert.deepEqual(
        map.get(String(1001 + speaker)),
        speaker === listener ? undefined : hexOf(frames),
        `${modes[speaker]} to ${modes[listener]}`,
      )
})

test('a client of each gateway version from 4 joins, sends and resumes', TIMEOUT, async () => {
  const { join } = await openNode()
  const ben = await join('2001')
  const heard = listen(ben)
  for (const version of [4, 5, 6, 7, 8, 9]) {
    const userId = String(2100 + version)
    const ana = await join(userId, { version })
    await until('ben', () => ana.members.get('2001') !== undefined)
    const back = new Promise(resolve => ana.once('resumed', () => resolve(undefined)))
    ana.dropConnection()
    await back
    const frames = numberedFrames(5, version)
    await say(ana, userId, frames, [ben])
    await until('the frames', () => heard.get(userId)?.length === 5)
    assert.deepEqual(heard.get(userId), hexOf(frames), `v${version}`)
    await ana.close()
  }
})

test('a cut connection is resumed: media continues, and missed events are replayed', TIMEOUT, async () => {
  const { join } = await openNode()
  const [ana, ben] = [await join('3001', { random: () => 0.99 }), await join('3002')]
  const heard = listen(ben)
  await until('ben at ana', () => ana.members.size === 1)
  const [events, seenByBen]: [string[], string[]] = [[], []]
  for (const event of ['disconnected', 'resumed', 'ready'] as const) ana.on(event, () => events.push(event))
  ana.on('userConnected', ({ userId }) => events.push(userId))
  ben.on('userConnected', ({ userId }) => seenByBen.push(userId))
  ben.on('userDisconnected', ({ userId }) => seenByBen.push(`${userId} left`))
  const { ssrc } = ana
  await say(ana, '3001', numberedFrames(3, 1), [ben])
  ana.dropConnection()
  await until('the loss', () => events.includes('disconnected'))
  for (const frame of numberedFrames(3, 2)) assert.equal(ana.sendFrame(frame), true)
  await join('3003')
  await until('the new user', () => events.includes('3003'))
  for (const frame of numberedFrames(3, 3)) ana.sendFrame(frame)
  await until('all frames', () => heard.get('3001')?.length === 9)
  assert.deepEqual(
    heard.get('3001'),
    [1, 2, 3].flatMap(part => hexOf(numberedFrames(3, part))),
  )
  assert.equal(ana.ssrc, ssrc)
  assert.deepEqual([events, seenByBen], [['disconnected', 'resumed', '3003'], ['3003']])
})

test('a move ends the old session, and the new one sends to the other channel only', TIMEOUT, async () => {
  const { admit, join } = await openNode()
  const [ana, ben] = [await join('4001'), await join('4002')]
  const eve = await join('4003', {}, STAGE)
  const [benHeard, eveHeard] = [listen(ben), listen(eve)]
  const closed = new Promise<{ code: number }>(resolve => ana.once('closed', resolve))
  const moved = await admit('4001', {}, STAGE)
  assert.equal((await closed).code, VoiceClose.Disconnected)
  await until('the departure at ben', () => ben.members.get('4001') === undefined)
  await moved.connect()
  await say(moved, '4001', numberedFrames(5, 1), [eve])
  await until('the frames at eve', () => eveHeard.get('4001')?.length === 5)
  assert.equal(benHeard.size, 0)
})

test('a kicked client is closed with 4014 and does not reconnect', TIMEOUT, async () => {
  const { backend, join } = await openNode()
  const [ana, ben] = [await join('5001'), await join('5002')]
  const closed = new Promise<{ code: number }>(resolve => ana.once('closed', resolve))
  backend.destroyVoiceState({ guildId: GUILD, userId: '5001' })
  assert.equal((await closed).code, VoiceClose.Disconnected)
  await until('the departure at ben', () => ben.members.size === 0)
  assert.equal(ana.state, 'closed')
})

test('a muted client is not forwarded; its listeners receive silence frames', TIMEOUT, async () => {
  const { backend, join } = await openNode()
  const [ana, ben] = [await join('5101'), await join('5102')]
  const heard = listen(ben)
  await say(ana, '5101', numberedFrames(3, 1), [ben])
  await until('the frames', () => heard.get('5101')?.length === 3)
  const silences: Uint8Array[] = []
  ben.on('frame', ({ payload }) => silences.push(payload))
  backend.updateVoiceState({ guildId: GUILD, channelId: LOUNGE, userId: '5101' }, { mute: true })
  await backend.requestChannel({ guildId: GUILD, channelId: LOUNGE })
  const frames = numberedFrames(20, 2)
  for (const frame of frames) ana.sendFrame(frame)
  backend.updateVoiceState({ guildId: GUILD, channelId: LOUNGE, userId: '5101' }, { mute: false })
  await backend.requestChannel({ guildId: GUILD, channelId: LOUNGE })
  await say(ana, '5101', numberedFrames(2, 3), [ben])
  await until('the frames after unmuting', () => heard.get('5101')?.at(-1) === hexOf(numberedFrames(2, 3)).at(-1))
  assert.equal(
    heard.get('5101')?.some(frame => hexOf(frames).includes(frame)),
    false,
  )
  assert.ok(silences.filter(payload => Buffer.from(payload).toString('hex') === SILENCE).length >= 5)
})

test('a client that wants no source receives none', TIMEOUT, async () => {
  const { join } = await openNode()
  const [ana, ben, eve] = [await join('5201'), await join('5202'), await join('5203')]
  const [benHeard, eveHeard] = [listen(ben), listen(eve)]
  ben.command(VoiceOp.MediaSinkWants, { any: 0 })
  // The node forwards ben's later speaking only after it has processed the wants.
  await say(ben, '5202', [], [ana])
  await until('ben’s speaking at ana', () => (ana.members.get('5202')?.speaking ?? 0) > 0)
  await say(ana, '5201', numberedFrames(10, 1), [eve])
  await until('the frames at eve', () => eveHeard.get('5201')?.length === 10)
  ben.command(VoiceOp.MediaSinkWants, { any: 100 })
  await until('frames at ben', () => {
    ana.sendFrame(Buffer.from('7800', 'hex'))
    return benHeard.has('5201')
  })
  assert.deepEqual(new Set(benHeard.get('5201')), new Set(['7800']))
})

test('clients over IPv4 and IPv6 share a channel', TIMEOUT, async () => {
  const { server, join } = await openNode({ host: '[::]', media: '::', tls: true })
  const { port } = new URL(server.url)
  const ana = await join('6001', { endpoint: `127.0.0.1:${port}` })
  const ben = await join('6002', { endpoint: `[::1]:${port}` })
  const heard = [listen(ana), listen(ben)]
  await say(ana, '6001', numberedFrames(5, 1), [ben])
  await say(ben, '6002', numberedFrames(5, 2), [ana])
  await until(
    'all frames at both clients',
    () => heard[0]?.get('6002')?.length === 5 && heard[1]?.get('6001')?.length === 5,
  )
})

test('a self-signed certificate is accepted only by clients that are configured to trust it', TIMEOUT, async () => {
  const { join, admit } = await openNode({ tls: true })
  await join('7001')
  const distrustful = await admit('7002', { tls: {} })
  await assert.rejects(distrustful.connect(), /1006: .*certificate/)
})

test('a wrong token is refused with its code and reason', TIMEOUT, async () => {
  const { admit } = await openNode()
  const ana = await admit('7101', { token: 'not-the-token' })
  await assert.rejects(
    ana.connect(),
    error => error instanceof VoiceClosedError && error.code === VoiceClose.AuthenticationFailed,
  )
})

test('a played file arrives intact in real time and can be recorded', TIMEOUT, async context => {
  const { join } = await openNode()
  const [ana, ben] = [await join('8001'), await join('8002')]
  const speech = readOggOpus(readFileSync(new URL('../../packages/server/assets/speech/ana-1.opus', import.meta.url)))
  const recording: Uint8Array[] = []
  const writer = new OggOpusWriter({ channels: 1 })
  ben.on('frame', ({ payload }) => recording.push(writer.write(payload)))
  const pauses = processPauses(context)
  const start = performance.now()
  await ana.play(speech.packets)
  const took = performance.now() - start
  const paused = pauses.reduce((sum, [from, end]) => sum + end - from, 0)
  await until('the silence frames', () => recording.length === speech.packets.length + 5)
  const heard = readOggOpus(Buffer.concat([...recording, writer.end()])).packets
  assert.deepEqual(hexOf(heard.slice(0, -5)), hexOf(speech.packets))
  const duration = speech.packets.length * 20
  assert.ok(took > duration - 25 && took < duration + 1_000 + paused, `${duration} ms took ${took} ms`)
  const [source] = ben.report?.received ?? []
  assert.deepEqual([source?.packets, source?.lost], [speech.packets.length + 5, 0])
})

test('a silent listener whose NAT assigns another port receives again with its next ping', TIMEOUT, async context => {
  const nat = '127.0.0.77'
  const { server, join } = await openNode({ announce: [nat] })
  const path = await UdpPath.open(context, { node: server.mediaPort, host: nat, port: server.mediaPort })
  const ana = await join('81384788765712384')
  const ben = await join('81384788765712385')
  let received = 0
  ben.on('frame', () => received++)
  const talk = setInterval(() => ana.sendFrame(Buffer.from('f801', 'hex')), 20)
  context.after(() => clearInterval(talk))
  await until('the first frames', () => received > 10)
  path.changeAddresses()
  received = 0
  await until('frames at the new port', () => received > 10)
})

test('the media port answers pings', TIMEOUT, async () => {
  const { join } = await openNode()
  const start = performance.now()
  const ana = await join('8101')
  await until('the round trip', () => ana.ping !== undefined)
  assert.ok(ana.ping! >= 0 && ana.ping! < performance.now() - start, `${ana.ping} ms`)
})
