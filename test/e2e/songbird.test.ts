// songbird, the voice library of serenity and twilight: gateway version 4, and DAVE with binary messages that have no number.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ForeignBot } from './foreign-bot.ts'
import { disnake, reasonToSkip, songbird } from './foreign-tools.ts'
import { SILENCE } from './opus-frames.ts'
import { Scene } from './scene.ts'
import { openSlowLine, type SlowLine } from './slow-line.ts'
import { discordjs, encrypted, foreign, inTheClear, oldDiscordjs, parley, type Talker, talks } from './talker.ts'
import { until, untilFits } from './until.ts'

const GUILD = '41771983423143941'
const TIMEOUT = 120_000

const tool = songbird()
const options = { skip: reasonToSkip(tool), timeout: TIMEOUT }

let scene: Scene
let line: SlowLine
let lastChannel = 127_121_515_262_116_000n
let lastUser = 5_000
const talkers: Talker[] = []

before(async () => {
  scene = await Scene.open({ issued: true })
  line = await openSlowLine(scene.endpoint, 0)
})
after(async () => {
  for (const talker of talkers) talker.end()
  await line.close()
  await scene.close()
})

/** Returns functions that join one new channel; songbird connects through `line`. */
async function room(dave: 'allowed' | 'required' = 'allowed') {
  const channelId = String(++lastChannel)
  await scene.describe({ guildId: GUILD, channelId }, { dave })
  const enter = async (join: typeof discordjs, endpoint = scene.server.endpoint): Promise<Talker> => {
    scene.endpoint = endpoint
    const talker = await join({ scene, guildId: GUILD, channelId, userId: String(++lastUser) })
    talkers.push(talker)
    return talker
  }
  const enterSongbird = async (): Promise<ForeignBot> => {
    assert.ok('command' in tool)
    const bot = await enter(foreign(tool.command), line.endpoint)
    assert.ok(bot instanceof ForeignBot)
    // It sends op 5 when it plays for the first time.
    await bot.play([SILENCE])
    return bot
  }
  /** songbird and the others are in one MLS group. songbird reports no voice privacy code; the others have to agree on theirs. */
  const grouped = async (others: readonly Talker[]) => {
    const size = others.length + 1
    await untilFits(
      `a group of ${size}`,
      () => scene.dave(channelId),
      dave =>
        dave?.version === 1 && !dave.proposed && !dave.preparing && dave.members === size && dave.users.every(isIn),
    )
    await encrypted(others)
  }
  return { enter, enterSongbird, grouped }
}

const isIn = ({ online, leaf }: { online: boolean; leaf: number | undefined }) => online && leaf !== undefined

/** All members talk in turn, and each other member receives all frames. */
async function allTalk(members: readonly Talker[]): Promise<void> {
  for (const member of members)
    await talks(
      member,
      members.filter(other => other !== member),
    )
}

test('songbird, discord.js without DAVE and the Parley client receive each other', options, async () => {
  const { enter, enterSongbird } = await room()
  const members = [await enter(oldDiscordjs), await enterSongbird(), await enter(parley)]
  await allTalk(members)
})

test('songbird resumes its session after a lost connection, and media continues', options, async () => {
  const { enter, enterSongbird } = await room()
  const [js, bird] = [await enter(oldDiscordjs), await enterSongbird()]
  await allTalk([js, bird])
  const { audioSsrc } = scene.session(bird.userId)!
  const resumed = bird.next('resumed')
  line.cut()
  await until('the loss of its connection', () => scene.session(bird.userId)?.state === 'detached')
  line.repair()
  assert.equal((await resumed).ssrc, audioSsrc)
  assert.deepEqual([scene.session(bird.userId)?.state, scene.session(bird.userId)?.audioSsrc], ['connected', audioSsrc])
  await allTalk([js, bird])
})

test('songbird leaves without a close frame, and its session ends with its voice state', options, async () => {
  const { enter, enterSongbird } = await room()
  const [js, bird] = [await enter(oldDiscordjs), await enterSongbird()]
  await talks(js, [bird])
  await bird.leave()
  await until('the end of its session', () => scene.session(bird.userId) === undefined)
})

test('songbird joins an encrypted call, where no unencrypted frame is forwarded', options, async () => {
  const { enter, enterSongbird, grouped } = await room('required')
  const others = [await enter(discordjs), await enter(parley)]
  await encrypted(others)
  const bird = await enterSongbird()
  await grouped(others)
  await allTalk([bird, ...others])
})

test('songbird starts the encrypted group that others join, and stays when one leaves', options, async () => {
  const { enter, enterSongbird, grouped } = await room('required')
  const [bird, js] = [await enterSongbird(), await enter(discordjs)]
  await grouped([js])
  await allTalk([bird, js])
  const own = await enter(parley)
  await grouped([js, own])
  js.end()
  await grouped([own])
  await allTalk([bird, own])
})

test('songbird resumes as a member of a group that has changed since', options, async () => {
  const { enter, enterSongbird, grouped } = await room('required')
  const [bird, own] = [await enterSongbird(), await enter(parley)]
  await grouped([own])
  const { audioSsrc } = scene.session(bird.userId)!
  const resumed = bird.next('resumed')
  line.cut()
  await until('the loss of its connection', () => scene.session(bird.userId)?.state === 'detached')
  const js = await enter(discordjs)
  await encrypted([own, js])
  line.repair()
  assert.equal((await resumed).ssrc, audioSsrc)
  await grouped([own, js])
  await allTalk([bird, own, js])
  assert.equal(scene.session(bird.userId)?.audioSsrc, audioSsrc)
})

test('songbird follows the downgrade for a client without DAVE, and the upgrade after it', options, async () => {
  const { enter, enterSongbird, grouped } = await room()
  const [bird, own] = [await enterSongbird(), await enter(parley)]
  await grouped([own])
  const old = await enter(oldDiscordjs)
  await inTheClear([own])
  await allTalk([bird, own, old])
  old.end()
  await grouped([own])
  await allTalk([bird, own])
})

const withLibdave = disnake()
test('songbird, disnake with libdave, discord.js and the Parley client receive each other in one encrypted call', {
  ...options,
  skip: options.skip || reasonToSkip(withLibdave),
}, async () => {
  assert.ok('command' in withLibdave)
  const { enter, enterSongbird, grouped } = await room('required')
  const snake = await enter(foreign(withLibdave.command))
  const bird = await enterSongbird()
  const others = [snake, await enter(discordjs), await enter(parley)]
  await grouped(others)
  await allTalk([bird, ...others])
})
