// @discordjs/voice against a node, over TLS and UDP: joins, audio, a broken connection, a move, a kick.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { VoiceConnectionStatus } from '@discordjs/voice'
import { DiscordjsBot } from './discordjs-bot.ts'
import { numberedFrames, withoutSilence } from './opus-frames.ts'
import { Scene } from './scene.ts'
import { until } from './until.ts'

const GUILD = '41771983423143937'
const LOUNGE = '127121515262115840'
const STAGE = '127121515262115841'
const TIMEOUT = 90_000

let scene: Scene
const bots: DiscordjsBot[] = []

before(async () => {
  scene = await Scene.open()
})
after(async () => {
  for (const bot of bots) bot.leave()
  await scene.close()
})

async function join(userId: string, channelId: string): Promise<DiscordjsBot> {
  const bot = new DiscordjsBot(scene, userId)
  bots.push(bot)
  await bot.join(GUILD, channelId)
  return bot
}

/** Two bots that have announced their SSRCs, without which a listener cannot attribute packets to a user. */
async function pair(channelId: string, names: [string, string]): Promise<[DiscordjsBot, DiscordjsBot]> {
  const ana = await join(names[0], channelId)
  const ben = await join(names[1], channelId)
  await introduce(ana, ben)
  return [ana, ben]
}

async function introduce(ana: DiscordjsBot, ben: DiscordjsBot): Promise<void> {
  ana.listenTo(ben.userId)
  ben.listenTo(ana.userId)
  ana.connection.setSpeaking(true)
  ben.connection.setSpeaking(true)
  await until('each bot to learn the other’s SSRC', () => ana.knows(ben.userId) && ben.knows(ana.userId))
}

async function talks(from: DiscordjsBot, to: DiscordjsBot, count: number): Promise<void> {
  const frames = numberedFrames(count, Number(BigInt(from.userId) & 0xffffn))
  const heard = to.heard.get(from.userId) ?? []
  heard.length = 0
  await from.play(frames)
  await until('the last frame', () => withoutSilence(heard).length >= count)
  const sent = withoutSilence(frames)
  // One packet of 65,536 begins its ciphertext with the bytes of a header extension, whose length the library then removes.
  const isCut = (frame: string, index: number) => frame === '' && sent[index] !== undefined
  const received = withoutSilence(heard)
  assert.ok(received.filter(isCut).length <= 1)
  assert.deepEqual(
    received.map((frame, index) => (isCut(frame, index) ? sent[index] : frame)),
    sent,
  )
}

test('two bots receive each other’s frames intact, in both directions at once', { timeout: TIMEOUT }, async () => {
  const [ana, ben] = await pair(LOUNGE, ['1001', '1002'])
  await Promise.all([talks(ana, ben, 40), talks(ben, ana, 40)])
  assert.ok(ben.startedSpeaking.includes(ana.userId))
  assert.ok(ana.startedSpeaking.includes(ben.userId))
})

test('a third bot learns the SSRCs of users that spoke before it joined', { timeout: TIMEOUT }, async () => {
  const eve = await join('1003', LOUNGE)
  await until('both users', () => eve.knows('1001') && eve.knows('1002'))
})

test('a cut connection resumes its session, and audio continues', { timeout: TIMEOUT }, async () => {
  const [ana, ben] = await pair(LOUNGE, ['1011', '1012'])
  const before = scene.session(ana.userId)
  ana.networking.length = 0
  ana.cut()
  await until('a resumed connection', () => ana.networking.at(-1) === 'ready')
  assert.deepEqual(ana.networking, ['resuming', 'ready'])
  const resumed = scene.session(ana.userId)
  assert.equal(resumed?.audioSsrc, before?.audioSsrc)
  assert.equal(resumed?.sessionId, before?.sessionId)
  assert.equal(ana.requests, 1)
  await Promise.all([talks(ana, ben, 20), talks(ben, ana, 20)])
})

test('media flows while the connection is cut', { timeout: TIMEOUT }, async () => {
  const [ana, ben] = await pair(LOUNGE, ['1021', '1022'])
  const talking = talks(ana, ben, 50)
  await until('the first frames', () => (ben.heard.get(ana.userId) ?? []).length > 10)
  ben.cut()
  await talking
  await ben.ready()
})

test('a moved bot sends to its new channel and no longer to the old one', {
  timeout: TIMEOUT,
}, async () => {
  const [ana, ben] = await pair(LOUNGE, ['1031', '1032'])
  const eve = await join('1033', STAGE)
  await ana.moveTo(GUILD, STAGE)
  await until('the move', () => scene.session(ana.userId)?.channelId === STAGE)
  await until('the departure from the old channel', () => !ben.knows(ana.userId))
  await introduce(ana, eve)
  const before = (ben.heard.get(ana.userId) ?? []).length
  await talks(ana, eve, 20)
  assert.equal((ben.heard.get(ana.userId) ?? []).length, before)
})

test('a kicked bot is closed with 4014 and does not reconnect', { timeout: TIMEOUT }, async () => {
  const [ana, ben] = await pair(LOUNGE, ['1041', '1042'])
  scene.remove(GUILD, ana.userId)
  await ana.disconnected()
  assert.equal(ana.closeCode, 4014)
  assert.equal(ana.requests, 1)
  await until('the end of its session', () => scene.session(ana.userId) === undefined)
  await until('the departure at the other bot', () => !ben.knows(ana.userId))
})

test('a bot whose channel is destroyed disconnects and does not request to join again', {
  timeout: TIMEOUT,
}, async () => {
  const [ana] = await pair(STAGE, ['1051', '1052'])
  scene.destroyChannel(GUILD, STAGE)
  await ana.disconnected()
  assert.equal(ana.requests, 1)
  assert.equal(ana.status, VoiceConnectionStatus.Disconnected)
})

test('after 4022 a bot whose channel is destroyed requests to join again', { timeout: TIMEOUT }, async t => {
  const other = await Scene.open({ channelEndCode: 4022 })
  t.after(() => other.close())
  const bot = new DiscordjsBot(other, '1055')
  t.after(() => bot.leave())
  await bot.join(GUILD, STAGE)
  other.forbid(bot.userId)
  other.destroyChannel(GUILD, STAGE)
  await bot.disconnected()
  assert.equal(bot.requests, 2)
})

test('a bot with a wrong token requests to join again and gets no session', { timeout: TIMEOUT }, async () => {
  const bot = new DiscordjsBot(scene, '1061')
  bots.push(bot)
  scene.forgeTokenOf(bot.userId)
  bot.knock(GUILD, LOUNGE)
  await until('a second request', () => bot.requests >= 2)
  scene.forbid(bot.userId)
  await bot.disconnected()
  assert.equal(scene.session(bot.userId), undefined)
  assert.ok(!bot.networking.includes('udpHandshaking'))
})
