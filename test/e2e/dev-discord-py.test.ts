// The ordinary discord.py client against a test server: login, voice with discord.js, moderation over REST.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { createTestServer, type TestServer } from '@parley/server'
import { DiscordjsClient } from './discordjs-client.ts'
import { discordPyClient, reasonToSkip } from './foreign-tools.ts'
import { LineProcess } from './line-process.ts'
import { numberedFrames, withoutSilence } from './opus-frames.ts'
import { CERTIFICATE_FILE, KEY_FILE, trustTestCertificate } from './trust.ts'
import { until, untilFits } from './until.ts'

const GUILD = '1300000000000000001'
const LOUNGE = '1300000000000000002'
const MUSIC = '1300000000000000003'
const TIMEOUT = 90_000

const tool = discordPyClient()
const skip = reasonToSkip(tool)

let server: TestServer
const ends: (() => unknown)[] = []

before(async () => {
  trustTestCertificate()
  server = await createTestServer({
    tls: { cert: readFileSync(CERTIFICATE_FILE, 'utf8'), key: readFileSync(KEY_FILE, 'utf8') },
  })
})
after(async () => {
  for (const end of ends) await end()
  await server.close()
})

async function python(token: string): Promise<{ py: LineProcess; userId: string }> {
  assert.ok('command' in tool)
  const { rest, gateway } = server.addresses
  const [program, script = '', ...options] = tool.command
  const py = new LineProcess([program, script, rest, gateway, token, ...options], CERTIFICATE_FILE)
  ends.push(() => py.end())
  const { user_id } = await py.call('login', {}, 'logged_in')
  return { py, userId: String(user_id) }
}

test('discord.py and discord.js talk, discord.py moves and kicks discord.js over REST, and leaves', {
  skip,
  timeout: TIMEOUT,
}, async () => {
  const { py, userId } = await python('py')
  const js = await DiscordjsClient.login(server, 'js')
  ends.unshift(() => js.end())
  await py.call('join', { guild_id: GUILD, channel_id: LOUNGE }, 'joined')
  await js.join(GUILD, LOUNGE)
  js.listenTo(userId)
  await until('end-to-end encryption', () => js.privacyCode !== undefined)
  await untilFits(
    'the privacy code of discord.py',
    () => py.call('encryption', {}, 'encryption'),
    ({ code }) => code === js.privacyCode,
  )

  js.connection.setSpeaking(true)
  await until('the SSRC of discord.js at discord.py', () =>
    py.messages.some(({ event, user_id }) => event === 'speaking' && user_id === js.userId),
  )
  const said = numberedFrames(20, 1)
  await Promise.all([
    py.call('play', { frames: said.map(frame => frame.toString('base64')) }, 'played'),
    js.play(numberedFrames(20, 2)),
  ])
  const heard = js.heard.get(userId) ?? []
  await until('the last frame of discord.py', () => withoutSilence(heard).length >= said.length)
  assert.deepEqual(withoutSilence(heard), withoutSilence(said))
  const heardByPy = () => withoutSilence(py.heardOf(js.userId))
  await until('the last frame of discord.js', () => heardByPy().length >= 20)
  assert.deepEqual(heardByPy(), withoutSilence(numberedFrames(20, 2)))

  await py.call('move_member', { guild_id: GUILD, user_id: js.userId, channel_id: MUSIC }, 'member_moved')
  const isIn = (channelId: string) => (session: { userId: string; channelId: string; state: string }) =>
    session.userId === js.userId && session.channelId === channelId && session.state === 'connected'
  await until('its session in the other channel', () => server.inspect()?.sessions.some(isIn(MUSIC)) === true)
  await js.ready()
  await py.call('move_member', { guild_id: GUILD, user_id: js.userId, channel_id: null }, 'member_moved')
  await js.disconnected()
  await py.call('leave', {}, 'left')
  await until('an empty call', () => server.members.length === 0)
})
