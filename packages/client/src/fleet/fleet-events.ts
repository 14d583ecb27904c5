// What a fleet of nodes reports to its backend.
import type { AssignedChannel, ChannelEncryption, ChannelRef } from '../lvsp/channel.ts'
import type { ReceiverChange } from '../lvsp/lvsp-outputs.ts'
import type { VideoSource, VideoView } from '../lvsp/video.ts'
import type {
  GrantedVoiceState,
  VoiceStateConnected,
  VoiceStateDisconnected,
  VoiceStateSpeaking,
} from '../lvsp/voice-state.ts'

/** A channel and the node that serves it. */
export interface FleetChannel extends AssignedChannel {
  /** Name of the node. */
  node: string
  region: string
}

/** A channel has another node, or new tokens: send its users a new voice server update. */
export interface MovedChannel {
  /** Name of the previous node; the same one if that node was restarted. */
  from: string
  channel: FleetChannel
  /** The voice states created on the new node. Users whose creation failed are missing. */
  voiceStates: readonly GrantedVoiceState[]
}

/** The events of a fleet with their arguments. `node` is the name of a node. */
export interface FleetEvents {
  /** A channel was moved. */
  moved: MovedChannel
  /**
   * No node accepts the channel; its calls go on where they are. It moves as soon as one does. No `moved` follows if its own node does, and
   * still has it.
   */
  stranded: ChannelRef & { from: string }
  /** A node is ready. */
  nodeConnected: { node: string }
  /** The node was away for longer than `lossGrace`; its channels move to nodes that accept them. */
  nodeLost: { node: string; reason: string }
  /** The session with the node has ended: the node does not accept the secret. */
  nodeClosed: { node: string; code: number; reason: string }
  voiceStateConnected: VoiceStateConnected & { node: string }
  voiceStateDisconnected: VoiceStateDisconnected & { node: string }
  speaking: VoiceStateSpeaking & { node: string }
  encryption: ChannelEncryption & { node: string }
  videoView: VideoView & { node: string }
  videoSource: VideoSource & { node: string }
  /** Another connection of this backend receives the answers and events of the node, or this one does again. */
  receiver: ReceiverChange & { node: string }
  /** An error of one node, with its name. Not thrown without a listener. */
  error: Error & { node?: string | undefined }
}
