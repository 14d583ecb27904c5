// Authentication of voice clients: which tokens Identify and Resume may present.
import { type Identify, type Resume, VoiceClose } from '@parley/protocol'
import type { Channel } from '../channel/channel.ts'
import type { BackendId } from '../channel/channel-ref.ts'
import type { Channels } from '../channel/channels.ts'
import type { VoiceState } from '../channel/voice-states/voice-state.ts'
import type { Crypto } from '../crypto.ts'
import { ProtocolError } from '../errors.ts'
import { ok, type Result, refused } from '../result.ts'

/** Whose token authenticated a session: the user's own, or the channel's, which all members know. */
export type TokenOwner = 'user' | 'channel'

export interface TokenPolicy {
  /** Whether the channel's token authenticates any user with a voice state; otherwise only the user's own token does. */
  readonly channelTokenAuth: boolean
  /**
   * `strict`: the session id has to be that of the voice state. `relaxed`: with the user's own token any session id is accepted;
   * with the channel's also the first other one that is presented.
   */
  readonly sessionCheck: 'relaxed' | 'strict'
  /** Backends that create the tokens of their users: the token of a channel is not accepted. */
  readonly adopting: ReadonlySet<BackendId>
}

/** Why an Identify was refused, and the backends concerned: those with a channel of that server, or none. */
export interface IdentifyRefusal {
  readonly code: typeof VoiceClose.ServerNotFound | typeof VoiceClose.AuthenticationFailed
  readonly reason: string
  readonly backends: ReadonlySet<BackendId>
}

/** What an Identify proved: the voice state, and which token did. */
export interface Authenticated {
  readonly channel: Channel
  readonly voiceState: VoiceState
  readonly tokenOwner: TokenOwner
}

/** What Resume is compared with. */
interface Resumable {
  readonly channel: Channel
  readonly voiceState: VoiceState
  readonly tokenOwner: TokenOwner
}

/** Tokens are compared in constant time, and all candidates are compared whatever the first result is. */
export class Authenticator {
  readonly #channels: Channels
  readonly #policy: TokenPolicy
  readonly #crypto: Crypto

  constructor(channels: Channels, policy: TokenPolicy, crypto: Crypto) {
    this.#channels = channels
    this.#policy = policy
    this.#crypto = crypto
  }

  /** Several backends may have a channel with that `server_id`: the tokens of all of them are compared. */
  identify(identify: Identify): Result<Authenticated, IdentifyRefusal> {
    const { server_id: serverId, user_id: userId } = identify
    let found: Authenticated | undefined
    for (const { channel, state: voiceState } of this.#channels.voiceStates.ofUser(serverId, userId)) {
      const tokenOwner = this.#tokenOwner(identify, channel, voiceState)
      if (tokenOwner !== undefined) found = { channel, voiceState, tokenOwner }
    }
    if (found !== undefined) return ok(found)
    const backends = this.#channels.backendsOf(serverId)
    return backends.size === 0
      ? refused({ code: VoiceClose.ServerNotFound, reason: 'the server is not known here', backends })
      : refused({ code: VoiceClose.AuthenticationFailed, reason: 'token, user and server do not match', backends })
  }

  /**
   * Which of `sessions`, those with the `server_id` and `session_id` of the message, is resumed. The token has to be
   * valid at the time of Resume: after a TOKEN_REFRESH the old one is refused. The channel's token resumes only a
   * session that identified with it: otherwise any member could take over the session of another. Throws a
   * ProtocolError: 4006 without sessions, 4004 if no token matches.
   */
  resume<Session extends Resumable>(resume: Resume, sessions: Iterable<Session>): Session {
    let known = false
    let found: Session | undefined
    for (const session of sessions) {
      known = true
      if (this.#mayResume(session, resume.token)) found = session
    }
    if (!known) throw new ProtocolError(VoiceClose.SessionInvalid, 'the session does not exist or has ended')
    const { channel_id: channelId } = resume
    const matches = channelId === undefined || channelId === null || channelId === found?.channel.channelId
    if (found === undefined || !matches)
      throw new ProtocolError(VoiceClose.AuthenticationFailed, 'the token does not match')
    return found
  }

  #mayResume({ channel, voiceState, tokenOwner }: Resumable, token: string): boolean {
    const isUser = this.#crypto.equal(voiceState.token, token)
    const isChannel = this.#crypto.equal(channel.token, token) && tokenOwner === 'channel' && this.#isShared(channel)
    return isUser || isChannel
  }

  /** The channel's token authenticates its members. */
  #isShared(channel: Channel): boolean {
    const { channelTokenAuth, adopting } = this.#policy
    return channelTokenAuth && !adopting.has(channel.backend)
  }

  /**
   * A user's own token authenticates the user, so (relaxed) any session id is accepted: some backends cannot send the id that the
   * client uses. All members know the channel's token, so it is accepted only with the session id of the voice state, or with
   * the first other id that is presented while the voice state exists.
   */
  #tokenOwner(identify: Identify, channel: Channel, voiceState: VoiceState): TokenOwner | undefined {
    const { sessionCheck } = this.#policy
    const isUser = this.#crypto.equal(voiceState.token, identify.token)
    const isChannel = this.#crypto.equal(channel.token, identify.token) && this.#isShared(channel)
    if (!isUser && !isChannel) return undefined
    const { channel_id: channelId, session_id: sessionId } = identify
    if (channelId !== undefined && channelId !== null && channelId !== channel.channelId) return undefined
    const owner = isUser ? 'user' : 'channel'
    if (sessionId === voiceState.sessionId) return owner
    if (sessionCheck === 'strict') return undefined
    if (isUser) return owner
    voiceState.presentedSessionId ??= sessionId
    return voiceState.presentedSessionId === sessionId ? owner : undefined
  }
}
