// The main gateway of a test server: login, guilds, voice states. What does not concern voice is not served.
import { randomBytes } from 'node:crypto'
import type { WebSocket } from 'ws'
import { SERVER_LIMITS } from '../../limits.ts'
import type { Calls, Dispatcher } from '../calls.ts'
import type { Directory } from '../directory.ts'
import type { FaultName } from '../faults/fault-table.ts'
import { FaultError, splitToken } from '../faults/fault-words.ts'
import type { UserFaults } from '../faults/user-faults.ts'
import { redacted } from '../trace/redacted.ts'
import type { Recorder, Side } from '../trace/trace-record.ts'
import type { TestUser } from '../world.ts'
import { deliverFaulty } from './dispatch-faults.ts'
import { GatewayConnection } from './gateway-connection.ts'
import { GatewayClose, GatewayError, type GatewayMessage, GatewayOp } from './gateway-messages.ts'
import { GatewaySession, Intent } from './gateway-session.ts'
import { applicationObject, guildCreate, memberObject, ownUserObject } from './objects.ts'

/** What the main gateway needs of its test server. */
export interface GatewayContext {
  directory: Directory
  faultsOf(userId: string): UserFaults
  recorderOf(userId: string): Recorder
  /** `ws:` URL of this gateway. */
  url(): string
}

type Of<Kind extends GatewayMessage['kind']> = Extract<GatewayMessage, { kind: Kind }>
/** RFC 6455 §7.4.1: after these the client does not resume. */
const FINAL_CODES: readonly number[] = [1000, 1001]

/** Sessions by id, and for each connection the session that it has. `Calls` decides what a voice state does. */
export class MainGateway implements Dispatcher {
  readonly #context: GatewayContext
  readonly #sessions = new Map<string, GatewaySession>()
  readonly #connections = new Map<GatewayConnection, GatewaySession | undefined>()
  #calls: Calls | undefined

  constructor(context: GatewayContext) {
    this.#context = context
  }

  /** Before the first connection. */
  serve(calls: Calls): void {
    this.#calls = calls
  }

  /** A client connected, with the query of its URL. */
  accept(socket: WebSocket, query: URLSearchParams): void {
    const connection = new GatewayConnection(socket, query, {
      received: (connection, message) => this.#received(connection, message),
      closed: (connection, code) => this.#closed(connection, code),
    })
    this.#connections.set(connection, undefined)
  }

  /** Sends a dispatch to every session that has the guild and the intent. `userId` is the user that it is about. */
  toGuild(guildId: string, event: string, data: object, userId?: string): void {
    const needed = event === 'VOICE_STATE_UPDATE' ? Intent.GuildVoiceStates : Intent.Guilds
    for (const session of this.#sessions.values()) {
      // A user's own voice state needs no intent.
      if (session.covers(guildId) && (session.has(needed) || session.user.id === userId))
        this.#dispatch(session, event, data, session.user.id === userId)
    }
  }

  toSession(sessionId: string, event: string, data: object): void {
    const session = this.#sessions.get(sessionId)
    if (session !== undefined) this.#dispatch(session, event, data, true)
  }

  /** Destroys the main gateway connections of a user. Their sessions may resume. */
  drop(userId: string): void {
    for (const [connection] of this.#connectionsOf(userId)) connection.drop()
  }

  /** A fault that happens once. */
  act(userId: string, name: FaultName, value: number): void {
    for (const [connection, session] of this.#connectionsOf(userId)) {
      if (name === 'close-gateway') connection.close(value, 'fault of the test server')
      else if (name === 'gateway-reconnect') connection.send({ op: GatewayOp.Reconnect, d: null })
      else if (name === 'invalid-session') {
        connection.send({ op: GatewayOp.InvalidSession, d: false })
        session.detach(connection.send)
        this.#connections.set(connection, undefined)
        this.#end(session)
      }
    }
  }

  #connectionsOf = (userId: string): [GatewayConnection, GatewaySession][] =>
    [...this.#connections].filter((entry): entry is [GatewayConnection, GatewaySession] => entry[1]?.user.id === userId)

  /** Every dispatch passes the faults of the session's user, and is recorded as it was sent. */
  #dispatch(session: GatewaySession, event: string, data: object, isOwn: boolean): void {
    const { user } = session
    deliverFaulty(this.#context.faultsOf(user.id), event, data, isOwn, (name, d) => {
      this.#record(user, 'node', { op: GatewayOp.Dispatch, event: name, data: d })
      session.dispatch(name, d)
    })
  }

