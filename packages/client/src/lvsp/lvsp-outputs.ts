// The outputs of an LVSP session: requests to its host, answers and events.
import type { ChannelProperties, LvspCapability, LvspFailure, VoiceStateRestrictions } from '@parley/protocol'
import type { AssignedChannel, ChannelEncryption, ChannelRef } from './channel.ts'
import type { VideoSource, VideoView } from './video.ts'
import type {
  GrantedVoiceState,
  UserRef,
  VoiceStateConnected,
  VoiceStateDisconnected,
  VoiceStateSpeaking,
} from './voice-state.ts'

/** Load of a node (STATS). */
export interface NodeStats {
  /** Channels of this backend. */
  channels: number
  /** Voice sessions of this backend. */
  sessions: number
  /** Viewers of video of this backend, each counted per source, by what limits their layer; `best`: nothing. */
  views: Readonly<Record<string, number>>
  /** Bits per second that the whole node sends. */
  egressBitsPerSecond: number
  /** 0 (worst) to 1 (best). */
  health: number
}

/** Content of READY. */
export interface NodeReady {
  /** 0 (worst) to 1 (best). */
  health: number
  /**
   * `replay`: the missed INFO messages were replayed. `state`: the complete state was sent again. Undefined after IDENTIFY:
   * a restarted node has no state of this backend.
   */
  resumed?: 'replay' | 'state' | undefined
  /** Whether the node has the same session as before the connection was lost. */
  isSameSession: boolean
  /** Capabilities that both sides agreed on. */
  capabilities: readonly LvspCapability[]
  /** Name and version of the node; absent on nodes that do not announce them. */
  server?: { name: string; version: string } | undefined
}

/** A channel of a node that is about to stop (CHANNEL_DRAINING): its users have to move. */
export interface DrainingChannel extends ChannelRef {
  /** Milliseconds until the node closes the voice connections that are left. */
  timeout: number
}

/** Whether a connection receives the node's messages (RECEIVER). */
export interface ReceiverChange {
  /** False if another connection of the backend receives them instead. Two processes of a backend need two secrets. */
  receives: boolean
}

/** A channel of the node, for a front (CHANNEL_MIRROR). */
export interface MirroredChannel extends ChannelRef {
  token: string
  endpoint?: string | undefined
  /** Fencing number of its placement; 0 without one. */
  epoch: number
  properties: ChannelProperties
  /** The channel has ended. */
  isEnded: boolean
}

/** A voice state of the node, for a front (VOICE_STATE_MIRROR). */
export interface MirroredVoiceState extends UserRef {
  sessionId: string
  token: string
  endpoint?: string | undefined
  connected: boolean
  restrictions: VoiceStateRestrictions
  /** The voice state has ended. */
  isEnded: boolean
}

/** Identifies a request until it is answered or has failed. */
export type RequestId = number

export type LvspAnswer = AssignedChannel | GrantedVoiceState | NodeStats

/** Why a request failed. */
export interface RequestFailure {
  /** Failure code of the node; absent where the node did not answer. */
  code?: LvspFailure | number | undefined
  /** Human-readable reason. */
  message: string
}

/** Outputs of an LVSP session, to be applied in order. */
export type LvspOutput =
  /** Open a WebSocket. Inputs of an earlier one are no longer accepted. */
  | { kind: 'connect' }
  /** Compute HMAC-SHA256 of the nonce under the shared secret and pass it to `signed` as lower-case hex. */
  | { kind: 'sign'; nonce: string }
  /** Send a text message. */
  | { kind: 'send'; data: string }
  /** Close the WebSocket. Its further inputs are not accepted. */
  | { kind: 'close'; code: number; reason: string }
  | { kind: 'connected'; ready: NodeReady }
  /** The connection is lost; attempt number `attempt` of this outage follows after `wait` milliseconds. */
  | { kind: 'disconnected'; code: number; reason: string; wait: number; attempt: number }
  /** The session has ended and does not reconnect. */
  | { kind: 'closed'; code: number; reason: string }
  | { kind: 'health'; health: number }
  | { kind: 'answered'; request: RequestId; answer: LvspAnswer }
  | { kind: 'failed'; request: RequestId; failure: RequestFailure }
  /** Received without a pending request: state after a resume, or an answer after its timeout. */
  | { kind: 'assigned'; channel: AssignedChannel }
  | { kind: 'granted'; voiceState: GrantedVoiceState }
  /** A command without an answer was refused. `type` is its info type. */
  | { kind: 'refused'; type: number; failure: RequestFailure }
  | { kind: 'voiceStateConnected'; event: VoiceStateConnected }
  | { kind: 'voiceStateDisconnected'; event: VoiceStateDisconnected }
  | { kind: 'speaking'; event: VoiceStateSpeaking }
  | { kind: 'encryption'; event: ChannelEncryption }
  | { kind: 'videoView'; event: VideoView }
  | { kind: 'videoSource'; event: VideoSource }
  | { kind: 'draining'; event: DrainingChannel }
  | { kind: 'mirroredChannel'; item: MirroredChannel }
  | { kind: 'mirroredVoiceState'; item: MirroredVoiceState }
  | { kind: 'receiver'; event: ReceiverChange }
  /** A message of the node did not decode and was ignored. */
  | { kind: 'undecodable'; reason: string }
