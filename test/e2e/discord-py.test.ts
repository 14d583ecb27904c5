// discord.py (with discord-ext-voice-recv for receiving) and a discord.js bot in one channel, each with its own encryption mode.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { DiscordjsBot } from './discordjs-bot.ts'
import { ForeignBot } from './foreign-bot.ts'
import { discordPy, reasonToSkip } from './foreign-tools.ts'
import { numberedFrames, withoutSilence } from './opus-frames.ts'
import { Scene } from './scene.ts'
import { until } from './until.ts'

const GUILD = '41771983423143938'
const LOUNGE = '127121515262115850'
const STAGE = '127121515262115851'
const TIMEOUT = 60_000

const tool = discordPy()
const skip = reasonToSkip(tool)

let scene: Scene
const bots: { end(): void }[] = []

before(async () => {
  scene = await Scene.open()
})
after(async () => {
  for (const bot of bots) bot.end()
  await scene.close()
})

function python(userId: string): ForeignBot {
  assert.ok('command' in tool)
  const bot = new ForeignBot(scene, userId, tool.command)
  bots.push(bot)
  return bot
}

async function javascript(userId: string, channelId: string): Promise<DiscordjsBot> {
  const bot = new DiscordjsBot(scene, userId)
  bots.push({ end: () => bot.leave() })
  await bot.join(GUILD, channelId)
  return bot
}

test('discord.py and discord.js receive each other, each in its own encryption mode', {
  skip,
  timeout: TIMEOUT,
}, async () => {
  const py = python('2001')
  const joined = await py.join(GUILD, LOUNGE, [])
  assert.equal(joined.mode, 'aead_xchacha20_poly1305_rtpsize')
  assert.equal(joined.ssrc, scene.session(py.userId)?.audioSsrc)
  const js = await javascript('2002', LOUNGE)
  js.connection.setSpeaking(true)
  js.listenTo(py.userId)
  await until('the SSRC of discord.js at discord.py', () => py.knows(js.userId))
  await until('the SSRC of discord.py at discord.js', () => js.knows(py.userId))

  const said = numberedFrames(40, 1)
  await Promise.all([py.play(said), js.play(numberedFrames(40, 2))])
  const heard = js.heard.get(py.userId) ?? []
  await until('the last frame of discord.py', () => withoutSilence(heard).length >= said.length)
  assert.deepEqual(withoutSilence(heard), withoutSilence(said))
  await until('the last frame of discord.js', () => withoutSilence(py.heardOf(js.userId)).length >= 40)
  assert.deepEqual(withoutSilence(py.heardOf(js.userId)), withoutSilence(numberedFrames(40, 2)))
})

test('discord.py moves to another channel and is received there', { skip, timeout: TIMEOUT }, async () => {
  const py = python('2011')
  await py.join(GUILD, LOUNGE, [STAGE])
  const js = await javascript('2012', STAGE)
  js.listenTo(py.userId)
  await py.move(STAGE)
  await until('the move', () => scene.session(py.userId)?.channelId === STAGE)
  await until('the SSRC of discord.py at discord.js', () => js.knows(py.userId))
  const said = numberedFrames(20, 3)
  await py.play(said)
  const heard = js.heard.get(py.userId) ?? []
  await until('the last frame', () => withoutSilence(heard).length >= said.length)
  assert.deepEqual(withoutSilence(heard), withoutSilence(said))
})

test('discord.py leaves, and its session ends at once', { skip, timeout: TIMEOUT }, async () => {
  const py = python('2021')
  await py.join(GUILD, LOUNGE, [])
  await py.leave()
  await until('the end of its session', () => scene.session(py.userId) === undefined)
})
