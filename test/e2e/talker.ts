// One interface for bots on different libraries: sent and received frames, and whether all are in one encrypted group.
import assert from 'node:assert/strict'
import { loadDavey, VoiceClient } from '@parley/client'
import { DiscordjsBot } from './discordjs-bot.ts'
import { ForeignBot } from './foreign-bot.ts'
import { numberedFrames, withoutSilence } from './opus-frames.ts'
import type { Scene } from './scene.ts'
import { CERTIFICATE } from './trust.ts'
import { until } from './until.ts'

export interface Talker {
  readonly userId: string
  /** Whether the bot has learned that user's SSRC. */
  knows(userId: string): boolean
  play(frames: readonly Buffer[]): Promise<void>
  /** Frames received from a user since the bot joined, in order. */
  heardOf(userId: string): readonly Buffer[]
  /** The voice privacy code that users compare; undefined while the bot does not encrypt. */
  privacyCode(): Promise<string | undefined>
  end(): void
}

interface Place {
  scene: Scene
  guildId: string
  channelId: string
  userId: string
}

export const discordjs = (place: Place) => discordjsBot(place, true)
/** A bot without DAVE. */
export const oldDiscordjs = (place: Place) => discordjsBot(place, false)

async function discordjsBot({ scene, guildId, channelId, userId }: Place, dave: boolean): Promise<Talker> {
  const bot = new DiscordjsBot(scene, userId, { dave })
  await bot.join(guildId, channelId)
  bot.connection.setSpeaking(true)
  const heardOf = (user: string) => {
    if (!bot.heard.has(user)) bot.listenTo(user)
    return bot.heard.get(user) ?? []
  }
  return {
    userId,
    heardOf,
    knows: user => bot.knows(user),
    play: frames => bot.play(frames),
    privacyCode: async () => bot.privacyCode,
    end: () => bot.leave(),
  }
}

/** A bot on `@parley/client`. */
export async function parley({ scene, guildId, channelId, userId }: Place): Promise<Talker> {
  const sessionId = `session-of-${userId}`
  const { token, endpoint } = await scene.admit({ guildId, channelId, userId, sessionId })
  const tls = { ca: CERTIFICATE }
  const dave = await loadDavey()
  const client = new VoiceClient({ endpoint, tls, serverId: guildId, channelId, userId, sessionId, token, dave })
  const heard = new Map<string, Buffer[]>()
  const known = new Set<string>()
  client.on('speaking', ({ userId: user }) => known.add(user))
  client.on('frame', ({ userId: user = 'unknown', payload }) =>
    heard.set(user, [...(heard.get(user) ?? []), Buffer.from(payload)]),
  )
  await client.connect()
  return {
    userId,
    heardOf: user => heard.get(user) ?? [],
    knows: user => known.has(user),
    play: frames => client.play(frames),
    privacyCode: async () => client.privacyCode,
    end: () => void client.close(),
  }
}

export const foreign =
  (command: readonly [string, ...string[]]) =>
  async ({ scene, guildId, channelId, userId }: Place): Promise<ForeignBot> => {
    const bot = new ForeignBot(scene, userId, command)
    try {
      await bot.join(guildId, channelId, [])
    } catch (error) {
      bot.end()
      throw error
    }
    return bot
  }

/** Resolves when all members are in one group and encrypt. */
export const encrypted = (members: readonly Talker[]) =>
  untilCodes(members, codes => codes.size === 1 && !codes.has(undefined))

/** Resolves when no member encrypts. */
export const inTheClear = (members: readonly Talker[]) =>
  untilCodes(members, codes => codes.size === 1 && codes.has(undefined))

async function untilCodes(members: readonly Talker[], fits: (codes: Set<string | undefined>) => boolean) {
  const end = performance.now() + 60_000
  for (;;) {
    const codes = new Set(await Promise.all(members.map(member => member.privacyCode())))
    if (fits(codes)) return
    assert.ok(performance.now() < end, `${members.length} members, privacy codes ${[...codes]}`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

/** One bot sends frames; asserts that the others receive all of them intact. */
export async function talks(from: Talker, hearers: readonly Talker[], count = 20): Promise<void> {
  await until('the speaker’s SSRC', () => hearers.every(to => to.knows(from.userId)))
  const before = new Map(hearers.map(to => [to, to.heardOf(from.userId).length]))
  const frames = numberedFrames(count, Number(BigInt(from.userId) & 0xffffn))
  await from.play(frames)
  const said = withoutSilence(frames)
  for (const to of hearers) {
    const heard = () => withoutSilence(to.heardOf(from.userId).slice(before.get(to)))
    await until('the last frame', () => heard().length >= count).catch(() => undefined)
    assert.deepEqual(numbers(heard()), numbers(said), `${from.userId} to ${to.userId}`)
    assert.deepEqual(heard(), said, `${from.userId} to ${to.userId}`)
  }
}

/** The numbers of `numberedFrames` in hex, short enough for the message of a failed assertion. */
const numbers = (frames: readonly string[]) => frames.map(frame => Number.parseInt(frame.slice(6, 10), 16)).join(' ')
