// What there is to see of a call.
import type { Overview } from './demo-api.ts'
import type { Problem } from './problem.ts'
import type { SoundKind } from './sound/sound-source.ts'
import type { Measurement, TransportReport } from './voice/measurements.ts'

export type Phase = 'idle' | 'joining' | 'connected' | 'reconnecting'

export interface MemberView {
  readonly userId: string
  readonly name: string
  readonly isMe: boolean
  readonly isBot: boolean
  readonly isSpeaking: boolean
  /** By a moderator. */
  readonly isMuted: boolean
  /** 0 to 1. */
  readonly volume: number
  /** Undefined if it is not known. */
  readonly supportsDave: boolean | undefined
}

/** Somebody in another channel. */
export interface AbsentView {
  readonly userId: string
  readonly name: string
  readonly channelName: string
}

/** What somebody's camera sees. */
export interface PictureView {
  readonly userId: string
  readonly track: MediaStreamTrack
}

export interface CallView {
  readonly phase: Phase
  /** Why it is not connected, while it may still come back. */
  readonly waitsFor: string | undefined
  readonly problem: Problem | undefined
  readonly userId: string | undefined
  readonly channelId: string | undefined
  /** Of the demo, whether one is in a call or not; empty without a demo. */
  readonly overview: Overview
  readonly members: readonly MemberView[]
  readonly elsewhere: readonly AbsentView[]
  readonly sound: SoundKind
  /** By oneself. */
  readonly isMuted: boolean
  readonly hasCamera: boolean
  /** One's own first. */
  readonly pictures: readonly PictureView[]
  /** Whether the call is encrypted end to end, and if not, why. */
  readonly encryption: string
  readonly measurements: readonly Measurement[]
  readonly transport: TransportReport | undefined
  readonly nodeAddress: string | undefined
  /** Milliseconds to the gateway and back. */
  readonly gatewayPing: number | undefined
}

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
  nodeAddress: undefined,
  gatewayPing: undefined,
}
