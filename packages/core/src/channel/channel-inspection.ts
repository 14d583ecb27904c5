// A channel as the operator sees it, whole or for a list.
import type { ChannelProperties } from '@parley/protocol'
import type { DaveInspection } from '../dave/group.ts'
import type { LaneId } from '../lane/commands.ts'
import type { LaneMembers } from './channel-lanes.ts'
import type { BackendId } from './channel-ref.ts'

/** A channel in a list of `VoiceNode.channels()`. */
export interface ChannelSummary {
  readonly backend: BackendId
  readonly channelId: string
  readonly guildId: string | undefined
  /** Its home lane. */
  readonly lane: LaneId
  /** All lanes that it is on, the home lane first. */
  readonly lanes: readonly LaneMembers[]
  readonly properties: ChannelProperties
  /** Version of the end-to-end encryption; 0: none. */
  readonly dave: number
  readonly voiceStates: number
  /** Users whose media may flow, in order of arrival. */
  readonly present: readonly string[]
}

/** A channel as `VoiceNode.inspect()` shows it. */
export interface ChannelInspection extends Omit<ChannelSummary, 'dave' | 'voiceStates'> {
  readonly dave: DaveInspection
  readonly voiceStates: readonly {
    userId: string
    mute: boolean
    deaf: boolean
    suppress: boolean
    mutedByOperator: boolean
  }[]
}
