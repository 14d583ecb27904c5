// The bridge to Spacebar with a real PostgreSQL that has Spacebar's tables.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { VoiceClient } from '@parley/client'
import { createServer } from '@parley/server'
import {
  type BridgeNote,
  checkBridge,
  checkSettings,
  INSTALL_TRIGGERS,
  REMOVE_TRIGGERS,
  SpacebarBridge,
} from '@parley/spacebar'
import { Database, OtherBridgeError } from '../../packages/spacebar/src/database/database.ts'
import { reasonToSkip } from './foreign-tools.ts'
import { ParleyProcess } from './parley-process.ts'
import { Postgres, postgres } from './postgres.ts'
import { SpacebarStandIn } from './spacebar-stand-in.ts'
import { until } from './until.ts'

const OPTIONS = { timeout: 120_000, skip: reasonToSkip(postgres()) }
const SECRET = 'shared secret'

async function scene(t: TestContext) {
  const postgres = await Postgres.open(t)
  const server = await createServer({ backend: [{ id: 'spacebar', secret: SECRET, adopts_tokens: true }] })
  t.after(() => server.close())
  const spacebar = await SpacebarStandIn.overUnixSockets(server.endpoint)
  t.after(() => spacebar.close())
  const settings = checkSettings({
    bus: spacebar.bus.url,
    database: postgres.url,
    node: [{ lvsp: server.lvspUrl, endpoint: server.endpoint, secret: SECRET }],
  })
  const notes: BridgeNote[] = []
  const startBridge = async () => {
    notes.length = 0
    const bridge = await SpacebarBridge.start(settings, { log: note => notes.push(note) })
    t.after(() => bridge.close())
    await until('the bridge to be ready', () => notes.some(({ event }) => event === 'bridge.ready'))
    return bridge
  }
  const member = (userId: string) => ({ userId, sessionId: `SESSION${userId}`, deliver: () => {} })
  const connect = async (userId: string, { sessionId = `SESSION${userId}`, token = `token${userId}` } = {}) => {
    const { endpoint, url } = server
    const client = new VoiceClient({
      endpoint,
      url,
      serverId: '100',
      userId,
      channelId: '500',
      sessionId,
      token,
    })
    t.after(() => client.close())
    await client.connect()
    return client
  }
  return { postgres, server, spacebar, settings, notes, startBridge, member, connect }
}

for (const ids of ['varchar', 'bigint'] as const)
  test(`queries find members, users who were kicked, recipients, streams and permissions; ids are ${ids}`, OPTIONS, t =>
    findsEverything(t, ids),
  )

async function findsEverything(t: TestContext, ids: 'varchar' | 'bigint'): Promise<void> {
  const postgres = await Postgres.open(t, ids)
  await postgres.voiceState('7', '100', '500')
  await postgres.voiceState('6', '100', '500')
  await postgres.voiceState('8', null, '900')
  await postgres.voiceState('1', '100', null)
  await postgres.run(`INSERT INTO streams VALUES ('777', '7', '500', 'a:1'), ('778', '8', '500', 'a:1');
    INSERT INTO stream_sessions (stream_id, user_id, session_id, token) VALUES ('777', '7', 'S', 'own'), ('778', '8', 'S', 'x')`)
  const database = await Database.open(postgres.url)
  t.after(() => database.close())
  const { voiceStates, streamSessions } = await database.snapshot()
  assert.deepEqual(voiceStates.map(({ userId, isMember, region }) => [userId, isMember, region]).sort(), [
    ['6', false, 'main'],
    ['7', true, 'main'],
    ['8', false, undefined],
  ])
  assert.deepEqual(
    streamSessions.map(({ stream, serverId, token }) => [stream.key, serverId, token]),
    [['guild:100:500:7', '777', 'own']],
  )
  assert.equal((await database.voiceState('7'))?.token, 'token7')
  assert.equal(await database.voiceState('1'), undefined)
  const mayJoin = async (userId: string, channelId: string, guildId?: string) =>
    (await database.mayJoin(userId, { guildId, channelId })).kind
  assert.deepEqual(
    await Promise.all([
      mayJoin('7', '500', '100'),
      mayJoin('6', '500', '100'),
      mayJoin('7', '502', '100'),
      mayJoin('7', '500', '200'),
      mayJoin('7', '900'),
      mayJoin('8', '900'),
    ]),
    ['allowed', 'denied', 'denied', 'denied', 'allowed', 'denied'],
  )
  await assert.rejects(database.read("DELETE FROM voice_states WHERE user_id = '7'"), /read-only/)
}

test('one bridge at a time uses a database, and the next one may when it has closed', OPTIONS, async t => {
  const postgres = await Postgres.open(t)
  const first = await Database.open(postgres.url)
  await assert.rejects(Database.open(postgres.url), OtherBridgeError)
  await first.close()
  const second = await Database.open(postgres.url)
  await second.close()
})

