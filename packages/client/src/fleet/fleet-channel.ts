// What a fleet keeps of its nodes and channels.
import type { ChannelProperties } from '@parley/protocol'
import type { ChannelRef } from '../lvsp/channel.ts'
import type { LvspClient } from '../lvsp/client.ts'
import { LvspRequestError } from '../lvsp/lvsp-errors.ts'
import type { GrantedVoiceState, NewVoiceState } from '../lvsp/voice-state.ts'
import type { FleetChannel } from './fleet-events.ts'

/** `away`: not connected. `ready`: accepts channels. `lost`: away for longer than `lossGrace`, so that its channels move. */
export type FleetNodeState = 'away' | 'ready' | 'lost'

export interface NodeEntry {
  readonly name: string
  readonly region: string
  readonly client: LvspClient
  state: FleetNodeState
  /** It was connected before, so that it has nothing of an earlier process. */
  isKnown: boolean
  timer?: NodeJS.Timeout | undefined
}

export interface ChannelEntry {
  readonly ref: ChannelRef
  readonly region: string | undefined
  properties: ChannelProperties
  readonly users: Map<string, UserEntry>
  /** The node that serves the channel, or is being asked to. */
  node?: NodeEntry | undefined
  /** Nodes that have the channel: the one that serves it, and those that it has not left yet, on which its calls may go on. */
  readonly holders: Set<NodeEntry>
  /** Settles when a node serves the channel; undefined after all refused. */
  placed?: Promise<FleetChannel> | undefined
  isPlacing: boolean
  /** The placement that the backend knows. */
  current?: FleetChannel | undefined
}

export interface UserEntry {
  wish: NewVoiceState
  granted?: GrantedVoiceState | undefined
}

/** The nodes on which the channel ends or changes: those that have it, and the one that is being asked. */
export const nodesOf = ({ holders, node }: ChannelEntry): Set<NodeEntry> =>
  new Set(node === undefined ? holders : [...holders, node])

/** 0 for a node that is not ready. */
export const healthOf = ({ state, client }: NodeEntry): number => (state === 'ready' ? (client.health ?? 0) : 0)

/** Whether another node may accept what a node refused. */
export const isOfNode = (error: unknown): boolean => error instanceof LvspRequestError && error.isOfThisNode
