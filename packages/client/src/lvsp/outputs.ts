// What an LVSP session asks of its host, and what it tells: the plain data that comes out of it.
import type { LvspCapability, LvspFailure } from '@parley/protocol'

/** How a backend names a channel. `guildId` is absent for a DM or group call. */
export interface ChannelRef {
  channelId: string
  guildId?: string | undefined
}
/** One user in one channel. */
export interface UserRef extends ChannelRef {
  userId: string
}

/** A channel as a node has it. */
export interface AssignedChannel extends ChannelRef {
  /** Everyone in the channel may use it; hand out those of voice states instead where there are any. */
  token: string
  /** `host[:port]` for users; absent on nodes that do not tell. */
  endpoint?: string | undefined
}

/** A voice state as a node has it: what a user needs to connect. */
export interface GrantedVoiceState extends UserRef {
  sessionId: string
  /** The user's own; absent on nodes that know only the channel's. */
  token?: string | undefined
  endpoint?: string | undefined
}

/** Numbers of a node. */
export interface NodeStats {
  channels: number
  sessions: number
  egressBitsPerSecond: number
  /** 0 (worst) to 1 (best). */
  health: number
}

export type LvspAnswer = AssignedChannel | GrantedVoiceState | NodeStats

/** Why a request was not answered. `code` is absent where the node said nothing. */
export interface RequestFailure {
  code?: LvspFailure | number | undefined
  message: string
}

export interface VoiceStateConnected extends UserRef {
  sessionId: string
  protocol: 'udp' | 'webrtc'
}
export interface VoiceStateDisconnected extends VoiceStateConnected {
  /** Close code of the user's voice connection. */
  code: number
  resumable: boolean
}
export interface VoiceStateSpeaking extends UserRef {
  speaking: number
  video: boolean
}

/** How a channel's end-to-end encryption stands. */
export interface ChannelEncryption extends ChannelRef {
  /** DAVE version in force; 0 is a call in the clear. */
  protocolVersion: number
  epoch: number
  /** Users in the encrypted group. */
  members: number
}

/** What READY said. */
export interface NodeReady {
  health: number
  /**
   * `replay`: nothing was missed. `state`: everything the backend has was told again. Undefined: entered anew; a node
   * that was restarted has nothing of before.
   */
  resumed?: 'replay' | 'state' | undefined
  /** Whether this is the same session of the node as before the connection was lost. */
  isSameSession: boolean
  capabilities: readonly LvspCapability[]
  server?: { name: string; version: string } | undefined
}

/** Names a request until it is answered or has failed. */
export type RequestId = number

export type LvspOutput =
  /** Open a WebSocket. Nothing of an earlier one may be fed any more. */
  | { kind: 'connect' }
  /** Make the HMAC-SHA256 of the nonce under the shared secret, as lower-case hex, and call `signed`. */
  | { kind: 'sign'; nonce: string }
  | { kind: 'send'; data: string }
  /** Close the WebSocket. Nothing of it may be fed any more. */
  | { kind: 'close'; code: number; reason: string }
  | { kind: 'connected'; ready: NodeReady }
  /** The connection is gone; the session comes back by itself after `wait` milliseconds. */
  | { kind: 'disconnected'; code: number; reason: string; wait: number }
  /** The session is over, and will not come back. */
  | { kind: 'closed'; code: number; reason: string }
  | { kind: 'health'; health: number }
  | { kind: 'answered'; request: RequestId; answer: LvspAnswer }
  | { kind: 'failed'; request: RequestId; failure: RequestFailure }
  /** Told without a request that waits for it: state after a resume, or an answer that came too late. */
  | { kind: 'assigned'; channel: AssignedChannel }
  | { kind: 'granted'; voiceState: GrantedVoiceState }
  /** A command that has no answer was refused. */
  | { kind: 'refused'; type: number; failure: RequestFailure }
  | { kind: 'voiceStateConnected'; event: VoiceStateConnected }
  | { kind: 'voiceStateDisconnected'; event: VoiceStateDisconnected }
  | { kind: 'speaking'; event: VoiceStateSpeaking }
  | { kind: 'encryption'; event: ChannelEncryption }
  /** The node sent something that does not decode; it was ignored. */
  | { kind: 'undecodable'; reason: string }
