// A voice state: the backend's permission for one user to be in one channel, and what it restricts.
import type { Crypto } from '../crypto.ts'

/** What a backend may say of a channel. All of it is optional, and kept until said anew. */
export interface ChannelProperties {
  /** Bits per second, as a hint; not enforced. */
  bitrate?: number | undefined
  userLimit?: number | undefined
  /** Whether video may be sent at all. */
  video?: boolean | undefined
  kind?: 'voice' | 'stage' | 'stream' | undefined
  /** Of a stream: whose media it carries. */
  ownerId?: string | undefined
  /** Whether calls are to be end-to-end encrypted; absent for what the node's configuration says. */
  dave?: 'off' | 'allowed' | 'required' | undefined
}

/** What a backend may say of a user in a channel. */
export interface VoiceStateUpdate {
  /** Muted by a moderator: nothing of this user is forwarded. */
  mute?: boolean | undefined
  /** Deafened by a moderator: nothing is forwarded to this user. */
  deaf?: boolean | undefined
  /** In the audience of a stage: as `mute`. */
  suppress?: boolean | undefined
  /** May use the priority speaker flag. */
  priority?: boolean | undefined
  /** Op 18, shown to others. */
  flags?: number | undefined
  /** Op 20, shown to others. */
  platform?: number | undefined
}

export class VoiceState {
  readonly userId: string
  /** What the backend announced, or what we invented for it. */
  sessionId: string
  /** Another session id, first presented by a client that showed only the channel's token; undefined before. */
  presentedSessionId: string | undefined
  token: string
  mute = false
  deaf = false
  suppress = false
  priority = false
  /** Undefined until the backend says them. */
  flags: number | undefined
  platform: number | undefined

  constructor(userId: string, sessionId: string, token: string) {
    this.userId = userId
    this.sessionId = sessionId
    this.token = token
  }

  static create(crypto: Crypto, userId: string, sessionId?: string): VoiceState {
    return new VoiceState(userId, sessionId ?? crypto.randomHex(16), crypto.randomToken(32))
  }

  apply(update: VoiceStateUpdate): void {
    this.mute = update.mute ?? this.mute
    this.deaf = update.deaf ?? this.deaf
    this.suppress = update.suppress ?? this.suppress
    this.priority = update.priority ?? this.priority
    this.flags = update.flags ?? this.flags
    this.platform = update.platform ?? this.platform
  }
}
