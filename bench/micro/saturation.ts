// Messages and constants that packet-engines.ts shares with the process of its clients, saturation-load.ts.
import type { Protection } from '@parley/core'
import { SRTP_LAYOUTS, type SrtpProfile, srtpMaterialLength, VoiceMode } from '@parley/protocol'

/** The first message of the parent. */
export interface SaturationLoad {
  lanes: SaturatedLane[]
  /** Audio SSRCs by channel, the same on all lanes; the first member is the speaker. */
  channels: number[][]
  /** Bytes per Opus packet. */
  payload: number
}

export interface SaturatedLane {
  port: number
  /** Protection of the listeners. With an SRTP profile they are WebRTC clients; the speaker is always a Discord client. */
  protection: Protection
}

/** Later messages of the parent. `lane` is an index. */
export type SaturationOrder =
  | { kind: 'check'; lane: number }
  | { kind: 'talk'; lane: number }
  | { kind: 'rest' }
  | { kind: 'stop' }

export interface Received {
  received: number
  opened: number
  wrong: number
}
export type SaturationReport = { kind: 'ready'; ports: number[] } | { kind: 'received'; lanes: Received[] }

/** Packets in flight per speaker. */
export const WINDOW = 6
/** Chromium's payload type for Opus. */
export const WEBRTC_OPUS = 111

/** One key for all peers, because its value does not affect the cost. */
export const KEY = Uint8Array.from({ length: 32 }, (_, index) => index)
export const materialOf = (profile: SrtpProfile): Uint8Array =>
  Uint8Array.from({ length: srtpMaterialLength(SRTP_LAYOUTS[profile]) }, (_, index) => index + 1)
/** Encryption mode of the speakers. */
export const SPEAKER_MODE = VoiceMode.AeadAes256GcmRtpsize

export const ICE_PASSWORD = Uint8Array.from({ length: 24 }, (_, index) => 97 + index)
export const REMOTE_UFRAG = 'load'
/** ICE user name of the WebRTC client with this audio SSRC. */
export const localUfrag = (ssrc: number): string => `ssrc${ssrc}`
