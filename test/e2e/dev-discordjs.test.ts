// The ordinary discord.js client against a test server: login, voice, moderation over REST, faults.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { createTestServer, type TestServer } from '@parley/server'
import { DiscordjsClient } from './discordjs-client.ts'
import { numberedFrames, withoutSilence } from './opus-frames.ts'
import { CERTIFICATE_FILE, KEY_FILE, trustTestCertificate } from './trust.ts'
import { until } from './until.ts'

const GUILD = '1300000000000000001'
const LOUNGE = '1300000000000000002'
const MUSIC = '1300000000000000003'
const TIMEOUT = 90_000

let server: TestServer
const clients: DiscordjsClient[] = []

before(async () => {
  trustTestCertificate()
  server = await createTestServer({
    tls: { cert: readFileSync(CERTIFICATE_FILE, 'utf8'), key: readFileSync(KEY_FILE, 'utf8') },
  })
})
after(async () => {
  await Promise.all(clients.map(client => client.end()))
  await server.close()
})

async function login(token: string): Promise<DiscordjsClient> {
  const client = await DiscordjsClient.login(server, token)
  clients.push(client)
  return client
}

async function talks(from: DiscordjsClient, to: DiscordjsClient): Promise<void> {
  to.listenTo(from.userId)
  from.connection.setSpeaking(true)
  await until('the SSRC of the speaker', () => to.knows(from.userId))
  // The libraries encrypt end to end; frames before the first epoch of both would be lost.
  await until('end-to-end encryption', () => from.privacyCode !== undefined && from.privacyCode === to.privacyCode)
  const frames = numberedFrames(20, 7)
  await from.play(frames)
  const heard = to.heard.get(from.userId) ?? []
  await until('the last frame', () => withoutSilence(heard).length >= frames.length)
  assert.deepEqual(withoutSilence(heard), withoutSilence(frames))
}

test('two clients log in with any token, talk, are moved and kicked over REST, and leave', {
  timeout: TIMEOUT,
}, async () => {
  const [ana, ben] = [await login('ana'), await login('ben')]
  assert.equal(ana.client.user.username, 'ana')
  await ana.join(GUILD, LOUNGE)
  await ben.join(GUILD, LOUNGE)
  await talks(ana, ben)

  const guild = ana.client.guilds.cache.get(GUILD)!
  const member = await guild.members.fetch(ben.userId)
  await member.voice.setChannel(MUSIC)
  await until('the move', () => server.inspect()!.channels.some(({ channelId }) => channelId === MUSIC))
  await until('the move at the other client', () => ana.channelOf(GUILD, ben.userId) === MUSIC)
  ana.client.guilds.cache.get(GUILD)?.members.me?.voice.setChannel(MUSIC)
  await until('the move of the other', () => ben.channelOf(GUILD, ana.userId) === MUSIC)
  const moved = () =>
    server.inspect()!.sessions.filter(({ channelId, state }) => channelId === MUSIC && state === 'connected')
  await until('both sessions in the other channel', () => moved().length === 2)
  await Promise.all([ana.ready(), ben.ready()])

  await member.voice.disconnect()
  await ben.disconnected()
  const { state } = ben.connection
  assert.equal('closeCode' in state ? state.closeCode : undefined, 4014)
  assert.deepEqual(
    server.members.map(({ name }) => name),
    ['ana'],
  )
  ana.leave()
  await until('the end of the call', () => server.members.length === 0)
})

test('a fault in a token drops the voice WebSocket, and the client resumes', { timeout: TIMEOUT }, async () => {
  const eve = await login('eve.fault:drop-ws@300ms')
  await eve.join(GUILD, LOUNGE)
  await until('the resumed connection', () => eve.networking.slice(-2).join(' ') === 'resuming ready')
  eve.leave()
})

test('after close code 4006 the client joins again with a new session', { timeout: TIMEOUT }, async () => {
  const kim = await login('kim')
  await kim.join(GUILD, LOUNGE)
  kim.networking.length = 0
  server.fault('kim', 'close-ws:4006')
  await until('a new connection', () => kim.networking.includes('identifying') && kim.networking.at(-1) === 'ready')
  kim.leave()
})

test('lost requests of IP discovery keep a client from joining, and those of another are not lost', {
  timeout: TIMEOUT,
}, async () => {
  const [lost, well] = [await login('lost.fault:discovery-lost'), await login('well')]
  lost.knock(GUILD, LOUNGE)
  await until('IP discovery', () => lost.networking.includes('udpHandshaking'))
  await well.join(GUILD, LOUNGE)
  assert.ok(!lost.networking.includes('ready'))
  assert.equal(server.members.length, 2)
  lost.leave()
  well.leave()
})

test('members whose channel moves to a second node reconnect there and talk', { timeout: TIMEOUT }, async () => {
  const [zoe, max] = [await login('zoe'), await login('max')]
  await zoe.join(GUILD, MUSIC)
  await max.join(GUILD, MUSIC)
  server.fault('zoe', 'endpoint-move')
  await until('an empty first node', () => server.inspect()?.sessions.length === 0)
  await Promise.all([zoe.ready(), max.ready()])
  await talks(zoe, max)
  zoe.leave()
  max.leave()
})

test('a node that is started again serves its members', { timeout: TIMEOUT }, async () => {
  const sam = await login('sam')
  await sam.join(GUILD, LOUNGE)
  await server.stopNode()
  assert.equal(server.inspect(), undefined)
  await server.startNode()
  await until('a session on the new node', () => server.inspect()?.sessions.length === 1)
  await sam.ready()
  sam.leave()
})
