// The state of a node as `VoiceNode` shows it, without secrets.
import type { BackendInspection } from '../backend/control.ts'
import type { ChannelInspection } from '../channel/channel-inspection.ts'
import type { LaneInspection } from '../channel/lane-handle.ts'
import type { VoiceSessionInspection } from '../gateway/voice-session.ts'
import type { LvspInspection } from '../lvsp/lvsp.ts'

/** The state of a node without its channels and sessions: what a page that is refreshed needs. */
export interface NodeOverview {
  /** 0 (worst) to 1 (best). */
  readonly health: number
  readonly draining: boolean
  /** WebSockets of both protocols. */
  readonly connections: number
  readonly sessions: number
  readonly channels: number
  /** Voice states of all backends. */
  readonly voiceStates: number
  readonly backends: readonly BackendInspection[]
  readonly lanes: readonly LaneInspection[]
}

/** The state of a node, without secrets. */
export interface NodeInspection extends Omit<NodeOverview, 'sessions' | 'channels'> {
  /** Voice connections that have not identified yet. */
  readonly greetings: number
  /** Objects that wait for a deadline. */
  readonly deadlines: number
  readonly sessions: readonly VoiceSessionInspection[]
  readonly channels: readonly ChannelInspection[]
  readonly lvsp: LvspInspection
}

/** The sizes of the node's tables. */
export interface NodeSizes {
  /** WebSockets of both protocols. */
  readonly connections: number
  readonly sessions: number
  readonly channels: number
  /** 0 (worst) to 1 (best). */
  readonly health: number
  readonly egressBitsPerSecond: number
}
