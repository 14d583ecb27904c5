// All voice sessions: authenticates Identify and Resume, and keeps detached sessions until they are resumed or expire.
import { type Identify, type Resume, VoiceClose, type VoiceMode, VoiceOp } from '@parley/protocol'
import type { Channel } from '../channel/channel.ts'
import type { Channels } from '../channel/channels.ts'
import type { VoiceState } from '../channel/voice-state.ts'
import type { Crypto } from '../crypto.ts'
import type { Deadlines } from '../deadlines.ts'
import { ProtocolError } from '../errors.ts'
import { mediaAddress } from './media-address.ts'
import { readyFor } from './ready.ts'
import { type Attachment, daveVersionOf, type SessionObserver, VoiceSession } from './voice-session.ts'

/** A connection that identifies. */
interface Identifying extends Attachment {
  /** The address of the node that the client connected to. */
  readonly localAddress: string
  readonly remoteAddress: string
}

export interface AuthenticationPolicy {
  /** Addresses that Ready names; if empty, the one that the client reached. */
  readonly announce: readonly string[]
  readonly modes: readonly VoiceMode[]
  /** Milliseconds for which a session without a connection may be resumed. */
  readonly resumeWindow: number
  /** Whether the channel's token authenticates any user with a voice state; otherwise only the user's own token does. */
  readonly channelTokenAuth: boolean
  /**
   * `strict`: the session id has to be that of the voice state. `relaxed`: with the user's own token any session id is accepted;
   * with the channel's also the first other one that is presented.
   */
  readonly sessionCheck: 'relaxed' | 'strict'
}

/** A client that closes with one of these codes does not resume. */
const ENDING_CODES: ReadonlySet<number> = new Set([1000, 1001, VoiceClose.Disconnected])
const REPLACED = { code: VoiceClose.SessionInvalid, reason: 'replaced by a newer connection' }

export class VoiceSessions implements SessionObserver {
  readonly #channels: Channels
  readonly #policy: AuthenticationPolicy
  readonly #crypto: Crypto
  readonly #deadlines: Deadlines
  readonly #observer: SessionObserver
  /** By session id: a bot uses one id in many guilds. */
  readonly #bySessionId = new Map<string, Set<VoiceSession>>()
  #size = 0

  constructor(
    channels: Channels,
    policy: AuthenticationPolicy,
    crypto: Crypto,
    deadlines: Deadlines,
    observer: SessionObserver,
  ) {
    this.#channels = channels
    this.#policy = policy
    this.#crypto = crypto
    this.#deadlines = deadlines
    this.#observer = observer
  }

  get size(): number {
    return this.#size
  }

