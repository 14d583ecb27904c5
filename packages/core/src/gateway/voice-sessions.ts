// All voice sessions: opens them for Identify, and keeps detached ones until Resume or until they expire.

import { type Identify, type Resume, VoiceClose, type VoiceMode, VoiceOp } from '@parley/protocol'
import type { Ending } from '../channel/channel-session.ts'
import type { Channels } from '../channel/channels.ts'
import type { VideoSource } from '../channel/video/video-source.ts'
import type { VoiceState } from '../channel/voice-states/voice-state.ts'
import type { Crypto } from '../crypto.ts'
import type { Deadlines } from '../deadlines.ts'
import { ProtocolError } from '../errors.ts'
import type { LayerReport } from '../lane/layer-report.ts'
import { ok, type Result } from '../result.ts'
import { Authenticator, type IdentifyRefusal, type TokenPolicy } from './authenticator.ts'
import { type MediaAddresses, mediaAddress } from './media-address.ts'
import { readyFor } from './ready.ts'
import type { OverBitrate } from './session-media.ts'
import { type Attachment, daveVersionOf, type SessionObserver, VoiceSession } from './voice-session.ts'

/** A connection that identifies. */
interface Identifying extends Attachment {
  /** The address of the node that the client connected to. */
  readonly localAddress: string
}

/** How clients authenticate, what they are offered, and how long they may resume. */
export interface AuthenticationPolicy extends TokenPolicy, MediaAddresses {
  readonly modes: readonly VoiceMode[]
  /** Milliseconds for which a session without a connection may be resumed. */
  readonly resumeWindow: number
}

/** A client that closes with one of these codes does not resume. */
const ENDING_CODES: ReadonlySet<number> = new Set([1000, 1001, VoiceClose.Disconnected])
const REPLACED = { code: VoiceClose.SessionInvalid, reason: 'replaced by a newer connection' }

/** A session id alone is not unique: a bot has the same one in each guild. */
const keyOf = (serverId: string, sessionId: string): string => `${serverId} ${sessionId}`

/**
 * Sits between the connections, which come and go, and the sessions. It observes every session, to keep its tables and
 * deadlines, and passes each event on.
 */
export class VoiceSessions implements SessionObserver {
  readonly #authenticator: Authenticator
  readonly #policy: AuthenticationPolicy
  readonly #deadlines: Deadlines
  readonly #observer: SessionObserver
  /** By `server_id` and session id: a bot uses one session id in many guilds. */
  readonly #byId = new Map<string, Set<VoiceSession>>()
  #size = 0

  constructor(
    channels: Channels,
    policy: AuthenticationPolicy,
    crypto: Crypto,
    deadlines: Deadlines,
    observer: SessionObserver,
  ) {
    this.#authenticator = new Authenticator(channels, policy, crypto)
    this.#policy = policy
    this.#deadlines = deadlines
    this.#observer = observer
  }

  /** Sessions that have not ended, connected or detached. */
  get size(): number {
    return this.#size
  }

  has(serverId: string, sessionId: string): boolean {
    return this.#byId.has(keyOf(serverId, sessionId))
  }

  *all(): Iterable<VoiceSession> {
    for (const sessions of this.#byId.values()) yield* sessions
  }

  /**
   * Opens a session and sends Ready. The user's previous session ends with 4006. Refused if no voice state matches,
   * which the caller may wait for; throws a ProtocolError for a client that authenticates but may not join.
   */
  identify(identify: Identify, connection: Identifying, now: number): Result<VoiceSession, IdentifyRefusal> {
    const result = this.#authenticator.identify(identify)
    if (!result.ok) return result
    const authenticated = result.value
    const { channel, voiceState, tokenOwner } = authenticated
    this.#countAttempt(authenticated, now)
    if (!channel.encryption.admits(daveVersionOf(identify)))
      throw new ProtocolError(VoiceClose.EncryptionRequired, 'the channel requires end-to-end encryption')
    channel.sessionOf(voiceState.userId)?.end(REPLACED, now)
    const lane = channel.lanes.place()
    const session = new VoiceSession({
      identify,
      voiceState,
      channel,
      tokenOwner,
      connection,
      mediaIp: mediaAddress(this.#policy, connection.localAddress, connection.remoteAddress),
      lane,
      numbers: lane.reservePeer(),
      observer: this,
      now,
    })
    this.#add(session)
    session.open()
    session.send(VoiceOp.Ready, readyFor(session, this.#policy.modes))
    return ok(session)
  }

  /**
   * Attaches the connection to its session and sends what it missed. Throws a ProtocolError: 4006 without such a
   * session or if a missed message is no longer stored (the session ends then), 4004 for a wrong token.
   */
  resume(resume: Resume, connection: Attachment, now: number): VoiceSession {
    const session = this.#authenticator.resume(resume, this.#byId.get(keyOf(resume.server_id, resume.session_id)) ?? [])
    this.#countAttempt(session, now)
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
  /** It no longer expires. */
  sessionResumed(session: VoiceSession, now: number): void {
    this.#deadlines.remove(session)
    this.#observer.sessionResumed(session, now)
  }
  sessionSpoke(session: VoiceSession): void {
    this.#observer.sessionSpoke(session)
  }
  sessionViewed(session: VoiceSession, report: LayerReport): void {
    this.#observer.sessionViewed(session, report)
  }
  sessionExceededBitrate(session: VoiceSession, over: OverBitrate): void {
    this.#observer.sessionExceededBitrate(session, over)
  }
  sessionViewEnded(session: VoiceSession, ssrc: number): void {
    this.#observer.sessionViewEnded(session, ssrc)
  }
  sessionSourceChanged(session: VoiceSession, source: VideoSource): void {
    this.#observer.sessionSourceChanged(session, source)
  }
  /** The last event of a session: it leaves the tables. */
  sessionEnded(session: VoiceSession, ending: Ending, now: number): void {
    this.#deadlines.remove(session)
    const key = keyOf(session.channel.serverId, session.sessionId)
    const sameId = this.#byId.get(key)
    if (sameId?.delete(session)) this.#size--
    if (sameId?.size === 0) this.#byId.delete(key)
    this.#observer.sessionEnded(session, ending, now)
  }

  #add(session: VoiceSession): void {
    const key = keyOf(session.channel.serverId, session.sessionId)
    const sameId = this.#byId.get(key)
    if (sameId === undefined) this.#byId.set(key, new Set([session]))
    else sameId.add(session)
    this.#size++
  }

  /** Counts an Identify or Resume with a valid token, so that a client cannot connect again and again. */
  #countAttempt({ voiceState }: { voiceState: VoiceState }, now: number): void {
    if (!voiceState.rates(now).attempts.take(now))
      throw new ProtocolError(VoiceClose.RateLimited, 'too many Identify or Resume messages')
  }
}
