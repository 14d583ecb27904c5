// examples/oldcord-voice.ts, unchanged, with a real node and clients.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { VoiceClient } from '@parley/client'
import { createServer } from '@parley/server'
import { type GatewaySession, OldcordVoice } from '../../examples/oldcord-voice.ts'
import { freePort } from './free-port.ts'
import { until } from './until.ts'

const TIMEOUT = { timeout: 120_000 }
const SECRET = 'the secret of the backend in these tests'

/** A session of the main gateway with what was dispatched to it. */
class Session implements GatewaySession {
  readonly id: string
  readonly user: { id: string }
  readonly servers: { token: string; endpoint: string; guild_id: string; channel_id: string }[] = []

  constructor(userId: string, id = `session-${userId}`) {
    this.id = id
    this.user = { id: userId }
  }

  dispatch(event: string, data: object): void {
    assert.equal(event, 'VOICE_SERVER_UPDATE')
    this.servers.push(data as Session['servers'][number])
  }
}

async function scene(t: TestContext) {
  const port = await freePort()
  const start = () =>
    createServer({
      http: { listen: `127.0.0.1:${port}` },
      media: { listen: '127.0.0.1', port: 0 },
      log: { level: 'silent' },
      backend: [{ secret: SECRET, adopts_tokens: true }],
    })
  const first = await start()
  const voice = new OldcordVoice({ url: first.lvspUrl, secret: SECRET, endpoint: `127.0.0.1:${port}` })
  await voice.connect()
  t.after(() => voice.close())
  const connect = async ({ id, user, servers }: Session) => {
    const { token, endpoint, guild_id, channel_id } = servers.at(-1)!
    const target = { endpoint, tls: false as const, serverId: guild_id, channelId: channel_id }
    const client = new VoiceClient({ ...target, userId: user.id, sessionId: id, token })
    t.after(() => client.close())
    await client.connect()
    return client
  }
  return { first, start, voice, connect }
}

test('members of the example join, move, leave, and come back after a restart of the node', TIMEOUT, async t => {
  const { first, start, voice, connect } = await scene(t)
  const [ana, ben] = [new Session('7'), new Session('8')]
  for (const session of [ana, ben]) voice.join(session, '100', '500')
  const [one, other] = [await connect(ana), await connect(ben)]
  await until('both to see each other', () => one.members.size === 1 && other.members.size === 1)
  assert.equal(voice.count('500'), 2)

  voice.join(ana, '100', '500')
  assert.equal(ana.servers.length, 1)
  voice.join(ana, '100', '501')
  await until('the end of the session before the move', () => one.state === 'closed')
  const moved = await connect(ana)

  await first.close()
  await until('the loss of the node', () => moved.state !== 'live' && other.state !== 'live')
  const second = await start()
  t.after(() => second.close())
  await until('new voice server updates', () => ana.servers.length === 3 && ben.servers.length === 2)
  const [back] = [await connect(ana), await connect(ben)]

  voice.leave(new Session('7', 'another session'))
  assert.equal(voice.count('501'), 1)
  voice.leave(ana)
  await until('the end of the call', () => back.state === 'closed')
  voice.channelDeleted('100', '500')
  await until('the channels to be closed', () => second.inspect().channels.length === 0)
})

test('a second session of a user takes the call over', TIMEOUT, async t => {
  const { first, voice, connect } = await scene(t)
  t.after(() => first.close())
  const [desktop, phone] = [new Session('7', 'desktop'), new Session('7', 'phone')]
  voice.join(desktop, '100', '500')
  const before = await connect(desktop)
  voice.join(phone, '100', '500')
  await until('the end of the first session', () => before.state === 'closed')
  const after = await connect(phone)
  voice.leave(desktop)
  assert.equal(after.state, 'live')
})
