// A stand-in of Spacebar: its Unix-socket bus and its main gateway, with the shapes, tokens and order of events of the real server
// (docs/spacebar.md). It is what the bridge and the bots see of it, and nothing more.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { FrameReader, frameOf } from '../../packages/spacebar/src/bus/frames.ts'

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
}

export class SpacebarStandIn {
  /** EVENT_SOCKET_PATH. */
  readonly folder = mkdtempSync(join(tmpdir(), 'spacebar-bus-'))
  readonly #endpoint: string
  readonly #server: Server
  readonly #rows = new Map<string, Row>()
  /** Events that the bridge has published, as `event user`. */
  readonly published: string[] = []

  private constructor(endpoint: string) {
    this.#endpoint = endpoint
    this.#server = createServer(socket => {
      const frames = new FrameReader(frame => this.#takeFrame(frame))
      socket.on('data', chunk => frames.push(chunk))
      socket.on('error', () => {})
    })
  }

  static async open(endpoint: string): Promise<SpacebarStandIn> {
    const standIn = new SpacebarStandIn(endpoint)
    await new Promise<void>(resolve => standIn.#server.listen(join(standIn.folder, `${process.pid}.sock`), resolve))
    return standIn
  }

  close(): void {
    this.#server.close()
    rmSync(this.folder, { recursive: true, force: true })
  }

  /** Op 4 of the main gateway. */
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

  /** No voice event, and the row stays. */
  async kick(guildId: string, userId: string): Promise<void> {
    await this.emit('GUILD_DELETE', { id: guildId }, { user_id: userId })
    await this.emit('GUILD_MEMBER_REMOVE', { guild_id: guildId, user: { id: userId } }, { guild_id: guildId })
  }

  async deleteChannel(guildId: string, channelId: string): Promise<void> {
    for (const [userId, row] of this.#rows) if (row.channelId === channelId) this.#rows.delete(userId)
    await this.emit('CHANNEL_DELETE', { id: channelId, guild_id: guildId, type: 2 }, { channel_id: channelId })
  }

  /** Writes the event to every socket in the folder. */
  emit(event: string, data: object, ids: object): Promise<void> {
    const [id] = Object.values(ids)
    return this.write(frameOf({ id, event: { event, data, ...ids } }))
  }

  /** Writes bytes to every socket but its own, on one connection each. */
  async write(bytes: Buffer): Promise<void> {
    const names = readdirSync(this.folder).filter(name => name.endsWith('.sock') && name !== `${process.pid}.sock`)
    await Promise.all(names.map(name => send(join(this.folder, name), bytes)))
  }

  async #voiceState({ member, channelId }: Row, guildId: string | null): Promise<void> {
    const { userId, sessionId, isStranger = false } = member
    const data = {
      user_id: userId,
      guild_id: guildId,
      channel_id: channelId,
      session_id: sessionId,
      self_mute: false,
      self_deaf: false,
      self_video: false,
      mute: false,
      deaf: false,
      suppress: false,
      ...(isStranger || guildId === null ? {} : { member: { user: { id: userId }, roles: [] } }),
    }
    member.deliver('VOICE_STATE_UPDATE', data)
    await this.emit('VOICE_STATE_UPDATE', data, {
      guild_id: guildId ?? undefined,
      channel_id: channelId ?? undefined,
      user_id: userId,
    })
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

  /** Spacebar's gateway passes on what is published, like its own events. */
  #takeFrame(frame: Buffer): void {
    const { event } = JSON.parse(frame.toString()) as {
      event: { event: string; data: Record<string, unknown>; user_id: string }
    }
    this.published.push(`${event.event} ${event.user_id}`)
    this.#rows.get(event.user_id)?.member.deliver(event.event, event.data)
  }
}

/** A process that does not listen is left out, as Spacebar leaves it out. */
const send = (path: string, bytes: Buffer): Promise<void> =>
  new Promise(resolve => {
    const socket = connect(path, () => socket.end(bytes))
    socket.on('error', () => resolve())
    socket.on('close', () => resolve())
    socket.resume()
  })
