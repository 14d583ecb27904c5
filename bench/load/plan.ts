// What a load consists of: channels, who talks in them, how fast, and who comes and goes.
import type { VoiceMode } from '@parley/protocol'

export interface Plan {
  channels: number
  /** Of each channel. */
  members: number
  /** Of each channel: the first so many. The others are silent. */
  speakers: number
  mode: VoiceMode
  /** Bytes of each Opus packet, at least SHORTEST_PAYLOAD. */
  payload: number
  /** Of each channel: the last so many come and go, and are not waited for when losses are counted. */
  visitors: number
  /** Who does not speak comes as a browser. */
  browsers?: boolean
  /** Channels whose calls are encrypted end to end: the first so many. */
  encrypted?: number
}

/**
 * Paced: each speaker sends so many packets a second, each at its own moment. Saturated: each speaker has a window of packets
 * on their way and sends the next as soon as the last listener has one, so that the node always has more to do, and never more
 * than sockets hold.
 */
export type Pace = { kind: 'silent' } | { kind: 'paced'; perSecond: number } | { kind: 'saturated' }

/** Sockets to have at most, where the largest channel does not need more: few enough to read them all often. */
const SOCKETS = 256
/** Packets on their way in all: enough for full batches. */
const IN_FLIGHT = 256
/** So many copies fit in sockets, and no packet waits for so long that the node would drop it as too old. */
const COPIES_IN_FLIGHT = 4_096

/**
 * How many sets of `members` sockets the channels share. Members of different channels can share one, because the SSRC of what
 * arrives tells the channel; members of one cannot, and browsers share none, because the node knows them by their addresses.
 */
export const socketSets = ({ channels, members, browsers = false }: Plan): number =>
  browsers ? channels : Math.max(1, Math.min(channels, Math.floor(SOCKETS / members)))

/** Packets of one speaker on their way. */
export function windowOf({ channels, members, speakers }: Plan): number {
  const share = 1 / (channels * speakers)
  return Math.max(2, Math.ceil(Math.min(IN_FLIGHT, COPIES_IN_FLIGHT / members) * share))
}
