// A stand-in of Spacebar: its event bus and its main gateway, with the shapes, tokens and order of events of the real server
// (docs/spacebar.md). It is what the bridge and the bots see of it, and nothing more. spacebar-real.test.ts has the real one.
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Envelope, type SpacebarBus, UnixSpacebarBus } from './spacebar-buses.ts'

/** Between VOICE_STATE_UPDATE and VOICE_SERVER_UPDATE. */
const TOKEN_DELAY = 10

export interface Member {
  userId: string
  sessionId: string
  /** A user who is no member of the guild may join too: Spacebar does not check that. */
  isStranger?: boolean
  /** Events that the main gateway sends to the user. */
  deliver(event: string, data: Record<string, unknown>): void
}

interface Row {
  member: Member
  guildId: string | null
  channelId: string | null
  token: string
  /** Absent until the user streams for the first time. */
  isStreaming?: boolean
}

type Ids = Pick<Envelope, 'guild_id' | 'channel_id' | 'user_id'>

export class SpacebarStandIn {
  readonly bus: SpacebarBus
  readonly #endpoint: string
  readonly #rows = new Map<string, Row>()
  /** Events that the bridge has published, as `event user`. */
  readonly published: string[] = []
  #streams = 0

  /** The region has the endpoint. */
  constructor(bus: SpacebarBus, endpoint: string) {
    this.bus = bus
    this.#endpoint = endpoint
    bus.onPublished = envelope => this.#passOn(envelope)
  }

  static async overUnixSockets(endpoint: string): Promise<SpacebarStandIn> {
    return new SpacebarStandIn(await UnixSpacebarBus.open(), endpoint)
  }

  close(): Promise<void> {
    return this.bus.close()
  }

  /** Opcode 4 of the main gateway. */
  voiceState(member: Member, guildId: string | null, channelId: string | null): Promise<void> {
    return channelId === null ? this.leave(member.userId) : this.join(member, guildId, channelId)
  }

  /** Without a guild it is a DM or group call. */
  async join(member: Member, guildId: string | null, channelId: string): Promise<void> {
    const { userId } = member
    const before = this.#rows.get(userId)
    const isSameChannel = before?.channelId === channelId
    const token = before?.member.sessionId === member.sessionId ? before.token : randomBytes(8).toString('hex')
    const row: Row = { member, guildId, channelId, token }
    this.#rows.set(userId, row)
    await this.#voiceState(row, guildId)
    if (isSameChannel) return
    await sleep(TOKEN_DELAY)
    await this.#voiceServer(row)
  }

  /** As bots leave: the guild is named. As clients leave, it is not. */
  async leave(userId: string, { isClient = false } = {}): Promise<void> {
    const row = this.#rows.get(userId)
    if (row === undefined) return
    const { guildId } = row
    row.channelId = null
    await this.#voiceState(row, guildId)
    if (isClient) await this.#voiceState(row, null)
  }

