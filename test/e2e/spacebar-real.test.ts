// The bridge against the real Spacebar: a built checkout that SPACEBAR_DIR names, driven over its REST API and its main gateway. It is
// neither fetched nor built here. Each test has users and guilds of its own.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { VoiceConnectionStatus } from '@discordjs/voice'
import { VoiceClient } from '@parley/client'
import { INSTALL_TRIGGERS, REMOVE_TRIGGERS } from '@parley/spacebar'
import { BridgedNode } from './bridged-node.ts'
import { discordPy } from './foreign-tools.ts'
import { numberedFrames, withoutSilence } from './opus-frames.ts'
import { SpacebarBot } from './spacebar-bot.ts'
import { SpacebarGateway } from './spacebar-gateway.ts'
import { SpacebarPythonBot } from './spacebar-python-bot.ts'
import { haveEqualCodes, hear } from './spacebar-scene.ts'
import { type Account, hasSpacebar, SpacebarServer } from './spacebar-server.ts'
import { CERTIFICATE_FILE } from './trust.ts'
import { until, untilFits } from './until.ts'

const OPTIONS = { timeout: 900_000, skip: hasSpacebar ? false : 'SPACEBAR_DIR names no built checkout of Spacebar' }
const ca = readFileSync(CERTIFICATE_FILE)

/** Users in a guild with two voice channels, connected to the main gateway. */
interface Group {
  accounts: Account[]
  users: SpacebarGateway[]
  guildId: string
  channelId: string
  otherId: string
}

class Scene {
  readonly node: BridgedNode
  readonly spacebar: SpacebarServer
  readonly #t: TestContext

  private constructor(t: TestContext, node: BridgedNode, spacebar: SpacebarServer) {
    this.#t = t
    this.node = node
    this.spacebar = spacebar
  }

  static async open(t: TestContext): Promise<Scene> {
    const node = await BridgedNode.open(t)
    return new Scene(t, node, await SpacebarServer.open(t, node.endpoint))
  }

  get sources() {
    return { bus: `unix:${this.spacebar.folder}`, database: this.spacebar.postgres.url }
  }

  /** Connected last and one after another: the main gateway needs both. */
  async group(size: number): Promise<Group> {
    const accounts: Account[] = []
    for (let i = 0; i < size; i++) accounts.push(await this.spacebar.register())
    const [owner, ...members] = accounts
    const { guildId, channelIds } = await this.spacebar.guild(owner!, members)
    const users: SpacebarGateway[] = []
    for (const account of accounts) users.push(await this.connect(account))
    const rename = () => this.spacebar.request('PATCH', `guilds/${guildId}`, owner!.token, { name: 'renamed' })
    await untilSubscribed(users, rename, 'GUILD_UPDATE')
    return { accounts, users, guildId, channelId: channelIds[0], otherId: channelIds[1] }
  }

  async connect(account: Account): Promise<SpacebarGateway> {
    const user = await SpacebarGateway.connect(this.spacebar.gatewayUrl, account)
    this.#t.after(() => user.close())
    const change = () => this.spacebar.request('PATCH', 'users/@me', account.token, { bio: 'changed' })
    await untilSubscribed([user], change, 'USER_UPDATE')
    return user
  }

  bot(user: SpacebarGateway): SpacebarBot {
    const { userId, sessionId } = user
    const sendVoiceState = (guildId: string, channelId: string | null) => user.sendVoiceState(guildId, channelId)
    const bot = new SpacebarBot({ userId, sessionId, sendVoiceState })
    user.deliver = (event, data) => bot.deliver(event, data)
    this.#t.after(() => bot.leave())
    return bot
  }
  async bots({ users, guildId, channelId }: Group): Promise<SpacebarBot[]> {
    const bots = users.map(user => this.bot(user))
    await Promise.all(bots.map(bot => bot.join(guildId, channelId)))
    return bots
  }

