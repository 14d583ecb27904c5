// Op 12: what the page sends of video.
import type { Stream, Video } from '@parley/protocol'
import { CAMERA_LAYERS, SCREEN_LAYERS, SCREEN_SOUND, type SentLayer } from './sent-video.ts'

/** What Identify offers: the layers of the camera, a screen and its sound. */
export const OFFERED_STREAMS: readonly Stream[] = [
  ...[...CAMERA_LAYERS].reverse().map(layer => offerOf('video', layer)),
  ...SCREEN_LAYERS.map(layer => offerOf('screen', layer)),
  { type: 'audio', rid: SCREEN_SOUND, quality: 100 },
]

/** The SSRCs of what the page sends. */
export interface SentSsrcs {
  /** The browser's own. */
  readonly audio: number
  readonly screen: number
  readonly screenRtx: number
  readonly sound: number
  /** Those that Ready assigned to the layers of the camera, by rid: the browser names these layers in their packets. */
  readonly camera: ReadonlyMap<string, Pick<Stream, 'ssrc' | 'rtx_ssrc'>>
}

/** The SSRC of a layer of the camera; 0 before Ready. */
export const cameraSsrc = ({ camera }: SentSsrcs, { rid }: SentLayer): number => camera.get(rid)?.ssrc ?? 0

/** What is sent of video at the moment, and the sound of the screen. */
export interface Sends {
  readonly camera: boolean
  readonly screen: boolean
  readonly sound: boolean
}

export function videoAnnouncement(ssrcs: SentSsrcs, sends: Sends): Video {
  const { audio, screen, screenRtx, sound, camera } = ssrcs
  const streams: Stream[] = []
  if (sends.camera)
    for (const layer of [...CAMERA_LAYERS].reverse())
      streams.push({ ...sentOf('video', layer), ...camera.get(layer.rid) })
  if (sends.screen)
    for (const layer of SCREEN_LAYERS) streams.push({ ...sentOf('screen', layer), ssrc: screen, rtx_ssrc: screenRtx })
  const [first] = streams
  if (sends.sound) streams.push({ type: 'audio', rid: SCREEN_SOUND, ssrc: sound, active: true })
  return { audio_ssrc: audio, video_ssrc: first?.ssrc ?? 0, rtx_ssrc: first?.rtx_ssrc ?? 0, streams }
}

function offerOf(type: 'video' | 'screen', { rid, quality }: SentLayer): Stream {
  return { type, rid, quality }
}

const sentOf = (type: 'video' | 'screen', layer: SentLayer): Stream => ({
  ...offerOf(type, layer),
  active: true,
  max_bitrate: layer.maxBitrate,
})
