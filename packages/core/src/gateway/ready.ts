// Ready (op 2): the session's SSRCs, the address for media, and the encryption modes in the node's order of preference.
import type { VoiceEvents, VoiceMode, VoiceOp } from '@parley/protocol'
import { LIMITS } from '../limits.ts'
import type { VoiceSession } from './voice-session.ts'

type Ready = VoiceEvents[typeof VoiceOp.Ready]

/**
 * `streams` lists the layers that the client offered, or one for `video: true` without any, each with a pair of SSRCs and
 * `active: false`, because no packet has been sent yet; then the sound, if it offered one.
 */
export function readyFor({ media, mediaIp }: VoiceSession, modes: readonly VoiceMode[]): Ready {
  const layers = media.offersVideo ? media.sources.flatMap(source => source.layers) : []
  return {
    ssrc: media.audio.ssrc,
    ip: mediaIp,
    port: media.lane.port,
    modes: [...modes],
    experiments: [],
    heartbeat_interval: LIMITS.heartbeatInterval,
    streams: [
      ...layers.map(({ rid, quality, ssrc, rtxSsrc }) => ({
        type: 'video' as const,
        rid,
        quality,
        ssrc,
        rtx_ssrc: rtxSsrc,
        active: false,
      })),
      ...(media.sound === undefined ? [] : [media.sound.stream(false)]),
    ],
  }
}
