// The state of a call that the page shows.
import type { DaveReport } from '@parley/client/browser'
import type { Lock } from '../encryption/encryption.ts'
import type { Measurement, TransportReport } from '../measure/measurements.ts'
import type { VideoReadings } from '../measure/video-stats.ts'
import type { SoundKind } from '../sound/sound-source.ts'
import type { LayerView, Overview } from './demo-api.ts'
import type { Problem } from './problem.ts'
import type { Quality } from './wants.ts'

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
  /** Playback volume, 0 to 2. */
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

/** A member's camera or screen. */
export interface PictureView {
  /** See `pictureKey`. */
  readonly key: string
  readonly userId: string
  readonly role: 'camera' | 'screen'
  readonly track: MediaStreamTrack
}

/** Names a picture as long as its user is in the call, whether it is sent or not. */
export const pictureKey = (userId: string, role: PictureView['role']): string => `${userId} ${role}`

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
  /** Whether the sound is open, so that its level can be shown. */
  readonly hasSound: boolean
  /** Whether the user is muted by choice. */
  readonly isMuted: boolean
  /** Whether the user receives no sound by choice. */
  readonly isDeafened: boolean
  readonly hasCamera: boolean
  readonly hasScreen: boolean
  /** Cameras and screens, the user's first. */
  readonly pictures: readonly PictureView[]
  /** By key of the picture; `auto` where absent. */
  readonly qualities: ReadonlyMap<string, Quality>
  /** Key of the picture that is shown large. */
  readonly pinned: string | undefined
  /** Whether layers and bit rates are shown over the pictures. */
  readonly showsLayers: boolean
  /** What the node sends of each picture, by key; empty without a demo, whose backend receives it. */
  readonly layers: ReadonlyMap<string, LayerView>
  readonly videoReadings: VideoReadings
  /** Whether the call is encrypted end to end, and if not, why. */
  readonly encryption: string
  readonly lock: Lock
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
  hasSound: false,
  isMuted: false,
  isDeafened: false,
  hasCamera: false,
  hasScreen: false,
  pictures: [],
  qualities: new Map(),
  pinned: undefined,
  showsLayers: false,
  layers: new Map(),
  videoReadings: new Map(),
  encryption: '',
  lock: 'open',
  measurements: [],
  transport: undefined,
  frames: undefined,
  nodeAddress: undefined,
  gatewayPing: undefined,
}