  /** Tokens are removed before recording. */
  #record(user: TestUser, from: Side, { op, event, data }: { op: number; event?: string; data?: unknown }): void {
    const fields = { ...(event !== undefined && { event }), ...(data !== undefined && { data: redacted(data) }) }
    this.#context.recorderOf(user.id)({ kind: 'gateway', from, op, ...fields })
  }

  close(): void {
    const connections = [...this.#connections.keys()]
    // Their sessions end now, so that no close starts a wait for Resume.
    this.#connections.clear()
    for (const connection of connections) connection.drop()
    for (const { expiry } of this.#sessions.values()) clearTimeout(expiry)
    this.#sessions.clear()
  }

  /** Opcodes that need a session are refused before Identify (4003). */
  #received(connection: GatewayConnection, message: GatewayMessage): void {
    const session = this.#connections.get(connection)
    switch (message.kind) {
      case 'identify':
        return this.#identify(connection, message.identify)
      case 'resume':
        return this.#resume(connection, message.resume)
      case 'voice':
        return this.#voice(required(session), message.voice)
      case 'members':
        return this.#members(required(session), message.request)
      case 'heartbeat':
      case 'ignored':
        return
    }
  }

  /** Logs a user in: READY, then a GUILD_CREATE per guild of the shard. */
  #identify(connection: GatewayConnection, { token, intents, shard }: Of<'identify'>['identify']): void {
    if (this.#connections.get(connection) !== undefined)
      throw new GatewayError(GatewayClose.AlreadyAuthenticated, 'already identified')
    const user = this.#userOf(token)
    this.#makeRoom(user)
    const session = new GatewaySession(randomBytes(16).toString('hex'), user, intents, shard)
    this.#sessions.set(session.id, session)
    this.#connections.set(connection, session)
    session.attach(connection.send)
    this.#record(user, 'client', { op: GatewayOp.Identify })
    const guilds = [...this.#context.directory.guilds.values()].filter(({ id }) => session.covers(id))
    session.dispatch('READY', {
      v: connection.version,
      user: ownUserObject(user),
      guilds: guilds.map(({ id }) => ({ id, unavailable: true })),
      session_id: session.id,
      session_type: 'normal',
      resume_gateway_url: this.#context.url(),
      shard: session.shard,
      application: { id: user.id, flags: applicationObject(user).flags },
      private_channels: [],
      relationships: [],
      presences: [],
      geo_ordered_rtc_regions: ['parley'],
    })
    if (!session.has(Intent.Guilds)) return
    const { directory } = this.#context
    for (const guild of guilds)
      session.dispatch('GUILD_CREATE', guildCreate(guild, directory, this.#calls?.membersOf(guild.id) ?? []))
  }

  /** The user of a token. Its fault words are added once, however often the client logs in. */
  #userOf(token: string): TestUser {
    const user = this.#context.directory.userOf(token)
    if (user === undefined)
      throw new GatewayError(GatewayClose.AuthenticationFailed, 'the world has no room for a user')
    closing(GatewayClose.AuthenticationFailed, () => this.#context.faultsOf(user.id).addOnce(splitToken(token).words))
    return user
  }

  /** A session that waits for Resume makes room for a new one of its user. */
  #makeRoom(user: TestUser): void {
    const own = [...this.#sessions.values()].filter(session => session.user === user)
    const waiting = own.find(session => session.expiry !== undefined)
    if (own.length >= SERVER_LIMITS.maxTestSessionsPerUser && waiting !== undefined) this.#end(waiting)
    else if (own.length >= SERVER_LIMITS.maxTestSessionsPerUser || this.#sessions.size >= SERVER_LIMITS.maxTestSessions)
      throw new GatewayError(GatewayClose.RateLimited, 'too many sessions')
  }

  /** Op 9 if the session is unknown, of another user, or too old. */
  #resume(connection: GatewayConnection, { token, session_id, seq }: Of<'resume'>['resume']): void {
    if (this.#connections.get(connection) !== undefined)
      throw new GatewayError(GatewayClose.AlreadyAuthenticated, 'already identified')
    const session = this.#sessions.get(session_id)
    const isOwn = session?.user === this.#context.directory.userOf(token)
    if (session === undefined || !isOwn || !session.replay(seq ?? 0, connection.send))
      return connection.send({ op: GatewayOp.InvalidSession, d: false })
    this.#connections.set(connection, session)
    session.attach(connection.send)
    this.#record(session.user, 'client', { op: GatewayOp.Resume })
    session.dispatch('RESUMED', {})
  }

  /** Op 4: join, move, leave or self-mute. */
  #voice(session: GatewaySession, voice: Of<'voice'>['voice']): void {
    const { guild_id: guildId, channel_id, self_mute: selfMute, self_deaf: selfDeaf } = voice
    this.#record(session.user, 'client', { op: GatewayOp.VoiceStateUpdate, data: voice })
    const request = { guildId, channelId: channel_id ?? undefined, selfMute, selfDeaf }
    closing(GatewayClose.Decode, () => this.#calls?.request(session.user, session.id, request))
  }

  /** All members in one chunk: a test world is small. */
  #members(session: GatewaySession, { guild_id, nonce }: Of<'members'>['request']): void {
    const { guilds, users } = this.#context.directory
    if (!guilds.has(guild_id)) return
    const members = [...users.values()].map(user => memberObject(user, this.#calls?.member(guild_id, user.id)))
    session.dispatch('GUILD_MEMBERS_CHUNK', { guild_id, members, chunk_index: 0, chunk_count: 1, not_found: [], nonce })
  }

  /** The session waits for Resume, unless the client has ended it. */
  #closed(connection: GatewayConnection, code: number): void {
    const session = this.#connections.get(connection)
    this.#connections.delete(connection)
    if (session === undefined || !session.detach(connection.send)) return
    if (FINAL_CODES.includes(code)) return this.#end(session)
    session.expiry = setTimeout(() => this.#end(session), SERVER_LIMITS.testResumeWindow)
  }

  /** The session's user leaves its voice channels. */
  #end(session: GatewaySession): void {
    clearTimeout(session.expiry)
    if (this.#sessions.delete(session.id)) this.#calls?.sessionEnded(session.id)
  }
}

/** Throws a GatewayError before Identify. */
function required(session: GatewaySession | undefined): GatewaySession {
  if (session === undefined) throw new GatewayError(GatewayClose.NotAuthenticated, 'expected Identify first')
  return session
}

/** Closes the connection with the code if faults are refused. */
function closing(code: number, act: () => void): void {
  try {
    act()
  } catch (error) {
    if (!(error instanceof FaultError)) throw error
    throw new GatewayError(code, error.message)
  }
}
