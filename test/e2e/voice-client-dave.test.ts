// The voice client in encrypted calls over real sockets: while keys change, when it is alone, and with discord.js.
import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { loadDavey, VoiceClient } from '@parley/client'
import { DiscordjsBot } from './discordjs-bot.ts'
import { isSilence, numberedFrames, withoutSilence } from './opus-frames.ts'
import { Scene } from './scene.ts'
import { openSlowLine } from './slow-line.ts'
import { CERTIFICATE } from './trust.ts'
import { until } from './until.ts'

const GUILD = '41771983423143937'
const LOUNGE = '127121515262115840'
const TIMEOUT = { timeout: 120_000 }
/** Silence frames that `play` sends at the end. */
const SILENCE_FRAMES = 5
/** Milliseconds by which messages of a listener are delayed in each direction: several frames. */
const DELAY = 50

const dave = await loadDavey()
const open: (() => unknown)[] = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

async function openScene(): Promise<Scene> {
  const scene = await Scene.open()
  open.push(() => scene.close())
  return scene
}

async function join(scene: Scene, userId: string, delay = 0): Promise<VoiceClient> {
  const who = { guildId: GUILD, channelId: LOUNGE, userId, sessionId: `session-of-${userId}` }
  const { token, endpoint } = await scene.admit(who)
  const line = delay === 0 ? undefined : await openSlowLine(endpoint, delay)
  const client = new VoiceClient({
    ...{ serverId: GUILD, channelId: LOUNGE, userId, sessionId: who.sessionId, token, dave },
    ...{ endpoint: line?.endpoint ?? endpoint, tls: { ca: CERTIFICATE } },
  })
  if (line !== undefined) open.push(() => line.close())
  open.push(() => client.close())
  await client.connect()
  return client
}

/** Returns the frames received from a user, in order of arrival and without silence. */
function listen(client: VoiceClient, userId: string): () => string[] {
  const heard: Buffer[] = []
  client.on('frame', ({ userId: from, payload }) => from === userId && heard.push(Buffer.from(payload)))
  return () => withoutSilence(heard)
}

const inOneGroup = (members: readonly { privacyCode: string | undefined }[]) =>
  until(`${members.length} in one group`, () => {
    const codes = new Set(members.map(({ privacyCode }) => privacyCode))
    return codes.size === 1 && !codes.has(undefined)
  })

test('no frame is lost while keys change, although messages are slower than media', TIMEOUT, async () => {
  const scene = await openScene()
  const ana = await join(scene, '3001')
  const ben = await join(scene, '3002', DELAY)
  await inOneGroup([ana, ben])
  const heard = listen(ben, '3001')
  const frames = numberedFrames(2_000, 1)
  const ending = new AbortController()
  const playing = ana.play(frames, { signal: ending.signal })
  await until('the first frame', () => heard().length > 0)
  for (const user of ['3003', '3004']) {
    const guest = await join(scene, user)
    await inOneGroup([ana, ben, guest])
    const code = ben.privacyCode
    await guest.close()
    await until('the next epoch', () => ben.privacyCode !== code)
  }
  const before = heard().length
  await until('more frames under the last keys', () => heard().length > before + 10)
  ending.abort()
  await playing
  // The end of speaking is announced after the last frame.
  await until('the end of speaking', () => ben.members.get('3001')?.speaking === 0)
  const sent = (ana.report?.sent.packets ?? 0) - SILENCE_FRAMES
  await until('the last frame', () => heard().length >= sent)
  assert.deepEqual(heard(), withoutSilence(frames.slice(0, sent)))
})

test(
  'a client that plays alone in an encrypted call announces speaking and sends no unencrypted frame',
  TIMEOUT,
  async () => {
    const scene = await openScene()
    const ana = await join(scene, '3011')
    const frames = numberedFrames(250, 2)
    const ending = new AbortController()
    const playing = ana.play(frames, { signal: ending.signal })
    const speaks = () => scene.server.inspect().sessions[0]?.speaking === 1
    await until('the speaking state at the node', speaks)
    assert.equal(ana.report?.sent.packets, 0)
    const ben = await join(scene, '3012')
    const heard = listen(ben, '3011')
    await until('frames at the second client', () => heard().length > 10)
    assert.equal(ben.members.get('3011')?.speaking, 1)
    const all = withoutSilence(frames)
    const start = all.indexOf(heard()[0]!)
    assert.ok(start > 0)
    assert.deepEqual(heard(), all.slice(start, start + heard().length))
    ending.abort()
    await playing
  },
)

test('our client and discord.js receive each other’s frames intact', TIMEOUT, async () => {
  const scene = await openScene()
  const [ana, ben] = [await join(scene, '3021'), await join(scene, '3022')]
  const bot = new DiscordjsBot(scene, '3023', { dave: true })
  open.push(() => bot.leave())
  await bot.join(GUILD, LOUNGE)
  bot.connection.setSpeaking(true)
  await inOneGroup([ana, ben, bot])
  for (const client of [ana, ben]) bot.listenTo(client === ana ? '3021' : '3022')
  const heard = { ana: listen(ana, '3023'), ben: listen(ben, '3023'), benOfAna: listen(ben, '3021') }
  await until('the SSRCs of the speakers', () => bot.knows('3021') && ana.members.get('3023')?.ssrc !== undefined)
  const [said, played] = [numberedFrames(30, 3), numberedFrames(30, 4)]
  await Promise.all([ana.play(said), bot.play(played)])
  const byBot = () => (bot.heard.get('3021') ?? []).filter(frame => !isSilence(frame))
  await until(
    'all frames at the bot and one client',
    () => byBot().length >= 30 && heard.ana().length >= 30 && heard.benOfAna().length >= 30,
  )
  await until('all frames at the other client', () => heard.ben().length >= 30)
  assert.deepEqual(withoutSilence(byBot()), withoutSilence(said))
  assert.deepEqual(heard.benOfAna(), withoutSilence(said))
  assert.deepEqual([heard.ana(), heard.ben()], [withoutSilence(played), withoutSilence(played)])
})
