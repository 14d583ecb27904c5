// The state of a call that the page shows.
import type { DaveReport } from '@parley/client/browser'
import type { Overview } from './demo-api.ts'
import type { Problem } from './problem.ts'
import type { SoundKind } from './sound/sound-source.ts'
import type { Measurement, TransportReport } from './voice/measurements.ts'

/** `idle`: the join form is shown. `reconnecting`: the call goes on, its connection or media is interrupted. */
export type Phase = 'idle' | 'joining' | 'connected' | 'reconnecting'

/** One row of the list of members. */
export interface MemberView {
  readonly userId: string
  readonly name: string
  readonly isMe: boolean
  readonly isBot: boolean
  readonly isSpeaking: boolean
  /** Whether a moderator muted the member. */
  readonly isMuted: boolean
  /** Playback volume, 0 to 1. */
  readonly volume: number
  /** Undefined if it is not known. */
  readonly supportsDave: boolean | undefined
  /** Whether the member has the keys of the encrypted call. */
  readonly isInGroup: boolean
}

/** A user in another channel. */
export interface AbsentView {
  readonly userId: string
  readonly name: string
  readonly channelName: string
}

/** A member's camera. */
export interface PictureView {
  readonly userId: string
  readonly track: MediaStreamTrack
}

/** Everything that the page renders. It is replaced as a whole at each change, see `Store`. */
export interface CallView {
  readonly phase: Phase
  /** Reason of an interruption while the page reconnects. */
  readonly waitsFor: string | undefined
  readonly problem: Problem | undefined
  readonly userId: string | undefined
  readonly channelId: string | undefined
  /** Channels and users of the demo; empty without a demo. */
  readonly overview: Overview
  readonly members: readonly MemberView[]
  readonly elsewhere: readonly AbsentView[]
  readonly sound: SoundKind
  /** Whether the user is muted by choice. */
  readonly isMuted: boolean
  readonly hasCamera: boolean
  /** Pictures of cameras, the user's first. */
  readonly pictures: readonly PictureView[]
  /** Whether the call is encrypted end to end, and if not, why. */
  readonly encryption: string
  readonly measurements: readonly Measurement[]
  readonly transport: TransportReport | undefined
  /** Frames of this page that were sealed and opened, since it was loaded; undefined if the page cannot encrypt. */
  readonly frames: DaveReport | undefined
  readonly nodeAddress: string | undefined
  /** Round trip to the gateway in milliseconds. */
  readonly gatewayPing: number | undefined
}

/** Before joining and after leaving. */
export const NO_CALL: CallView = {
  phase: 'idle',
  waitsFor: undefined,
  problem: undefined,
  userId: undefined,
  channelId: undefined,
  overview: { channels: [], users: [] },
  members: [],
  elsewhere: [],
  sound: 'microphone',
  isMuted: false,
  hasCamera: false,
  pictures: [],
  encryption: '',
  measurements: [],
  transport: undefined,
  frames: undefined,
  nodeAddress: undefined,
  gatewayPing: undefined,
}
