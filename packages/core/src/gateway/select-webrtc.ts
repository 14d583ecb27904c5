// Select Protocol with `webrtc`: what the session of a browser needs besides that of a native client.
import { type SelectProtocol, type Speaking, type Video, VoiceClose } from '@parley/protocol'
import type { Effects } from '../effect.ts'
import { ProtocolError } from '../errors.ts'
import { readOffer } from '../transport/webrtc/offer.ts'
import { type WebrtcHost, WebrtcTransport } from '../transport/webrtc/webrtc-transport.ts'
import type { VoiceSession } from './voice-session.ts'

/** Throws where the node serves no browsers. */
export function selectWebrtc(
  session: VoiceSession,
  select: SelectProtocol,
  host: WebrtcHost | undefined,
  effects: Effects,
  now: number,
): void {
  if (host === undefined) throw new ProtocolError(VoiceClose.UnknownProtocol, 'browsers are not served here')
  const offer = readOffer(select)
  const { peer, mediaIp: ip, channel, userId: user } = session
  const { lane } = channel
  const path = {
    peer,
    ip,
    port: lane.port,
    send: lane.send.bind(lane),
    closed: (reason: string) => effects.note('webrtc.closed', { user, channel: channel.channelId, reason }),
  }
  session.selectWebrtc(() => new WebrtcTransport(offer, host, path), select.codecs ?? [], host.crypto, now)
}

/** A browser chooses its SSRCs itself, and tells them in op 5 … */
export function mapSpeaking({ transport, audioSsrc }: VoiceSession, { ssrc }: Speaking): void {
  if (transport?.kind === 'webrtc' && ssrc) transport.mapSsrc(ssrc, audioSsrc)
}

/** … and in op 12. */
export function mapVideo({ transport, audioSsrc, camera }: VoiceSession, video: Video): void {
  if (transport?.kind !== 'webrtc') return
  if (video.audio_ssrc) transport.mapSsrc(video.audio_ssrc, audioSsrc)
  if (!video.video_ssrc) return
  const layer = video.streams?.find(stream => stream.ssrc && stream.active !== false)
  const rtx = layer?.rtx_ssrc ?? video.rtx_ssrc
  transport.mapSsrc(layer?.ssrc ?? video.video_ssrc, camera.ssrc)
  if (rtx) transport.mapSsrc(rtx, camera.ssrc + 1)
}
