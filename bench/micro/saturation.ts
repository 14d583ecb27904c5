// What packet-engines.ts and the process that feeds it, saturation-load.ts, agree on.
import type { VoiceMode } from '@parley/protocol'

/** What the parent says, first of all. */
export interface SaturationLoad {
  /** The lane. */
  port: number
  mode: VoiceMode
  key: number[]
  /** The audio SSRCs of each channel's members; the first talks. */
  channels: number[][]
  /** Bytes of each Opus packet. */
  payload: number
}
export type SaturationReport =
  | { kind: 'ready'; ports: number[] }
  | { kind: 'heard'; heard: number; opened: number; wrong: number }

/** Packets of each speaker on their way. */
export const WINDOW = 6
/** Second byte of the bare sender's packets, and how many of them are answered with one datagram. */
export const BARE_TYPE = 0x7f
export const CREDIT = 256