  /** Joins a voice channel, or without a guild the call of a DM, with a client of this repository. */
  async enter(user: SpacebarGateway, guildId: string | null, channelId: string): Promise<VoiceClient> {
    const from = user.events.length
    user.sendVoiceState(guildId, channelId)
    const { token } = await user.next('VOICE_SERVER_UPDATE', from)
    return this.identify(user, guildId ?? channelId, channelId, String(token))
  }
  async identify(user: SpacebarGateway, serverId: string, channelId: string, token: string): Promise<VoiceClient> {
    const { userId, sessionId } = user
    const { endpoint } = this.node
    const client = new VoiceClient({ endpoint, tls: { ca }, serverId, channelId, userId, sessionId, token })
    this.#t.after(() => client.close())
    await client.connect()
    return client
  }
}

/** Spacebar sends READY before it subscribes to events: the change is repeated until each user receives its event. */
async function untilSubscribed(users: SpacebarGateway[], change: () => Promise<unknown>, event: string): Promise<void> {
  const isSubscribed = async () => {
    await change()
    return users.every(user => user.events.some(each => each.event === event))
  }
  await untilFits(event, isSubscribed, found => found, 20_000)
}

test('an unmodified Spacebar', OPTIONS, async t => {
  const scene = await Scene.open(t)
  const { node, spacebar } = scene

  await t.test('--check prints the line that lets bots join, and passes when it was run', async () => {
    const before = node.command(['--check'], scene.sources)
    assert.equal(await before.exit, 1)
    const [, line = ''] = /^FAILED +database: bots cannot join until this line is run: (.*)$/m.exec(before.stdout) ?? []
    assert.match(line, /^ALTER TABLE voice_states /)
    await spacebar.postgres.run(line)
    const after = node.command(['--check'], scene.sources)
    assert.equal(await after.exit, 0, after.stdout)
    assert.match(after.stdout, /^ok +bus: .* is used by 2 processes of Spacebar$/m)
    assert.match(after.stdout, /^ok +database: the tables of roles and channels can be read$/m)
  })
  await node.startBridge(scene.sources)

  await t.test('bots join with equal privacy codes, move, leave and join again', async () => {
    const group = await scene.group(2)
    const bots = await scene.bots(group)
    const [ana, ben] = bots as [SpacebarBot, SpacebarBot]
    ben.listenTo(ana.userId)
    await haveEqualCodes(bots)
    await hear(ana, ben)
    for (const user of group.users) user.sendVoiceState(group.guildId, group.otherId)
    await until('both to leave the first channel', () =>
      bots.every(({ status }) => status !== VoiceConnectionStatus.Ready),
    )
    await Promise.all(bots.map(bot => bot.ready()))
    await haveEqualCodes(bots)
    await hear(ana, ben)
    ben.leaveChannel()
    await group.users[0]!.next('VOICE_STATE_UPDATE', 0, data => data.user_id === ben.userId && data.channel_id === null)
    const again = scene.bot(group.users[1]!)
    await again.join(group.guildId, group.otherId)
    await haveEqualCodes([ana, again])
  })

  const python = discordPy('--dave')
  const withPython = { skip: 'missing' in python ? python.missing : false }
  await t.test('discord.py and discord.js hear each other with equal privacy codes', withPython, async () => {
    assert.ok('command' in python)
    const { users, guildId, channelId } = await scene.group(2)
    const [forPy, forJs] = users as [SpacebarGateway, SpacebarGateway]
    const sendVoiceState = (guild: string, channel: string | null) => forPy.sendVoiceState(guild, channel)
    const py = new SpacebarPythonBot(python.command, { ...forPy, sendVoiceState })
    t.after(() => py.end())
    forPy.deliver = (event, data) => py.deliver(event, data)
    await py.join(guildId, channelId, [channelId])
    const js = scene.bot(forJs)
    await js.join(guildId, channelId)
    js.listenTo(py.userId)
    await until('the privacy code of discord.js', () => js.privacyCode !== undefined)
    await untilFits(
      'the privacy code of discord.py',
      () => py.privacyCode(),
      code => code === js.privacyCode,
    )
    await py.play(numberedFrames(20, 1))
    const heard = () => withoutSilence(js.heard.get(py.userId) ?? [])
    await until('the last frame of discord.py', () => heard().length >= 20)
    assert.deepEqual(heard(), withoutSilence(numberedFrames(20, 1)))
    await py.leave()
    await forJs.next('VOICE_STATE_UPDATE', 0, data => data.user_id === py.userId && data.channel_id === null)
  })

  await t.test('a kick, a ban, a deleted channel and a deleted guild end calls', async () => {
    const group = await scene.group(4)
    const { accounts, users, guildId, channelId, otherId } = group
    const [owner] = accounts as [Account]
    const clients: VoiceClient[] = []
    for (const user of users) clients.push(await scene.enter(user, guildId, channelId))
    const [first, kicked, banned, last] = clients as [VoiceClient, VoiceClient, VoiceClient, VoiceClient]
    await spacebar.request('DELETE', `guilds/${guildId}/members/${accounts[1]!.userId}`, owner.token)
    await until('the kicked user to lose the call', () => kicked.state === 'closed')
    await spacebar.request('PUT', `guilds/${guildId}/bans/${accounts[2]!.userId}`, owner.token, {})
    await until('the banned user to lose the call', () => banned.state === 'closed')
    assert.deepEqual([first.state, last.state], ['live', 'live'])
    await spacebar.request('DELETE', `channels/${channelId}`, owner.token)
    await until('the deleted channel to end', () => first.state === 'closed' && last.state === 'closed')
    const other = await scene.enter(users[0]!, guildId, otherId)
    await spacebar.request('POST', `guilds/${guildId}/delete`, owner.token)
    await until('the call of the deleted guild to end', () => other.state === 'closed')
  })

  await t.test(
    'a stranger and a user past the limit are refused, and the next one is admitted after a leave',
    async () => {
      const group = await scene.group(3)
      const { accounts, users, guildId, channelId } = group
      await spacebar.request('PATCH', `channels/${channelId}`, accounts[0]!.token, { user_limit: 1 })
      await scene.enter(users[1]!, guildId, channelId)
      const stranger = await scene.connect(await spacebar.register())
      for (const user of [users[2]!, stranger]) {
        const from = user.events.length
        user.sendVoiceState(guildId, channelId)
        await user.next('VOICE_SERVER_UPDATE', from)
        await node.bridge.says(new RegExp(`"user":"${user.userId}".*bridge\\.refused`))
      }
      users[1]!.sendVoiceState(guildId, null)
      users[2]!.sendVoiceState(guildId, null)
      await users[0]!.next(
        'VOICE_STATE_UPDATE',
        0,
        data => data.user_id === users[2]!.userId && data.channel_id === null,
      )
      await scene.enter(users[2]!, guildId, channelId)
    },
  )

  await t.test('a lost connection to the main gateway ends the call of that user', async () => {
    const { users, guildId, channelId } = await scene.group(2)
    const [lost, other] = [
      await scene.enter(users[0]!, guildId, channelId),
      await scene.enter(users[1]!, guildId, channelId),
    ]
    await users[0]!.close()
    await until('the call to end', () => lost.state === 'closed')
    assert.equal(other.state, 'live')
  })

  await t.test('a stream has a call of its own, and ends when its owner stops, and when its owner leaves', async () => {
    const { users, guildId, channelId } = await scene.group(2)
    const [owner, viewer] = users as [SpacebarGateway, SpacebarGateway]
    for (const user of users) await scene.enter(user, guildId, channelId)
    const key = `guild:${guildId}:${channelId}:${owner.userId}`
    const watch = async (user: SpacebarGateway, op: number, d: object) => {
      const from = user.events.length
      user.send(op, d)
      const { rtc_server_id } = await user.next('STREAM_CREATE', from)
      const { token } = await user.next('STREAM_SERVER_UPDATE', from)
      return scene.identify(user, String(rtc_server_id), String(rtc_server_id), String(token))
    }
    for (const end of ['stop', 'leave']) {
      const streaming = await watch(owner, 18, {
        type: 'guild',
        guild_id: guildId,
        channel_id: channelId,
        preferred_region: null,
      })
      const watching = await watch(viewer, 20, { stream_key: key })
      if (end === 'stop') owner.send(19, { stream_key: key })
      else owner.sendVoiceState(guildId, null)
      await until(`the stream to end by ${end}`, () => streaming.state === 'closed' && watching.state === 'closed')
    }
  })

  await t.test('a call between two users has no guild', async () => {
    const accounts = [await spacebar.register(), await spacebar.register()] as const
    const { id } = await spacebar.request('POST', 'users/@me/channels', accounts[0].token, {
      recipients: [accounts[1].userId],
    })
    const channelId = String(id)
    const users = [await scene.connect(accounts[0]), await scene.connect(accounts[1])] as const
    const clients = [
      await scene.enter(users[0], null, channelId),
      await scene.enter(users[1], null, channelId),
    ] as const
    await until('both to see each other', () => clients.every(({ members }) => members.size === 1))
    users[1].sendVoiceState(null, null)
    await until('the second user to leave', () => clients[1].state === 'closed')
    assert.equal(clients[0].state, 'live')
  })

  await t.test('a restarted node gets its users back by itself, and a restarted bridge is not noticed', async () => {
    const group = await scene.group(2)
    const bots = await scene.bots(group)
    await node.killNode()
    await until('both to lose the call', () => bots.every(({ status }) => status !== VoiceConnectionStatus.Ready))
    await node.startNode()
    await Promise.all(bots.map(bot => bot.ready()))
    await node.killBridge()
    const late = await scene.group(1)
    const [user] = late.users as [SpacebarGateway]
    user.sendVoiceState(late.guildId, late.channelId)
    await user.next('VOICE_SERVER_UPDATE', 0)
    const from = user.events.length
    await node.startBridge()
    const { token } = await user.next('VOICE_SERVER_UPDATE', from)
    await scene.identify(user, late.guildId, late.channelId, String(token))
    assert.ok(bots.every(({ status }) => status === VoiceConnectionStatus.Ready))
    await haveEqualCodes(bots)
  })

  await t.test(
    'a restart of the main gateway does not end calls, and its users join again with new tokens',
    async () => {
      const { accounts, users, guildId, channelId } = await scene.group(2)
      const [stays, goes] = [
        await scene.enter(users[0]!, guildId, channelId),
        await scene.enter(users[1]!, guildId, channelId),
      ]
      await spacebar.killGateway()
      await spacebar.startGateway()
      const user = await scene.connect(accounts[0]!)
      assert.deepEqual([stays.state, goes.state], ['live', 'live'])
      await scene.enter(user, guildId, channelId)
      await until('the user who did not come back to be removed', () => goes.state === 'closed', 120_000)
    },
  )

  await t.test(
    'with triggers, a second login takes the call over, and a lost connection ends a call without a guild',
    async () => {
      await spacebar.postgres.run(INSTALL_TRIGGERS)
      const { accounts, users, guildId, channelId } = await scene.group(1)
      const second = await spacebar.register()
      await scene.enter(users[0]!, guildId, channelId)
      const other = await scene.connect(await spacebar.login(accounts[0]!))
      assert.notEqual(other.sessionId, users[0]!.sessionId)
      const from = other.events.length
      other.sendVoiceState(guildId, channelId)
      // Spacebar sends none: this is the bridge's.
      const { token } = await other.next('VOICE_SERVER_UPDATE', from)
      const client = await scene.identify(other, guildId, channelId, String(token))
      assert.equal(client.state, 'live')
      const { id } = await spacebar.request('POST', 'users/@me/channels', accounts[0]!.token, {
        recipients: [second.userId],
      })
      const caller = await scene.connect(second)
      const call = await scene.enter(caller, null, String(id))
      // Spacebar sends no event for this.
      await caller.close()
      await until('the call without a guild to end', () => call.state === 'closed')
      await spacebar.postgres.run(REMOVE_TRIGGERS)
    },
  )
})
