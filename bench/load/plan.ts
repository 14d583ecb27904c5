// Plan of a load: channels, members, speakers and their pace, visitors.
import type { VoiceMode } from '@parley/protocol'
import type { VideoPlan } from './video-plan.ts'

export interface Plan {
  channels: number
  /** Members per channel. */
  members: number
  /** Speakers per channel: its first members. The others are silent. */
  speakers: number
  mode: VoiceMode
  /** Bytes per Opus packet, at least SHORTEST_PAYLOAD. */
  payload: number
  /** Visitors per channel: its last members, which leave and join again and do not count for losses. */
  visitors: number
  /** Whether silent members use WebRTC, as browsers do. */
  browsers?: boolean
  /** Number of channels with end-to-end encryption: the first ones. */
  encrypted?: number
  /** Video in each channel; absent without. */
  video?: VideoPlan
}

/**
 * Paced: each speaker sends `perSecond` packets at its own offset in time, and video has the pace of its plan. Saturated: each speaker has a window of packets in
 * flight and sends the next when the last listener has received one, so that the node is always busy and no socket overflows.
 */
export type Pace = { kind: 'silent' } | { kind: 'paced'; perSecond: number } | { kind: 'saturated' }

/** Upper limit of sockets unless one channel needs more; few enough to poll them all often. */
const SOCKETS = 256
/** Packets in flight in total: enough for full batches. */
const IN_FLIGHT = 256
/** Copies in flight: few enough for socket buffers and for the node not to drop packets for their age. */
const COPIES_IN_FLIGHT = 4_096

/**
 * Number of sets of `members` sockets that the channels share. Members of different channels can share a socket, because the SSRC
 * identifies the channel. WebRTC clients cannot, because the node identifies them by address.
 */
export const socketSets = ({ channels, members, browsers = false }: Plan): number =>
  browsers ? channels : Math.max(1, Math.min(channels, Math.floor(SOCKETS / members)))

/** Packets in flight of one stream. */
export function windowOf({ channels, members, speakers, video }: Plan): number {
  const streams = speakers + (video === undefined ? 0 : video.senders * video.layers.length)
  const share = 1 / (channels * streams)
  return Math.max(2, Math.ceil(Math.min(IN_FLIGHT, COPIES_IN_FLIGHT / members) * share))
}
