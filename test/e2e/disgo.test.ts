// disgo beside discord.js: its old release with gateway version 4 and xsalsa20_poly1305, its new one with version 8 and without DAVE.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { DiscordjsBot } from './discordjs-bot.ts'
import { ForeignBot } from './foreign-bot.ts'
import { disgo, disgoModern, reasonToSkip } from './foreign-tools.ts'
import { numberedFrames, withoutSilence } from './opus-frames.ts'
import { Scene } from './scene.ts'
import { discordjs, encrypted, foreign, inTheClear, parley, talks } from './talker.ts'
import { until } from './until.ts'

const GUILD = '41771983423143939'
const LOUNGE = '127121515262115860'
const TIMEOUT = 120_000

const tool = disgo()
const skip = reasonToSkip(tool)

let scene: Scene
const bots: { end(): void }[] = []

before(async () => {
  scene = await Scene.open({ legacyModes: true })
})
after(async () => {
  for (const bot of bots) bot.end()
  await scene.close()
})

test('a bot of gateway version 4 and a bot of version 8 receive each other', { skip, timeout: TIMEOUT }, async () => {
  assert.ok('command' in tool)
  const js = new DiscordjsBot(scene, '3002')
  bots.push({ end: () => js.leave() })
  await js.join(GUILD, LOUNGE)
  js.connection.setSpeaking(true)
  const go = new ForeignBot(scene, '3001', tool.command)
  bots.push(go)
  const joined = await go.join(GUILD, LOUNGE, [])
  assert.equal(joined.ssrc, scene.session(go.userId)?.audioSsrc)
  js.listenTo(go.userId)
  await until('the SSRC of disgo at discord.js', () => js.knows(go.userId))
  await until('the SSRC of discord.js at disgo', () => go.knows(js.userId))

  const said = numberedFrames(40, 1)
  const answered = numberedFrames(40, 2)
  await Promise.all([go.play(said), js.play(answered)])
  const heard = js.heard.get(go.userId) ?? []
  await until('the last frame of disgo', () => withoutSilence(heard).length >= said.length)
  assert.deepEqual(withoutSilence(heard), withoutSilence(said))
  await until('the last frame of discord.js', () => withoutSilence(go.heardOf(js.userId)).length >= answered.length)
  assert.deepEqual(withoutSilence(go.heardOf(js.userId)), withoutSilence(answered))

  await go.leave()
  await until('the end of its session', () => scene.session(go.userId) === undefined)
})

const modern = disgoModern()
test('a bot of gateway version 8 without DAVE downgrades an encrypted call, which is upgraded again when the bot leaves', {
  skip: reasonToSkip(modern),
  timeout: TIMEOUT,
}, async () => {
  assert.ok('command' in modern)
  const place = { scene, guildId: GUILD, channelId: '127121515262115861' }
  const members = [await discordjs({ ...place, userId: '3011' }), await parley({ ...place, userId: '3012' })]
  bots.push(...members)
  await encrypted(members)
  const go = await foreign(modern.command)({ ...place, userId: '3013' })
  bots.push(go)
  await inTheClear(members)
  await talks(go, members)
  for (const member of members) await talks(member, [go])
  await go.leave()
  await encrypted(members)
  await talks(members[0]!, [members[1]!])
})