test(
  'a bridge that was away admits the users who joined unseen, and notifies those without a session',
  OPTIONS,
  async t => {
    const { postgres, spacebar, startBridge, connect, server } = await scene(t)
    await postgres.voiceState('7', '100', '500')
    await postgres.voiceState('6', '100', '500')
    const bridge = await startBridge()
    assert.equal(bridge.users, 1)
    const client = await connect('7')
    await bridge.close()
    await postgres.voiceState('8', '100', '500')
    // The first bridge notifies a client that is slow to connect.
    spacebar.published.length = 0
    await startBridge()
    await until('the user without a session to be notified', () => spacebar.published.length > 0)
    assert.deepEqual(spacebar.published, ['VOICE_SERVER_UPDATE 8'])
    assert.equal(client.state, 'live')
    assert.equal(server.inspect().sessions.length, 1)
    await connect('8')
  },
)

test(
  'a restart of the main gateway, which truncates its table, ends no call of a user who joins again',
  OPTIONS,
  async t => {
    const { postgres, spacebar, startBridge, connect, notes } = await scene(t)
    await postgres.voiceState('7', '100', '500')
    await startBridge()
    const before = await connect('7')
    await postgres.run('TRUNCATE voice_states')
    spacebar.restartGateway()
    let token = ''
    const deliver = (_: string, data: Record<string, unknown>) => {
      token = String(data.token ?? token)
    }
    await spacebar.join({ userId: '7', sessionId: 'OTHER7', deliver }, '100', '500')
    const after = await connect('7', { sessionId: 'OTHER7', token })
    assert.equal(after.state, 'live')
    assert.notEqual(before.state, 'live', 'the second session of the user replaced the first')
    assert.ok(!notes.some(({ event }) => event === 'bridge.refused'))
  },
)

test('a member without CONNECT, and one past the user limit, are refused', OPTIONS, async t => {
  const { postgres, spacebar, startBridge, member, notes } = await scene(t)
  await startBridge()
  const refused = () => notes.flatMap(({ event, fields }) => (event === 'bridge.refused' ? [fields.reason] : []))
  await spacebar.join(member('7'), '100', '501')
  await spacebar.join(member('8'), '100', '501')
  await until('the second user to be refused', () => refused().length === 1)
  await postgres.run(`UPDATE roles SET permissions = '0'`)
  await spacebar.join(member('8'), '100', '500')
  await until('the user without CONNECT to be refused', () => refused().length === 2)
  assert.deepEqual(refused(), ['the channel is full', 'may not connect'])
})

test('--check reads the rights, the column default and the endpoints of the regions', OPTIONS, async t => {
  const { postgres, settings, server } = await scene(t)
  await postgres.run(`INSERT INTO config VALUES ('regions_available_0_endpoint', '"${server.endpoint}"')`)
  const texts = async () => (await checkBridge(settings)).map(({ kind, text }) => `${kind} ${text}`)
  const before = await texts()
  assert.ok(
    before.some(text => text.startsWith('failed database: bots cannot join until this line is run: ALTER TABLE')),
  )
  await postgres.run('ALTER TABLE voice_states ALTER COLUMN self_video SET DEFAULT false')
  const after = await texts()
  assert.ok(after.includes('ok database: bots can join'))
  assert.ok(after.includes(`ok regions: ${server.endpoint} is a node`))
})

/** Prints the SQL of the triggers, and runs it, as an operator does. */
async function triggers(t: TestContext, what: 'install' | 'remove', postgres: Postgres): Promise<void> {
  const args = ['bridge', 'spacebar-triggers', what, '--apply', '--database', postgres.url]
  const parley = new ParleyProcess(args, { folder: postgres.folder, t })
  assert.equal(await parley.exit, 0, parley.stderr)
  assert.equal(parley.stdout, what === 'install' ? INSTALL_TRIGGERS : REMOVE_TRIGGERS)
}

test('with triggers, a kick, a second login and a cascade without events reach the node', OPTIONS, async t => {
  const { postgres, server, spacebar, startBridge, connect } = await scene(t)
  await triggers(t, 'install', postgres)
  await startBridge()
  await postgres.voiceState('7', '100', '500')
  await postgres.voiceState('8', '100', '500')
  const [kicked, deleted] = [await connect('7'), await connect('8')]
  await postgres.run("DELETE FROM members WHERE id = '7'")
  await until('the kicked user to lose the call', () => kicked.state === 'closed')
  assert.equal(deleted.state, 'live')
  await postgres.run("UPDATE voice_states SET session_id = 'OTHER', token = 'second' WHERE user_id = '8'")
  await until('the second login to be notified', () => spacebar.published.includes('VOICE_SERVER_UPDATE 8'))
  await postgres.run("DELETE FROM voice_states WHERE user_id = '8'")
  await until('the channel to end', () => server.inspect().channels.length === 0)
  await triggers(t, 'remove', postgres)
})

test('a failing notification does not fail the write of Spacebar', OPTIONS, async t => {
  const postgres = await Postgres.open(t)
  await postgres.run(INSTALL_TRIGGERS)
  await postgres.run('ALTER TABLE voice_states RENAME user_id TO renamed')
  await postgres.run("INSERT INTO voice_states (renamed, session_id, self_video) VALUES ('7', 'S', false)")
  await postgres.run('DELETE FROM voice_states')
})
