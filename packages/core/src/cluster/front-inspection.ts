// The state of a front as `Front.inspect()` shows it, without secrets.
import type { BackendId } from '../channel/channel-ref.ts'
import type { LvspInspection } from '../lvsp/lvsp.ts'
import type { ChannelStage, MoveCause } from './front-channel.ts'
import type { Member } from './nodes/membership.ts'

/** A channel as `Front.inspect()` shows it. */
export interface FrontChannelInspection {
  readonly tenant: BackendId
  readonly channelId: string
  readonly stage: ChannelStage
  readonly node: string | undefined
  /** Fencing number; 0 while it is not registered. */
  readonly epoch: number
  readonly users: number
}

/** A backend as `Front.inspect()` shows it. */
export interface FrontBackendInspection {
  readonly backend: BackendId
  /** To this front, or it may still resume. */
  readonly isConnected: boolean
  /** This front moves the channels of the backend when nodes die or drain. */
  readonly acts: boolean
  readonly channels: number
  readonly voiceStates: number
}

/** The state of a front, without secrets. */
export interface FrontInspection {
  readonly nodes: readonly Member[]
  readonly backends: readonly FrontBackendInspection[]
  readonly channels: readonly FrontChannelInspection[]
  /** Since the start. */
  readonly totals: {
    readonly placements: Readonly<Record<'placed' | 'provisional' | 'refused', number>>
    readonly moves: Readonly<Record<MoveCause, number>>
  }
  readonly lvsp: LvspInspection
}
