// What Ready says: SSRCs for every stream offered, the address for media, and the modes in our order of preference.
import type { Stream, VoiceEvents, VoiceMode, VoiceOp } from '@parley/protocol'
import { LIMITS } from '../limits.ts'
import type { VoiceSession } from './voice-session.ts'

type Ready = VoiceEvents[typeof VoiceOp.Ready]

/** What the native clients assume when nothing is said: one full-quality layer. */
const DEFAULT_STREAM: Stream = { rid: '100', quality: 100 }

/** One video and rtx pair per layer: the rtx SSRC is always the next number, because native clients derive it so. */
function readyStreams(session: VoiceSession): Ready['streams'] {
  const offered = session.offeredStreams
  const layers = offered.length === 0 && session.takesVideo ? [DEFAULT_STREAM] : offered
  const pairs = Math.floor((LIMITS.ssrcsPerSession - 1) / 2)
  return layers.slice(0, pairs).map((layer, index) => {
    const ssrc = session.audioSsrc + 1 + 2 * index
    const quality = layer.quality ?? 100
    return { type: 'video', rid: layer.rid ?? String(quality), quality, ssrc, rtx_ssrc: ssrc + 1, active: false }
  })
}

export const readyFor = (session: VoiceSession, modes: readonly VoiceMode[]): Ready => ({
  ssrc: session.audioSsrc,
  ip: session.mediaIp,
  port: session.channel.lane.port,
  modes: [...modes],
  experiments: [],
  heartbeat_interval: LIMITS.heartbeatInterval,
  streams: readyStreams(session),
})
