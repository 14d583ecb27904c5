// What a front asks of its host, and the answers: commands to nodes over LVSP, changes of placements, probes.
import type {
  ChannelProperties,
  NodeRecord,
  PlacementKey,
  PlacementRecord,
  VoiceStateRestrictions,
} from '@parley/protocol'
import type { BackendId, ChannelRef } from '../channel/channel-ref.ts'
import type { ListedChannel, Refusal, VoiceStateRequest, VoiceStateSelector } from '../lvsp/node-control.ts'
import type { Result } from '../result.ts'

/** Identifies a request until its answer. */
export type FrontRequestId = number

/** A command that the node answers. */
export type NodeRequest =
  | {
      readonly kind: 'channel'
      readonly channel: ChannelRef
      readonly properties: ChannelProperties
      readonly epoch: number
    }
  | { readonly kind: 'voiceState'; readonly request: VoiceStateRequest }
  | { readonly kind: 'token'; readonly channel: ChannelRef; readonly userId: string }

/** A command without an answer. It reaches the node after its connection was lost, too. */
export type NodeCommand =
  | { readonly kind: 'updateChannel'; readonly channel: ChannelRef; readonly properties: ChannelProperties }
  /** Not if the node has it with a higher epoch: then it was placed there again. */
  | { readonly kind: 'destroyChannel'; readonly channel: ChannelRef; readonly epoch: number }
  | {
      readonly kind: 'updateVoiceStates'
      readonly selector: VoiceStateSelector
      readonly restrictions: VoiceStateRestrictions
    }
  | { readonly kind: 'destroyVoiceStates'; readonly selector: VoiceStateSelector }
  /** `grace` is in milliseconds. */
  | { readonly kind: 'sync'; readonly channels: readonly ListedChannel[]; readonly grace: number }

/** What a node granted. `sessionId` and `connected` only for voice states. */
export interface NodeGrant {
  readonly token: string
  readonly endpoint?: string | undefined
  readonly sessionId?: string | undefined
  readonly connected?: boolean | undefined
}

/** `isOfNode`: another node may accept the request: this one drains, is full, or does not answer. */
export interface NodeRefusal extends Refusal {
  readonly isOfNode: boolean
}
export type NodeAnswer = Result<NodeGrant, NodeRefusal>

/** A placement and the revision that a change has to name. */
export interface Placed {
  readonly record: PlacementRecord
  readonly revision: number
}

/** A change of a placement: creation without `revision`, replacement of that revision with it. */
export interface PlacementChange {
  readonly key: PlacementKey
  readonly record: PlacementRecord
  readonly revision: number | undefined
}

/**
 * The outcome of a change. `taken`: another process was first, `placed` is what it wrote; undefined if it removed the record.
 * `unavailable`: the coordinator did not answer in time; the change may or may not have been made.
 */
export type PlacementOutcome =
  | { readonly kind: 'placed'; readonly placed: Placed }
  | { readonly kind: 'taken'; readonly placed: Placed | undefined }
  | { readonly kind: 'unavailable' }

/** How a backend is connected to a front. */
export interface BackendPresence {
  readonly isConnected: boolean
  /** It agreed to receive events about video. */
  readonly wantsVideo: boolean
  /** A connection of it has become ready without a replay. */
  readonly isFresh: boolean
}

/** The host of a front. Every request is answered once, by the method of `Front` that is named; nothing here throws. */
export interface FrontPorts {
  /** All nodes are notified. */
  backendChanged(tenant: BackendId, presence: BackendPresence): void
  /** Answered by `answered`, within a second or two. */
  request(id: FrontRequestId, node: string, tenant: BackendId, request: NodeRequest): void
  /** What limits the viewers of video of the tenant on the node. Answered by `viewsCounted`. */
  countViews(id: FrontRequestId, node: string, tenant: BackendId): void
  command(node: string, tenant: BackendId, command: NodeCommand): void
  /** Answered by `coordinated`. */
  change(id: FrontRequestId, change: PlacementChange): void
  /** Looks a placement up. Answered by `coordinated`. */
  find(id: FrontRequestId, key: PlacementKey): void
  /** Removes the placement if it still has the revision; without one, if its epoch is not higher. No answer. */
  release(key: PlacementKey, epoch: number, revision?: number): void
  /** Answered by `probed`. */
  probe(record: NodeRecord): void
}
