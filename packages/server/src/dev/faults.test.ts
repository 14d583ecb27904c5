// Each fault of the table, as a voice client sees it.
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import type { VoiceClient } from '@parley/client'
import { RawBot } from '../testing/raw-bot.ts'
import { FAULTS } from './faults/fault-table.ts'
import { seeded } from './faults/seeded.ts'
import { UserFaults } from './faults/user-faults.ts'
import { UdpRelay } from './front/udp-relay.ts'
import { createTestServer } from './test-server.ts'

const LOUNGE = '1300000000000000002'

async function joined(t: TestContext, token: string) {
  const server = await createTestServer()
  t.after(() => server.close())
  const bot = await RawBot.login(t, server, token)
  const voice = await bot.voice(t, server, LOUNGE)
  return { server, bot, voice }
}

const next = (voice: VoiceClient, event: 'disconnected' | 'resumed' | 'closed') =>
  new Promise<{ code?: number }>(resolve => voice.once(event, value => resolve(value as { code?: number })))

test('close-ws closes with its code', async t => {
  const { server, voice } = await joined(t, 'ana')
  await voice.connect()
  const closed = next(voice, 'closed')
  server.fault('ana', 'close-ws:4014')
  assert.equal((await closed).code, 4014)
})

test('drop-ws in a token ends the connection without a close frame, once, and the client resumes', async t => {
  const { voice } = await joined(t, 'ana.fault:drop-ws@20ms')
  const [dropped, resumed] = [next(voice, 'disconnected'), next(voice, 'resumed')]
  await voice.connect()
  assert.equal((await dropped).code, 1006)
  await resumed
})

test('discovery-lost loses as many requests as it names, and the client repeats them', async t => {
  const { server, voice } = await joined(t, 'ana.fault:discovery-lost:2')
  await voice.connect()
  assert.equal(server.inspect()?.sessions.length, 1)
})

test('endpoint-move names no endpoint first, then that of the second node', async t => {
  const { server, bot, voice } = await joined(t, 'ana')
  await voice.connect()
  server.fault('ana', 'endpoint-move')
  assert.equal((await bot.event('VOICE_SERVER_UPDATE')).d.endpoint, null)
  const { d } = await bot.event('VOICE_SERVER_UPDATE')
  assert.match(d.endpoint, /^127\.0\.0\.1:\d+$/)
  assert.notEqual(d.endpoint, server.addresses.voice)
})

test('udp-loss loses a share of the datagrams, and the same seed the same ones', async t => {
  const passed = async (seed: number) => {
    const node = await openSocket(t)
    const client = await openSocket(t)
    const conditions = { isAcknowledging: true, isSilent: false, discoveryLosses: 0, loss: 0.5 }
    const random = seeded(seed, 'up')
    let count = 0
    // The last datagram always passes.
    const up = () => (++count > 100 ? 1 : random())
    const relay = await UdpRelay.open({ node: node.address().port, conditions, up, down: () => 1 })
    t.after(() => relay.close())
    const heard: number[] = []
    const last = new Promise<void>(resolve => {
      node.on('message', ([number = 0]) => (number === 100 ? resolve() : heard.push(number)))
    })
    for (let number = 0; number <= 100; number++) client.send(Uint8Array.of(number), relay.port, '127.0.0.1')
    await last
    return heard
  }
  const heard = await passed(5)
  assert.ok(heard.length > 25 && heard.length < 75, `${heard.length} of 100`)
  assert.deepEqual(await passed(5), heard)
  assert.notDeepEqual(await passed(6), heard)
})

async function openSocket(t: TestContext) {
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  t.after(() => socket.close())
  return socket
}

test('conditions last until they are cleared, and a repeated token adds its faults once', t => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const done: string[] = []
  const faults = new UserFaults({
    closeVoice: code => done.push(`close ${code}`),
    dropVoice: () => done.push('drop'),
    sendUnknownOpcode: () => done.push('unknown'),
    moveEndpoint: () => done.push('move'),
  })
  faults.addOnce('no-heartbeat-ack,silent-ws@5s,drop-ws@1s,close-ws:4017@2s,unknown-opcode,endpoint-move@3s')
  faults.addOnce('no-heartbeat-ack,silent-ws@5s,drop-ws@1s,close-ws:4017@2s,unknown-opcode,endpoint-move@3s')
  assert.equal(faults.conditions.isAcknowledging, false)
  t.mock.timers.tick(10_000)
  assert.deepEqual(done, [])
  faults.sessionStarted()
  t.mock.timers.tick(4_000)
  assert.deepEqual(done, ['unknown', 'drop', 'close 4017', 'move'])
  assert.equal(faults.conditions.isSilent, false)
  t.mock.timers.tick(1_000)
  assert.equal(faults.conditions.isSilent, true)
  faults.clear()
  assert.deepEqual(faults.conditions, { isAcknowledging: true, isSilent: false, discoveryLosses: 0, loss: 0 })
})

test('each fault has a meaning, and a user has a bounded number of them', () => {
  for (const [name, { meaning }] of Object.entries(FAULTS)) assert.ok(meaning.length > 10, name)
  const faults = new UserFaults({ closeVoice() {}, dropVoice() {}, sendUnknownOpcode() {}, moveEndpoint() {} })
  faults.add(Array(32).fill('drop-ws').join())
  assert.throws(() => faults.add('drop-ws'), /at most 32/)
})
