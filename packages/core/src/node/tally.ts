// Counts over the sessions and channels of a node, for metrics.
import type { Channel } from '../channel/channel.ts'
import type { VoiceSession } from '../gateway/voice-session.ts'

/** Each counts by the values of one property. */
export interface NodeTally {
  /** Sessions: `udp`, `webrtc`, `none` before Select Protocol. */
  readonly transports: Readonly<Record<string, number>>
  /** Sessions: `connected`, `detached`. */
  readonly states: Readonly<Record<string, number>>
  /** Sessions that send `video`. */
  readonly media: Readonly<Record<string, number>>
  /** Sessions that send video, by codec; names that are not known are `other`. */
  readonly codecs: Readonly<Record<string, number>>
  /** Channels with sessions, by version of DAVE. */
  readonly dave: Readonly<Record<string, number>>
}

export function tallyOf(sessions: Iterable<VoiceSession>, channels: Iterable<Channel>): NodeTally {
  const transports: Record<string, number> = { udp: 0, webrtc: 0, none: 0 }
  const states: Record<string, number> = { connected: 0, detached: 0 }
  const media: Record<string, number> = { video: 0 }
  const codecs: Record<string, number> = { VP8: 0, VP9: 0, H264: 0, H265: 0, AV1: 0, other: 0 }
  const dave: Record<string, number> = { 0: 0, 1: 0 }
  for (const session of sessions) {
    add(transports, session.media.transport?.kind ?? 'none')
    add(states, session.deadline === Infinity ? 'connected' : 'detached')
    if (!session.media.isSendingVideo) continue
    add(media, 'video')
    const codec = session.channel.videoCodecs.of(session)?.toUpperCase() ?? 'other'
    add(codecs, codec in codecs ? codec : 'other')
  }
  for (const channel of channels) if (channel.sessionCount > 0) add(dave, String(channel.encryption.state.version))
  return { transports, states, media, codecs, dave }
}

function add(counts: Record<string, number>, value: string): void {
  counts[value] = (counts[value] ?? 0) + 1
}
