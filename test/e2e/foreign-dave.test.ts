// Bots in Python with their own DAVE libraries, discord.js and our client, in channels where encryption is required.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { ForeignBot } from './foreign-bot.ts'
import { discordPy, disnake, pyCord, reasonToSkip, type Tool } from './foreign-tools.ts'
import { Scene } from './scene.ts'
import { discordjs, encrypted, foreign, inTheClear, oldDiscordjs, parley, type Talker, talks } from './talker.ts'
import { until } from './until.ts'

const GUILD = '41771983423143940'
const TIMEOUT = 120_000

const libraries: Record<string, Tool> = {
  'discord.py, with davey': discordPy('--dave'),
  'disnake, with libdave': disnake(),
  'Pycord, with davey': pyCord(),
}

let scene: Scene
let lastChannel = 127_121_515_262_115_900n
let lastUser = 4_000
const talkers: Talker[] = []

before(async () => {
  scene = await Scene.open({ dave: 'required' })
})
after(async () => {
  for (const talker of talkers) talker.end()
  await scene.close()
})

type Join = (place: Parameters<typeof discordjs>[0]) => Promise<Talker>

/** Returns a function that joins one channel, by default a new one. */
function room(channelId = String(++lastChannel)) {
  return async (join: Join): Promise<Talker> => {
    const talker = await join({ scene, guildId: GUILD, channelId, userId: String(++lastUser) })
    talkers.push(talker)
    return talker
  }
}

function joinOf(tool: Tool): Join {
  assert.ok('command' in tool)
  return foreign(tool.command)
}

for (const [name, tool] of Object.entries(libraries)) {
  const skip = reasonToSkip(tool)

  test(`${name}: joins an existing group by Welcome, sends and receives`, { skip, timeout: TIMEOUT }, async () => {
    const enter = room()
    const members = [await enter(discordjs), await enter(parley)]
    await encrypted(members)
    const guest = await enter(joinOf(tool))
    await encrypted([...members, guest])
    await talks(guest, members)
    for (const member of members) await talks(member, [guest])
  })

  test(`${name}: starts the group that others join, and stays when they leave`, {
    skip,
    timeout: TIMEOUT,
  }, async () => {
    const enter = room()
    const host = await enter(joinOf(tool))
    const js = await enter(discordjs)
    await encrypted([host, js])
    await talks(host, [js])
    const own = await enter(parley)
    await encrypted([host, js, own])
    js.end()
    await encrypted([host, own])
    await talks(host, [own])
    await talks(own, [host])
  })
}

// The other libraries request a new session from their main gateway instead of resuming.
const resuming = 'disnake, with libdave'
const skip = reasonToSkip(libraries[resuming]!)
test(`${resuming}: resumes as a member of a group that has changed since`, { skip, timeout: TIMEOUT }, async () => {
  const enter = room()
  const [guest, own] = [(await enter(joinOf(libraries[resuming]!))) as ForeignBot, await enter(parley)]
  await encrypted([guest, own])
  await guest.cut()
  const js = await enter(discordjs)
  await encrypted([own, js])
  js.end()
  await until('the departure of discord.js', () => scene.session(js.userId) === undefined)
  const another = await enter(discordjs)
  await encrypted([own, another])
  await guest.resume()
  await encrypted([guest, own, another])
  await talks(guest, [own, another])
  await talks(another, [guest, own])
})

// Pycord 2.8.1 continues to encrypt in a downgraded call.
const goingToTheClear = Object.entries(libraries).filter(([name]) => !name.startsWith('Pycord'))
for (const [name, tool] of goingToTheClear)
  test(`${name}: follows the downgrade for a client without DAVE, and the upgrade after it`, {
    skip: reasonToSkip(tool),
    timeout: TIMEOUT,
  }, async () => {
    const channelId = String(++lastChannel)
    await scene.describe({ guildId: GUILD, channelId }, { dave: 'allowed' })
    const enter = room(channelId)
    const [guest, own] = [await enter(joinOf(tool)), await enter(parley)]
    await encrypted([guest, own])
    const old = await enter(oldDiscordjs)
    await inTheClear([guest, own])
    await talks(guest, [own, old])
    await talks(old, [guest, own])
    old.end()
    await encrypted([guest, own])
    await talks(guest, [own])
    await talks(own, [guest])
  })

const skipAll =
  Object.values(libraries)
    .map(reasonToSkip)
    .find(reason => reason !== false) ?? false
test('bots of all libraries in one call receive each other', { skip: skipAll, timeout: TIMEOUT }, async () => {
  const enter = room()
  const members: Talker[] = []
  for (const join of [discordjs, ...Object.values(libraries).map(joinOf), parley]) members.push(await enter(join))
  await encrypted(members)
  for (const member of members)
    await talks(
      member,
      members.filter(other => other !== member),
    )
})
