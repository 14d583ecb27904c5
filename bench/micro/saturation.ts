// What packet-engines.ts and the process that feeds its lanes, saturation-load.ts, agree on.
import type { Protection } from '@parley/core'
import { SRTP_LAYOUTS, type SrtpProfile, srtpMaterialLength, VoiceMode } from '@parley/protocol'

/** What the parent says, first of all. */
export interface SaturationLoad {
  lanes: SaturatedLane[]
  /** The audio SSRCs of each channel's members, the same on all lanes; the first talks. */
  channels: number[][]
  /** Bytes of each Opus packet. */
  payload: number
}

export interface SaturatedLane {
  port: number
  /** Of the listeners. With a profile of SRTP they are browsers, and who talks is a native client still. */
  protection: Protection
}

/** What it says then. `lane` is an index. */
export type SaturationOrder =
  | { kind: 'check'; lane: number }
  | { kind: 'talk'; lane: number }
  | { kind: 'rest' }
  | { kind: 'stop' }

export interface Heard {
  heard: number
  opened: number
  wrong: number
}
export type SaturationReport = { kind: 'ready'; ports: number[] } | { kind: 'heard'; lanes: Heard[] }

/** Packets of each speaker on their way. */
export const WINDOW = 6
/** What browsers call Opus. */
export const BROWSER_OPUS = 111

/** One for all: what a lane does with a key does not depend on what it is. */
export const KEY = Uint8Array.from({ length: 32 }, (_, index) => index)
export const materialOf = (profile: SrtpProfile): Uint8Array =>
  Uint8Array.from({ length: srtpMaterialLength(SRTP_LAYOUTS[profile]) }, (_, index) => index + 1)
/** Of who talks. */
export const SPEAKER_MODE = VoiceMode.AeadAes256GcmRtpsize

export const ICE_PASSWORD = Uint8Array.from({ length: 24 }, (_, index) => 97 + index)
export const REMOTE_UFRAG = 'load'
/** Of the browser whose audio SSRC this is. */
export const localUfrag = (ssrc: number): string => `ssrc${ssrc}`
