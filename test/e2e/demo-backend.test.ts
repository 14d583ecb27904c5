// createServer() and createDemoBackend(), as authors of bots and voice libraries use them inside their own tests.
import assert from 'node:assert/strict'
import { after, before, type TestContext, test } from 'node:test'
import { VoiceClient, VoiceClosedError } from '@parley/client'
import {
  createDemoBackend,
  createServer,
  type DemoBackend,
  type DemoCredentials,
  type Server,
  selfSignedCertificate,
} from '@parley/server'
import { numberedFrames } from './opus-frames.ts'
import { until } from './until.ts'

const TIMEOUT = 60_000
const STAGE = '1300000000000000003'

const tls = selfSignedCertificate()
let server: Server
let backend: DemoBackend
before(async () => {
  server = await createServer({ tls })
  backend = await createDemoBackend({ lvspUrl: server.lvspUrl, secret: server.secret, ca: tls.cert })
})
after(async () => {
  await backend.close()
  await server.close()
})

/** A bot that records the speaker's number in each frame of `numberedFrames` that it receives. */
class Bot {
  readonly client: VoiceClient
  readonly heard: number[] = []
  closeCode: number | undefined

  constructor(credentials: DemoCredentials) {
    const { endpoint, server_id, channel_id, user_id, session_id, token } = credentials
    const who = { serverId: server_id, channelId: channel_id, userId: user_id, sessionId: session_id, token }
    this.client = new VoiceClient({ endpoint, ...who, tls: { ca: tls.cert } })
    this.client.on('frame', ({ payload }) => {
      if (payload[0] === 0x78) this.heard.push((payload[1]! << 8) | payload[2]!)
    })
    this.client.on('closed', ({ code }) => {
      this.closeCode = code
    })
  }

  static async join(t: TestContext, credentials: DemoCredentials): Promise<Bot> {
    const bot = new Bot(credentials)
    t.after(() => bot.client.close())
    await bot.client.connect()
    return bot
  }

  /** Sends five frames that carry this number. */
  say(number: number): Promise<void> {
    return this.client.play(numberedFrames(5, number))
  }
}

test('admitted users receive each other’s frames, and the backend receives their events', {
  timeout: TIMEOUT,
}, async t => {
  const told: string[] = []
  const onConnected = ({ userId }: { userId: string }) => told.push(`${userId} connected`)
  const onSpeaking = ({ userId, speaking }: { userId: string; speaking: number }) =>
    told.push(`${userId} speaking ${speaking}`)
  backend.on('voiceStateConnected', onConnected).on('speaking', onSpeaking)
  t.after(() => backend.off('voiceStateConnected', onConnected).off('speaking', onSpeaking))
  const [ana, ben] = [await Bot.join(t, await backend.join('1')), await Bot.join(t, await backend.join('2'))]
  await ana.say(1)
  await until('all frames', () => ben.heard.length === 5)
  await until('the events', () => told.length === 4)
  assert.deepEqual(told, ['1 connected', '2 connected', '1 speaking 1', '1 speaking 0'])
  assert.deepEqual(
    [...backend.members],
    [
      ['1', backend.channelId],
      ['2', backend.channelId],
    ],
  )
})

test('each user without an id gets a new one', async () => {
  const [one, two] = [await backend.join(), await backend.join()]
  assert.notEqual(one.user_id, two.user_id)
  assert.notEqual(one.session_id, two.session_id)
  assert.notEqual(one.token, two.token)
  assert.equal(one.endpoint, server.endpoint)
  assert.equal(one.server_id, backend.guildId)
  for (const { user_id } of [one, two]) backend.leave(user_id)
})

test('a muted user is not forwarded, and a deafened user receives nothing', { timeout: TIMEOUT }, async t => {
  const [ana, ben, eve] = [
    await Bot.join(t, await backend.join('11')),
    await Bot.join(t, await backend.join('12')),
    await Bot.join(t, await backend.join('13', { mute: true })),
  ]
  backend.deafen('12')
  await eve.say(13)
  await ana.say(11)
  await until('ana', () => eve.heard.length === 5)
  assert.deepEqual([ana.heard, ben.heard], [[], []])
  backend.deafen('12', false)
  backend.mute('13', false)
  await until('eve', () => {
    eve.client.sendFrame(numberedFrames(1, 13)[0]!)
    return ana.heard.includes(13) && ben.heard.includes(13)
  })
  assert.throws(() => backend.mute('99'), RangeError)
})

test('a kicked user is closed with 4014', { timeout: TIMEOUT }, async t => {
  const bot = await Bot.join(t, await backend.join('21'))
  const gone = new Promise<number>(resolve => backend.once('voiceStateDisconnected', ({ code }) => resolve(code)))
  backend.leave('21')
  await until('the close', () => bot.closeCode === 4014)
  assert.equal(await gone, 4014)
  assert.ok(!backend.members.has('21'))
})

test('a moved user is closed with 4014 and joins the other channel with the same session id', {
  timeout: TIMEOUT,
}, async t => {
  const before = await backend.join('31')
  const bot = await Bot.join(t, before)
  const there = await Bot.join(t, await backend.join('32', { channelId: STAGE }))
  const after = await backend.move('31', STAGE)
  await until('the close', () => bot.closeCode === 4014)
  assert.equal(after.session_id, before.session_id)
  assert.equal(after.channel_id, STAGE)
  const moved = await Bot.join(t, after)
  await moved.say(31)
  await until('all frames', () => there.heard.length === 5)
  assert.throws(() => backend.move('99', STAGE), RangeError)
})

test('the users of a destroyed channel are closed with 4014', { timeout: TIMEOUT }, async t => {
  const bot = await Bot.join(t, await backend.join('41', { channelId: STAGE }))
  backend.destroyChannel(STAGE)
  await until('the close', () => bot.closeCode === 4014)
  assert.ok(!backend.members.has('41'))
})

test('a call continues while the backend is disconnected, and the backend reconnects', {
  timeout: TIMEOUT,
}, async t => {
  const [ana, ben] = [await Bot.join(t, await backend.join('51')), await Bot.join(t, await backend.join('52'))]
  const back = new Promise<void>(resolve => backend.once('connected', () => resolve()))
  backend.dropConnection()
  await ana.say(51)
  await until('all frames', () => ben.heard.filter(number => number === 51).length === 5)
  await back
  await Bot.join(t, await backend.join('53'))
})

test('the token of another user is refused', { timeout: TIMEOUT }, async () => {
  const [one, other] = [await backend.join('61'), await backend.join('62')]
  const { client } = new Bot({ ...one, token: other.token })
  await assert.rejects(client.connect(), (error: unknown) => error instanceof VoiceClosedError && error.code === 4004)
})
