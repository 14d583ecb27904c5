// What LVSP asks of a node: the interface behind its messages.

import { type ChannelProperties, LvspFailure, type VoiceStateRestrictions } from '@parley/protocol'
import type { BackendId, ChannelRef } from '../channel/channel-ref.ts'
import { type Result, refused } from '../result.ts'
import type { Work } from './work.ts'

export interface ChannelGrant extends ChannelRef {
  /** Shared by all members of the channel; valid until the channel is destroyed. */
  token: string
  /** Where clients connect, if that differs from `NodeControl.endpoint`. */
  endpoint?: string | undefined
}

export interface VoiceStateGrant extends ChannelRef {
  userId: string
  sessionId: string
  /** Whether the user has a voice session, connected or waiting for Resume. */
  connected: boolean
  /** Authenticates this user only; valid while the voice state exists. */
  token: string
  /** Where the client connects, if that differs from `NodeControl.endpoint`. */
  endpoint?: string | undefined
}

/** Selects voice states: those that match every field given. It names a session id, or a user and a channel or guild. */
export interface VoiceStateSelector {
  sessionId?: string | undefined
  userId?: string | undefined
  channelId?: string | undefined
  guildId?: string | undefined
}

export interface VoiceStateRequest extends ChannelRef {
  userId: string
  /** The user's session id on the main gateway, if the backend wants it used. */
  sessionId?: string | undefined
  /** The backend's own token for the user; one is generated without it. */
  token?: string | undefined
  restrictions?: VoiceStateRestrictions | undefined
  /** The channel has to exist: a front opens it before, with its placement. Otherwise it is created. */
  isInChannel?: boolean | undefined
}

/** A channel of a SYNC, with the users that have a voice state in it. */
export interface ListedChannel extends ChannelRef {
  userIds: readonly string[]
}

/** Why a command was refused. Nothing was changed. */
export interface Refusal {
  failure: LvspFailure
  message: string
}

export const refuse = (failure: LvspFailure, message: string): Result<never, Refusal> => refused({ failure, message })
export const UNKNOWN_CHANNEL = refuse(LvspFailure.UnknownChannel, 'the channel does not exist')
export const UNKNOWN_VOICE_STATE = refuse(LvspFailure.UnknownVoiceState, 'the voice state does not exist')

/** The state of a channel's end-to-end encryption. */
export interface ChannelEncryption extends ChannelRef {
  /** DAVE version in force; 0 without encryption. */
  version: number
  epoch: number
  members: number
}

/** A channel of a node that is about to stop. */
export interface DrainingChannel extends ChannelRef {
  /** Milliseconds until the voice connections that are left close. */
  timeout: number
}

/** One part of the state of a backend. */
export type StateItem =
  | { kind: 'channel'; grant: ChannelGrant }
  | { kind: 'voiceState'; grant: VoiceStateGrant }
  /** Of a channel whose call is encrypted end to end. */
  | { kind: 'encryption'; state: ChannelEncryption }

/** What a front keeps of a channel or voice state of the node, to open it elsewhere. */
export type MirrorItem =
  | { kind: 'channel'; grant: ChannelGrant; epoch: number; properties: ChannelProperties }
  | { kind: 'channelEnded'; channel: ChannelRef; epoch: number }
  | { kind: 'voiceState'; grant: VoiceStateGrant; restrictions: VoiceStateRestrictions }
  | { kind: 'voiceStateEnded'; channel: ChannelRef; userId: string }
  | { kind: 'encryption'; state: ChannelEncryption }

/** A SYNC in progress. */
export interface Sync {
  /** A part of the list. A channel may occur in several. After a part that is refused the list is not finished. */
  list(channels: readonly ListedChannel[]): Result<undefined, Refusal>
  /**
   * The list is complete: destroys the channels and voice states that are not listed; with a grace period in milliseconds those that
   * were neither listed nor created again by its end. What was created since the SYNC began is kept. A later SYNC replaces one whose
   * grace period has not ended. Returns work that is to be done now.
   */
  finish(grace: number, now: number): Work | undefined
}

/** The numbers of STATS. */
export interface BackendStats {
  /** Of the backend. */
  channels: number
  sessions: number
  /** Viewers of video, each counted per source, by what limits them. */
  views: Readonly<Record<string, number>>
  /** Of the whole node. */
  egressBitsPerSecond: number
}

/** A grant without a value is sent later, by the methods of `Lvsp` for that: a front has to ask another process. */
export interface NodeControl {
  /** Idempotent. `epoch` is the fencing number of the placement, from a front. */
  assignChannel(
    backend: BackendId,
    channel: ChannelRef,
    now: number,
    epoch?: number,
  ): Result<ChannelGrant | undefined, Refusal>
  /** Creates the channel if there is none: an update may come first. */
  updateChannel(
    backend: BackendId,
    channel: ChannelRef,
    properties: ChannelProperties,
    now: number,
  ): Result<undefined, Refusal>
  /** With an epoch, a channel that was placed with a higher one stays: the command is older than its placement. */
  destroyChannel(backend: BackendId, channel: ChannelRef, now: number, epoch?: number): Result<undefined, Refusal>
  /** Idempotent per user and channel. Creates the channel if there is none; moves a user within a guild. */
  createVoiceState(
    backend: BackendId,
    request: VoiceStateRequest,
    now: number,
  ): Result<VoiceStateGrant | undefined, Refusal>
  destroyVoiceStates(backend: BackendId, selector: VoiceStateSelector, now: number): Result<undefined, Refusal>
  updateVoiceStates(
    backend: BackendId,
    selector: VoiceStateSelector,
    restrictions: VoiceStateRestrictions,
    now: number,
  ): Result<undefined, Refusal>
  /** Replaces the token of a voice state. Connected sessions stay. */
  refreshToken(
    backend: BackendId,
    userId: string,
    channel: ChannelRef,
    now: number,
  ): Result<VoiceStateGrant | undefined, Refusal>
  startSync(backend: BackendId): Sync
  /** Everything that the backend has, in order of creation, for as long as the caller iterates. Undefined is a step without an item. */
  state(backend: BackendId): Iterable<StateItem | undefined>
  /** The same for a front, which opens channels elsewhere. A front has none. */
  mirror?(backend: BackendId): Iterable<MirrorItem | undefined>
  /** The first connection of a backend opened. */
  backendAttached(backend: BackendId, now: number): void
  /** The last connection of a backend closed: until it attaches again, no command can destroy its channels. */
  backendDetached(backend: BackendId, now: number): void
  /** 0 (worst) to 1 (best). */
  health(now: number): number
  /** Undefined if they are sent later, by `Lvsp.statsGathered`. */
  stats(backend: BackendId, now: number): BackendStats | undefined
  /** What backends send to clients as `endpoint`. */
  readonly endpoint: string
}
