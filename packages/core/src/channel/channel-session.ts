// What a channel needs of a voice session and of its media.
import type { Codec } from '@parley/protocol'
import type { DaveSession } from '../dave/member.ts'
import type { LaneHandle, PeerNumbers } from './lane-handle.ts'
import type { Listener, RouteSource } from './media-routes.ts'
import type { SoundSource } from './video/sound-source.ts'
import type { Viewer } from './video/video-routes.ts'
import type { VideoSource } from './video/video-source.ts'
import type { VoiceState } from './voice-states/voice-state.ts'

/** Why a session ends: the close code and reason that its client receives. */
export interface Ending {
  code: number
  reason: string
}

/** What a session sends and can receive, as the channel reads it. The gateway changes it and then calls the channel. */
export interface ChannelMedia extends Listener, Viewer {
  /** Where its peer is. */
  readonly lane: LaneHandle
  readonly numbers: PeerNumbers
  readonly audio: RouteSource
  readonly sources: readonly VideoSource[]
  /** The sound of its screen; undefined if its client offered none, and then knows none of others. */
  readonly sound: SoundSource | undefined
  readonly knowsSounds: boolean
  /** The speaking flags last declared (op 5), and the last that were not 0: other members need those to learn its SSRC. */
  readonly speaking: number
  readonly lastSpeaking: number
  readonly hasDeclaredSpeaking: boolean
  /** Whether its client takes part in video: Identify said so, or it listed or declared video later. */
  readonly takesVideo: boolean
  readonly codecs: readonly Codec[]
  /** Whether it can send and receive video: it has payload types for a codec that the node knows. */
  readonly hasVideo: boolean
  readonly isWebrtc: boolean
}

/** A voice session as its channel sees it. Implemented by `VoiceSession`. */
export interface ChannelSession extends DaveSession {
  readonly voiceState: VoiceState
  /** Gateway version; it decides the shape of messages. */
  readonly version: number
  readonly media: ChannelMedia
  /** The highest DAVE version its client claims. */
  readonly daveVersion: number
  /** A source of its video began, paused or ended, or has another number of viewers. */
  sourceChanged(source: VideoSource): void
  /** Ends for good: closes its connection, and releases its peer and SSRCs. */
  end(ending: Ending, now: number): void
}