  /** The user's connection to the main gateway ends: one event with the old channel, and no user in the envelope. */
  async dropGateway(userId: string): Promise<void> {
    const row = this.#rows.get(userId)
    if (row === undefined) return
    const { guildId, channelId } = row
    row.channelId = null
    const ids = { guild_id: guildId ?? undefined, channel_id: channelId ?? undefined }
    await this.emit('VOICE_STATE_UPDATE', this.#publicState(row, guildId), ids)
  }

  /** The main gateway restarts: its table is truncated, without an event. */
  restartGateway(): void {
    this.#rows.clear()
  }

  /** No voice event, and the row stays. */
  async kick(guildId: string, userId: string): Promise<void> {
    await this.emit('GUILD_DELETE', { id: guildId }, { user_id: userId })
    await this.emit('GUILD_MEMBER_REMOVE', { guild_id: guildId, user: { id: userId } }, { guild_id: guildId })
  }
  async ban(guildId: string, userId: string): Promise<void> {
    await this.emit('GUILD_BAN_ADD', { guild_id: guildId, user: { id: userId } }, { guild_id: guildId })
    await this.kick(guildId, userId)
  }

  /** No voice events; the rows go by cascade. */
  async deleteChannel(guildId: string, channelId: string): Promise<void> {
    for (const [userId, row] of this.#rows) if (row.channelId === channelId) this.#rows.delete(userId)
    await this.emit('CHANNEL_DELETE', { id: channelId, guild_id: guildId, type: 2 }, { channel_id: channelId })
  }
  async deleteGuild(guildId: string): Promise<void> {
    for (const [userId, row] of this.#rows) if (row.guildId === guildId) this.#rows.delete(userId)
    await this.emit('GUILD_DELETE', { id: guildId }, { guild_id: guildId })
  }

  /** Opcode 18. Resolves with what the owner identifies with. */
  async startStream(userId: string): Promise<{ key: string; serverId: string; token: string }> {
    const row = this.#rows.get(userId)!
    const { guildId, channelId } = row
    const stream = { key: `guild:${guildId}:${channelId}:${userId}`, serverId: String(7_000 + ++this.#streams) }
    row.isStreaming = true
    const token = await this.#streamServer(userId, stream, { user_id: userId })
    await this.#voiceState(row, guildId, false)
    return { ...stream, token }
  }
  /** Opcode 20. Resolves with what the viewer identifies with. */
  async watchStream(userId: string, stream: { key: string; serverId: string }): Promise<{ token: string }> {
    const channel_id = this.#rows.get(userId)?.channelId ?? undefined
    return { token: await this.#streamServer(userId, stream, { channel_id, user_id: userId }) }
  }
  /** Opcode 19 of the owner. */
  async stopStream(userId: string, key: string): Promise<void> {
    const row = this.#rows.get(userId)!
    row.isStreaming = false
    await this.#voiceState(row, row.guildId, false)
    const ids = { guild_id: row.guildId ?? undefined, channel_id: row.channelId ?? undefined }
    await this.emit('STREAM_DELETE', { stream_key: key }, ids)
  }

  emit(event: string, data: Record<string, unknown>, ids: Ids): Promise<void> {
    return this.bus.emit({ event, data, ...ids })
  }

  async #voiceState(row: Row, guildId: string | null, hasUser = true): Promise<void> {
    const { userId } = row.member
    const data = this.#publicState(row, guildId)
    row.member.deliver('VOICE_STATE_UPDATE', data)
    await this.emit('VOICE_STATE_UPDATE', data, {
      guild_id: guildId ?? undefined,
      channel_id: row.channelId ?? undefined,
      ...(hasUser ? { user_id: userId } : {}),
    })
  }

  #publicState({ member, channelId, isStreaming }: Row, guildId: string | null): Record<string, unknown> {
    const { userId, sessionId, isStranger = false } = member
    return {
      user_id: userId,
      guild_id: guildId,
      channel_id: channelId,
      session_id: sessionId,
      self_mute: false,
      self_deaf: false,
      self_video: false,
      ...(isStreaming === undefined ? {} : { self_stream: isStreaming }),
      mute: false,
      deaf: false,
      suppress: false,
      ...(isStranger || guildId === null ? {} : { member: { user: { id: userId }, roles: [] } }),
    }
  }

  async #voiceServer({ member, guildId, channelId, token }: Row): Promise<void> {
    const data = {
      token,
      guild_id: guildId,
      endpoint: this.#endpoint,
      ...(guildId === null ? { channel_id: channelId } : {}),
    }
    member.deliver('VOICE_SERVER_UPDATE', data)
    await this.emit('VOICE_SERVER_UPDATE', data, { user_id: member.userId })
  }

  /** Each user of a stream has a token of its own. */
  async #streamServer(userId: string, stream: { key: string; serverId: string }, ids: Ids): Promise<string> {
    const token = randomBytes(8).toString('hex')
    const { key: stream_key, serverId: rtc_server_id } = stream
    await this.emit('STREAM_CREATE', { stream_key, rtc_server_id, viewer_ids: [], region: 'main', paused: false }, ids)
    const data = { token, stream_key, guild_id: null, endpoint: this.#endpoint }
    await this.emit('STREAM_SERVER_UPDATE', data, { user_id: userId })
    return token
  }

  /** Spacebar's gateway passes on what is published, like its own events. */
  #passOn({ event, data, user_id: userId = '' }: Envelope): void {
    this.published.push(`${event} ${userId}`)
    this.#rows.get(userId)?.member.deliver(event, data)
  }
}
