// @discordjs/voice with its DAVE library: encrypted calls that the node forwards without access to their frames.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { DiscordjsBot } from './discordjs-bot.ts'
import { numberedFrames, withoutSilence } from './opus-frames.ts'
import { Scene } from './scene.ts'
import { until } from './until.ts'

const GUILD = '41771983423143937'
const TIMEOUT = 120_000

let scene: Scene
let lastChannel = 127_121_515_262_115_840n
const bots: DiscordjsBot[] = []

before(async () => {
  scene = await Scene.open()
})
after(async () => {
  for (const bot of bots) bot.leave()
  await scene.close()
})

const newChannel = () => String(++lastChannel)

async function join(userId: string, channelId: string, dave = true): Promise<DiscordjsBot> {
  const bot = new DiscordjsBot(scene, userId, { dave })
  bots.push(bot)
  await bot.join(GUILD, channelId)
  bot.connection.setSpeaking(true)
  return bot
}

interface InspectedDave {
  version: number
  epoch: number
  members: number
  proposed: boolean
  preparing: boolean
}
function daveOf(channelId: string): InspectedDave | undefined {
  const { channels } = scene.server.inspect()
  return channels.find(channel => channel.channelId === channelId)?.dave
}

/** Resolves when all members are in one group and no transition is pending. */
const encrypted = (channelId: string, members: readonly DiscordjsBot[]) =>
  until(`${members.length} in one group`, () => {
    const dave = daveOf(channelId)
    const codes = new Set(members.map(bot => bot.privacyCode))
    const isQuiet = dave?.version === 1 && dave.members === members.length && !dave.proposed && !dave.preparing
    return isQuiet && codes.size === 1 && !codes.has(undefined)
  })

const inTheClear = (channelId: string) =>
  until('the call to be unencrypted', () => daveOf(channelId)?.version === 0 && !daveOf(channelId)?.preparing)

async function talks(from: DiscordjsBot, hearers: readonly DiscordjsBot[], count = 20): Promise<void> {
  for (const to of hearers) to.listenTo(from.userId)
  await until('the speaker to be known', () => hearers.every(to => to.knows(from.userId)))
  const frames = numberedFrames(count, Number(BigInt(from.userId) & 0xffffn))
  await from.play(frames)
  for (const to of hearers) {
    const heard = () => withoutSilence(to.heard.get(from.userId) ?? [])
    await until(`the last frame at ${to.userId}`, () => heard().length >= count)
    assert.deepEqual(heard(), withoutSilence(frames))
  }
}

test('two bots encrypt end to end and receive each other’s frames intact', { timeout: TIMEOUT }, async () => {
  const channel = newChannel()
  const [ana, ben] = [await join('2001', channel), await join('2002', channel)]
  await encrypted(channel, [ana, ben])
  await talks(ana, [ben])
  await talks(ben, [ana])
})

test('after a third bot joins and after it leaves, all members receive each other', { timeout: TIMEOUT }, async () => {
  const channel = newChannel()
  const [ana, ben] = [await join('2011', channel), await join('2012', channel)]
  await encrypted(channel, [ana, ben])
  const code = ana.privacyCode
  const eve = await join('2013', channel)
  await encrypted(channel, [ana, ben, eve])
  assert.notEqual(ana.privacyCode, code)
  await talks(ana, [ben, eve])
  await talks(eve, [ana, ben])
  eve.leave()
  await encrypted(channel, [ana, ben])
  await talks(ben, [ana])
})

test('ten bots that join at once are encrypted after two epochs', { timeout: TIMEOUT }, async () => {
  const channel = newChannel()
  const members = await Promise.all(Array.from({ length: 10 }, (_, index) => join(`20${20 + index}`, channel)))
  await encrypted(channel, members)
  await talks(members[0]!, members.slice(1))
  await talks(members[9]!, members.slice(0, 9))
})

test('fifty bots share a group, and all receive the last one', { timeout: 2 * TIMEOUT }, async () => {
  const channel = newChannel()
  const members: DiscordjsBot[] = []
  while (members.length < 50)
    members.push(
      ...(await Promise.all(
        Array.from({ length: 10 }, (_, index) => join(`${2100 + members.length + index}`, channel)),
      )),
    )
  await until('fifty in one group', () => daveOf(channel)?.members === 50 && !daveOf(channel)?.preparing, TIMEOUT)
  await encrypted(channel, members)
  await talks(members[49]!, members.slice(0, 49))
})

test('a bot without DAVE downgrades the call, which is upgraded again when the bot leaves', {
  timeout: TIMEOUT,
}, async () => {
  const channel = newChannel()
  const [ana, ben] = [await join('2041', channel), await join('2042', channel)]
  await encrypted(channel, [ana, ben])
  const old = await join('2043', channel, false)
  await inTheClear(channel)
  await talks(ana, [ben, old])
  await talks(old, [ana, ben])
  old.leave()
  await encrypted(channel, [ana, ben])
  await talks(ben, [ana])
})

test('a bot whose connection was cut resumes as a member of its group', { timeout: TIMEOUT }, async () => {
  const channel = newChannel()
  const [ana, ben] = [await join('2051', channel), await join('2052', channel)]
  await encrypted(channel, [ana, ben])
  ben.cut()
  const eve = await join('2053', channel)
  await until('a resumed connection', () => ben.networking.at(-1) === 'ready' && ben.networking.includes('resuming'))
  await encrypted(channel, [ana, ben, eve])
  await talks(eve, [ana, ben])
  await talks(ben, [ana, eve])
})

test('a bot that is moved leaves one group and joins the other', { timeout: TIMEOUT }, async () => {
  const [channel, other] = [newChannel(), newChannel()]
  const [ana, ben, cyn] = [await join('2071', channel), await join('2072', channel), await join('2073', channel)]
  const eve = await join('2074', other)
  await encrypted(channel, [ana, ben, cyn])
  await ana.moveTo(GUILD, other)
  ana.connection.setSpeaking(true)
  await encrypted(channel, [ben, cyn])
  await encrypted(other, [ana, eve])
  assert.notEqual(ana.privacyCode, ben.privacyCode)
  await talks(ana, [eve])
  await talks(eve, [ana])
  await talks(ben, [cyn])
})

test('a bot that is left alone starts a new group, which the next bot joins', { timeout: TIMEOUT }, async () => {
  const channel = newChannel()
  const [ana, ben] = [await join('2061', channel), await join('2062', channel)]
  await encrypted(channel, [ana, ben])
  ben.leave()
  await until('the group to be empty', () => daveOf(channel)?.members === 0)
  const eve = await join('2063', channel)
  await encrypted(channel, [ana, eve])
  await talks(ana, [eve])
})
