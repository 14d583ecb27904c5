// Ordinary clients of libraries in other languages against a test server: login, join, moves, permissions, reconnect, kick and leave, each
// with the objects that a bot uses, and with the lines that docs/testing-your-bot.md has for the library.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createTestServer } from '@parley/server'
import { Counterpart, numberedFrame } from '../../packages/server/src/conformance/client/counterpart.ts'
import { Driver } from '../../packages/server/src/conformance/driver.ts'
import { CLIENTS } from './clients.ts'
import { reasonToSkip } from './foreign-tools.ts'
import { until, untilFits } from './until.ts'

const GUILD = '1300000000000000001'
const LOUNGE = '1300000000000000002'
const MUSIC = '1300000000000000003'
/** Milliseconds for one answer of a driver, and for one test. */
const ANSWER = 60_000
const TIMEOUT = 300_000
const FRAMES = 50
/** The first frames may overtake Speaking (op 5), and are nobody's then. */
const ENOUGH = 25

/** The commands of a driver, those of docs/conformance.md first, with the events that answer them. */
const ANSWERS = {
  login: 'logged_in',
  join: 'joined',
  play: 'played',
  leave: 'left',
  state: 'state',
  move_member: 'member_moved',
  mute_member: 'member_muted',
  deny_speak: 'permission_set',
} as const

const page = readFileSync(fileURLToPath(new URL('../../docs/testing-your-bot.md', import.meta.url)), 'utf8')
const compact = (text: string) => text.replace(/\s/g, '')

const frames = Array.from({ length: FRAMES }, (_, number) => Buffer.from(numberedFrame(number)).toString('base64'))

for (const { name, tool: toolOf, source, server: options, hasVoice, followsMoves = true, isSlow } of CLIENTS) {
  test(`the line for ${name} in docs/testing-your-bot.md is what its driver runs`, () => {
    const row = page.split('\n').find(line => line.startsWith(`| ${name} |`)) ?? ''
    assert.ok(row.includes(source), `a row that begins with "| ${name} |" and links ${source}`)
    const lines = [...row.split(' | ')[1]!.matchAll(/`([^`]+)`/g)].map(([, code]) => code!)
    assert.notEqual(lines.length, 0)
    const program = compact(readFileSync(fileURLToPath(new URL(source, import.meta.url)), 'utf8'))
    for (const line of lines) assert.ok(program.includes(compact(line)), `${source} has ${line}`)
  })

  if (isSlow === true && process.env.SLOW_CLIENTS !== 'true') continue
  const tool = toolOf()
  test(`${name} logs in, joins, is moved, muted and kicked, resumes, changes permissions, and leaves`, {
    skip: reasonToSkip(tool),
    timeout: TIMEOUT,
  }, async t => {
    assert.ok('command' in tool)
    const server = await createTestServer(options)
    t.after(() => server.close())
    const { addresses } = server
    const other = await Counterpart.join(addresses, 'other', GUILD, LOUNGE)
    t.after(() => other.close())
    const { rest, gateway, ca } = addresses
    const environment = { PARLEY_REST: rest, PARLEY_GATEWAY: gateway, PARLEY_CA: ca, SSL_CERT_FILE: ca }
    const driver = new Driver(ANSWERS, tool.command, environment)
    t.after(() => driver.end())
    t.after(() => driver.stderr !== '' && t.diagnostic(driver.stderr))
    const call = (command: keyof typeof ANSWERS, fields: object) => driver.call(command, fields, ANSWER)
    /** A library that is still connecting may refuse, and connect or play later: what the server sees decides. */
    const attempt = (command: keyof typeof ANSWERS, fields: object) =>
      call(command, fields).catch((error: unknown) => {
        if (driver.exit !== undefined) throw error
      })

    const { user_id: id } = await call('login', { token: 'bot' })
    assert.equal(id, server.user('bot').id)
    const otherId = server.user('other').id
    const member = (user: string) => server.members.find(({ name }) => name === user)
    /** The bot enters the channel, with a new voice session. */
    const enters = async (channelId: string, act: () => unknown) => {
      const { sessions } = server.user('bot').transcript
      await act()
      await until(`channel ${channelId}`, () => member('bot')?.channel === channelId)
      await until('a voice session', () => !hasVoice || server.user('bot').transcript.sessions > sessions)
    }
    const join = (channelId: string) => () => attempt('join', { guild_id: GUILD, channel_id: channelId })
    /** What the client's own cache says of a user. */
    const sees = (userId: unknown, expected: object) =>
      untilFits(
        `${name} to see ${JSON.stringify(expected)}`,
        async () => {
          const { channel_id, mute, suppress } = await call('state', { guild_id: GUILD, user_id: userId })
          return { channel_id, mute, suppress }
        },
        found => Object.entries(expected).every(([key, value]) => found[key as keyof typeof found] === value),
      )
    const talks = async () => {
      if (!hasVoice) return
      const before = other.heardOf(String(id))
      const isHeard = () => other.heardOf(String(id)) - before >= ENOUGH
      for (const end = performance.now() + ANSWER; !isHeard() && performance.now() < end; ) {
        await attempt('play', { frames })
        await new Promise(resolve => setTimeout(resolve, 100))
      }
      assert.ok(isHeard(), `${name} is heard: ${other.heardOf(String(id)) - before} frames of ${FRAMES}`)
    }

    await enters(LOUNGE, join(LOUNGE))
    await sees(otherId, { channel_id: LOUNGE, mute: false })
    await talks()

    await call('mute_member', { guild_id: GUILD, user_id: otherId, on: true })
    await sees(otherId, { mute: true })
    assert.equal(member('other')?.mute, true)
    await call('deny_speak', { channel_id: LOUNGE, user_id: id, on: true })
    await sees(id, { suppress: true })
    await call('deny_speak', { channel_id: LOUNGE, user_id: id, on: false })
    await sees(id, { suppress: false })

    await enters(MUSIC, join(MUSIC))
    if (followsMoves) await enters(LOUNGE, () => server.move('bot', LOUNGE))
    else {
      server.move('bot', LOUNGE)
      await until('the end of its voice connection', () => !server.user('bot').isConnected)
      await enters(LOUNGE, join(LOUNGE))
    }
    await sees(id, { channel_id: LOUNGE })
    await talks()

    server.dropGateway('bot')
    server.mute('bot')
    await sees(id, { channel_id: LOUNGE, mute: true })
    server.mute('bot', false)
    await sees(id, { mute: false })
    await call('move_member', { guild_id: GUILD, user_id: otherId, channel_id: MUSIC })
    await sees(otherId, { channel_id: MUSIC })

    server.kick('bot')
    await sees(id, { channel_id: null })
    await until('the end of its voice connection', () => !server.user('bot').isConnected)
    await enters(LOUNGE, join(LOUNGE))
    await call('leave', {})
    await until('the channel without it', () => member('bot') === undefined)
  })
}
