// What LVSP asks of a node. A node has these; a test may pass a directory of its own.
import type { LvspFailure } from '@parley/protocol'
import type { BackendId, ChannelProperties, ChannelRef, VoiceStateUpdate } from '../channel/voice-state.ts'

export interface ChannelGrant extends ChannelRef {
  /** Shared by everyone in the channel; stable until the channel is destroyed. */
  token: string
}

export interface VoiceStateGrant extends ChannelRef {
  userId: string
  sessionId: string
  /** This user's own; valid while the voice state lives. */
  token: string
}

/** Which voice states are meant: those to which all of it fits. There is a session id, or a user and a channel or guild. */
export interface VoiceStateSelector {
  sessionId?: string | undefined
  userId?: string | undefined
  channelId?: string | undefined
  guildId?: string | undefined
}

export interface VoiceStateRequest extends ChannelRef {
  userId: string
  /** The user's main gateway session id, if the backend wants it kept. */
  sessionId?: string | undefined
  update?: VoiceStateUpdate | undefined
}

/** A normal "no": nothing was changed. */
export interface Refusal {
  failure: LvspFailure
  message: string
}

export const isRefusal = (answer: object | undefined): answer is Refusal => answer !== undefined && 'failure' in answer

/** How a channel's end-to-end encryption stands. */
export interface ChannelEncryption extends ChannelRef {
  /** DAVE version in force. */
  version: number
  epoch: number
  members: number
}

/** Everything a backend has, in the order in which it was made. */
export interface BackendSnapshot {
  channels: ChannelGrant[]
  voiceStates: VoiceStateGrant[]
  /** Channels whose call is encrypted end to end. */
  encrypted: ChannelEncryption[]
}

/** What STATS tells a backend. */
export interface BackendStats {
  /** The backend's own. */
  channels: number
  sessions: number
  /** Of the whole node. */
  egressBitsPerSecond: number
}

export interface NodeControl {
  /** Idempotent. */
  assignChannel(backend: BackendId, channel: ChannelRef, now: number): ChannelGrant | Refusal
  /** Makes the channel if there is none: an update may come first. */
  updateChannel(
    backend: BackendId,
    channel: ChannelRef,
    properties: ChannelProperties,
    now: number,
  ): Refusal | undefined
  destroyChannel(backend: BackendId, channel: ChannelRef, now: number): Refusal | undefined
  /** Idempotent per user and channel; makes the channel if there is none; moves a user within a guild. */
  createVoiceState(backend: BackendId, request: VoiceStateRequest, now: number): VoiceStateGrant | Refusal
  destroyVoiceStates(backend: BackendId, selector: VoiceStateSelector, now: number): Refusal | undefined
  updateVoiceStates(
    backend: BackendId,
    selector: VoiceStateSelector,
    update: VoiceStateUpdate,
    now: number,
  ): Refusal | undefined
  /** A fresh token for a voice state; the old one is void. Connected sessions stay. */
  refreshToken(backend: BackendId, userId: string, channel: ChannelRef, now: number): VoiceStateGrant | Refusal
  /** Destroys what is not listed. */
  sync(backend: BackendId, channels: readonly (ChannelRef & { userIds: readonly string[] })[], now: number): void
  snapshot(backend: BackendId): BackendSnapshot
  /** The first connection of a backend came, or its last one went: from then on nobody can take its channels away. */
  backendAttached(backend: BackendId, now: number): void
  backendDetached(backend: BackendId, now: number): void
  /** 0 (worst) to 1 (best). */
  health(now: number): number
  /** A directory without it does not offer STATS. */
  stats(backend: BackendId, now: number): BackendStats
  /** What backends hand to clients as `endpoint`. */
  readonly endpoint: string
}