  *all(): Iterable<VoiceSession> {
    for (const sessions of this.#bySessionId.values()) yield* sessions
  }

  identify(identify: Identify, connection: Identifying, now: number): VoiceSession {
    const { channel, voiceState } = this.#authorise(identify)
    if (!channel.encryption.admits(daveVersionOf(identify, connection)))
      throw new ProtocolError(VoiceClose.EncryptionRequired, 'the channel requires end-to-end encryption')
    channel.sessions.get(voiceState.userId)?.end(REPLACED, now)
    const session = new VoiceSession({
      identify,
      voiceState,
      channel,
      connection,
      mediaIp: mediaAddress(this.#policy.announce, connection.localAddress, connection.remoteAddress),
      numbers: channel.lane.reservePeer(),
      observer: this,
    })
    this.#add(session)
    session.open()
    session.send(VoiceOp.Ready, readyFor(session, this.#policy.modes))
    return session
  }

  resume(resume: Resume, connection: Attachment, now: number): VoiceSession {
    const session = this.#findResumable(resume)
    const seqAck = resume.seq_ack ?? resume.seq
    if (!session.canResume(seqAck, connection.version)) {
      const ending = { code: VoiceClose.SessionInvalid, reason: 'the missed messages are no longer kept' }
      session.end(ending, now)
      throw new ProtocolError(ending.code, ending.reason)
    }
    session.resume(connection, seqAck, REPLACED, now)
    return session
  }

  /** The connection of a session is closed. */
  connectionLost(session: VoiceSession, connection: Attachment, code: number, now: number): void {
    if (ENDING_CODES.has(code)) {
      if (session.isAttachedTo(connection)) session.end({ code, reason: 'closed by the client' }, now)
      return
    }
    session.detach(connection, code, now + this.#policy.resumeWindow, now)
    this.#deadlines.update(session)
  }

  sessionEntered(session: VoiceSession, now: number): void {
    this.#observer.sessionEntered(session, now)
  }
  sessionDetached(session: VoiceSession, code: number, now: number): void {
    this.#observer.sessionDetached(session, code, now)
  }
  sessionResumed(session: VoiceSession, now: number): void {
    this.#deadlines.remove(session)
    this.#observer.sessionResumed(session, now)
  }
  sessionSpoke(session: VoiceSession): void {
    this.#observer.sessionSpoke(session)
  }
  sessionEnded(session: VoiceSession, code: number, now: number): void {
    this.#deadlines.remove(session)
    const sameId = this.#bySessionId.get(session.sessionId)
    if (sameId?.delete(session)) this.#size--
    if (sameId?.size === 0) this.#bySessionId.delete(session.sessionId)
    this.#observer.sessionEnded(session, code, now)
  }

  #add(session: VoiceSession): void {
    const sameId = this.#bySessionId.get(session.sessionId)
    if (sameId === undefined) this.#bySessionId.set(session.sessionId, new Set([session]))
    else sameId.add(session)
    this.#size++
  }

  /** Several backends may have a channel with that `server_id`: the tokens of all of them are compared. */
  #authorise(identify: Identify): { channel: Channel; voiceState: VoiceState } {
    let found: { channel: Channel; voiceState: VoiceState } | undefined
    let known = false
    for (const channel of this.#channels.ofServer(identify.server_id)) {
      known = true
      const voiceState = channel.voiceStates.get(identify.user_id)
      if (voiceState !== undefined && this.#mayUse(identify, channel, voiceState)) found = { channel, voiceState }
    }
    if (!known) throw new ProtocolError(VoiceClose.ServerNotFound, 'the server is not known here')
    if (found === undefined)
      throw new ProtocolError(VoiceClose.AuthenticationFailed, 'token, user and server do not match')
    return found
  }

  /**
   * A user's own token authenticates the user, so (relaxed) any session id is accepted: some backends cannot send the id that the
   * client uses. All members know the channel's token, so it is accepted only with the session id of the voice state, or with
   * the first other id that is presented while the voice state exists.
   */
  #mayUse(identify: Identify, channel: Channel, voiceState: VoiceState): boolean {
    const { sessionCheck, channelTokenAuth } = this.#policy
    const own = this.#crypto.equal(voiceState.token, identify.token)
    const shared = this.#crypto.equal(channel.token, identify.token) && channelTokenAuth
    if (!own && !shared) return false
    const { channel_id: channelId, session_id: sessionId } = identify
    if (channelId !== undefined && channelId !== null && channelId !== channel.channelId) return false
    if (sessionId === voiceState.sessionId) return true
    if (sessionCheck === 'strict') return false
    if (!own) voiceState.presentedSessionId ??= sessionId
    return own || voiceState.presentedSessionId === sessionId
  }

  #findResumable(resume: Resume): VoiceSession {
    let known = false
    let found: VoiceSession | undefined
    for (const session of this.#bySessionId.get(resume.session_id) ?? []) {
      if (session.channel.serverId !== resume.server_id) continue
      known = true
      if (this.#crypto.equal(session.token, resume.token)) found = session
    }
    if (!known) throw new ProtocolError(VoiceClose.SessionInvalid, 'the session does not exist or has ended')
    const { channel_id: channelId } = resume
    const matches = channelId === undefined || channelId === null || channelId === found?.channel.channelId
    if (found === undefined || !matches)
      throw new ProtocolError(VoiceClose.AuthenticationFailed, 'the token does not match')
    return found
  }
}
