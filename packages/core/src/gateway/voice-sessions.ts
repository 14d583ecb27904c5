// All voice sessions: who is admitted, who resumes, who waits to be resumed.
import { type Identify, type Resume, VoiceClose, type VoiceMode, VoiceOp } from '@parley/protocol'
import type { Channel } from '../channel/channel.ts'
import type { Channels } from '../channel/channels.ts'
import type { VoiceState } from '../channel/voice-state.ts'
import type { Crypto } from '../crypto.ts'
import type { Deadlines } from '../deadlines.ts'
import { ProtocolError } from '../errors.ts'
import { type Authenticator, type GatewayConnection, normaliseSeqAck } from './connection.ts'
import { mediaAddress } from './media-address.ts'
import { readyFor } from './ready.ts'
import { daveVersionOf, type SessionObserver, VoiceSession } from './voice-session.ts'

export interface AuthenticationPolicy {
  readonly announce: readonly string[]
  readonly modes: readonly VoiceMode[]
  readonly resumeWindow: number
  /** Whether a channel's token admits any user with a voice state; else only the user's own does. */
  readonly channelTokenAuth: boolean
  /** `strict`: the session id has to be the voice state's. `relaxed`: see `#mayUse`. */
  readonly sessionCheck: 'relaxed' | 'strict'
}

/** A client that closes with one of these says that it is not coming back. */
const ENDING_CODES: ReadonlySet<number> = new Set([1000, 1001, VoiceClose.Disconnected])
const REPLACED = { code: VoiceClose.SessionInvalid, reason: 'replaced by a newer connection' }

export class VoiceSessions implements Authenticator, SessionObserver {
  readonly #channels: Channels
  readonly #policy: AuthenticationPolicy
  readonly #crypto: Crypto
  readonly #deadlines: Deadlines
  readonly #observer: SessionObserver
  /** By session id; a bot uses one id in many guilds. */
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

  identify(identify: Identify, connection: GatewayConnection, now: number): VoiceSession {
    const { channel, voiceState } = this.#authorise(identify)
    if (!channel.encryption.admits(daveVersionOf(identify, connection)))
      throw new ProtocolError(VoiceClose.EncryptionRequired, 'the channel requires end-to-end encryption')
    channel.sessions.get(voiceState.userId)?.end(REPLACED, now)
    const ip = mediaAddress(this.#policy.announce, connection.localAddress, connection.remoteAddress)
    const session = new VoiceSession(identify, voiceState, channel, connection, ip, this)
    this.#add(session)
    session.send(VoiceOp.Ready, readyFor(session, this.#policy.modes))
    return session
  }

  resume(resume: Resume, connection: GatewayConnection, now: number): VoiceSession {
    const session = this.#findResumable(resume)
    const seqAck = normaliseSeqAck(resume.seq_ack ?? resume.seq)
    if (!session.canResume(seqAck, connection.version)) {
      const ending = { code: VoiceClose.SessionInvalid, reason: 'the messages missed are no longer kept' }
      session.end(ending, now)
      throw new ProtocolError(ending.code, ending.reason)
    }
    session.resume(connection, seqAck, REPLACED, now)
    return session
  }

  connectionLost(session: VoiceSession, connection: GatewayConnection, code: number, now: number): void {
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

  /** Several backends may have a channel of that server: the token decides, and every candidate's is compared. */
  #authorise(identify: Identify): { channel: Channel; voiceState: VoiceState } {
    let found: { channel: Channel; voiceState: VoiceState } | undefined
    let known = false
    for (const channel of this.#channels.ofServer(identify.server_id)) {
      known = true
      const voiceState = channel.voiceStates.get(identify.user_id)
      if (voiceState !== undefined && this.#mayUse(identify, channel, voiceState)) found = { channel, voiceState }
    }
    if (!known) throw new ProtocolError(VoiceClose.ServerNotFound, 'no channel of this server here')
    if (found === undefined)
      throw new ProtocolError(VoiceClose.AuthenticationFailed, 'token, user and server do not match')
    return found
  }

  /**
   * A user's own token proves the user, so (relaxed) any session id will do: some backends cannot tell us the one the client
   * knows. A channel's token is known to all its members, so it only works with the voice state's session id, or with
   * the first other one that is presented while the voice state lives.
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
    if (!known) throw new ProtocolError(VoiceClose.SessionInvalid, 'no such session, or it has ended')
    const { channel_id: channelId } = resume
    const matches = channelId === undefined || channelId === null || channelId === found?.channel.channelId
    if (found === undefined || !matches)
      throw new ProtocolError(VoiceClose.AuthenticationFailed, 'the token does not match')
    return found
  }
}
