// Select Protocol (op 1): opens the transport that the client selects, and answers with Session Description.
import {
  type Codec,
  SelectProtocol,
  type Speaking,
  type Video,
  VoiceClose,
  type VoiceEvents,
  type VoiceMode,
  VoiceOp,
} from '@parley/protocol'
import type { Crypto } from '../crypto.ts'
import type { Effects } from '../effect.ts'
import { ProtocolError } from '../errors.ts'
import { selectUdp } from '../transport/udp-transport.ts'
import { readOffer } from '../transport/webrtc/offer.ts'
import { type WebrtcHost, WebrtcTransport } from '../transport/webrtc/webrtc-transport.ts'
import { decode } from './decode.ts'
import type { SessionMedia } from './session-media.ts'
import type { VoiceSession } from './voice-session.ts'

/** What transports need besides the session. */
export interface TransportContext {
  readonly crypto: Crypto
  readonly effects: Effects
  readonly modes: readonly VoiceMode[]
  /** Undefined where WebRTC is not offered. */
  readonly webrtc: WebrtcHost | undefined
}

/**
 * Op 1. Throws a ProtocolError: 4012 for another protocol, 4016 for a mode that was not offered, 4020 for malformed
 * data.
 */
export function selectProtocol(session: VoiceSession, data: unknown, context: TransportContext, now: number): void {
  const select = decode(SelectProtocol, data, VoiceClose.BadRequest)
  if (select.protocol === 'webrtc') return openWebrtc(session, select, context, now)
  if (select.protocol === 'udp') return openUdp(session, select, context, now)
  throw new ProtocolError(VoiceClose.UnknownProtocol, 'expected protocol udp or webrtc')
}

/**
 * Selects UDP. A repeated Select Protocol gives the peer another key. Order: Session Description, then the command that
 * gives the lane the key, then presence, because other members' packets may arrive as soon as the session is present.
 */
function openUdp(
  session: VoiceSession,
  select: SelectProtocol,
  { modes, crypto }: TransportContext,
  now: number,
): void {
  const { media } = session
  const { transport, key, command } = selectUdp(select.data, media.peer, modes, crypto)
  media.closeTransport()
  media.transport = transport
  const description = { mode: transport.mode, secret_key: [...key] }
  if (!describe(session, description, select.codecs ?? [], crypto, now)) return
  media.lane.send(command)
  media.sendMapping()
  session.enter(now)
}

/**
 * Selects WebRTC. The transport obtains its key later, from the DTLS handshake; Session Description already carries the
 * answer.
 */
function openWebrtc(session: VoiceSession, select: SelectProtocol, context: TransportContext, now: number): void {
  const { webrtc: host, effects } = context
  if (host === undefined) throw new ProtocolError(VoiceClose.UnknownProtocol, 'WebRTC is not offered by this server')
  const offer = readOffer(select)
  const { media, mediaIp: ip, channel, userId: user } = session
  const { lane } = media
  media.closeTransport()
  const transport = new WebrtcTransport(offer, host, {
    origin: { backend: channel.backend, remoteAddress: media.sessionIp },
    peer: media.peer,
    ip,
    port: lane.port,
    rids: media.sources.flatMap(({ layers }) => layers),
    send: lane.send.bind(lane),
    closed: reason => effects.note('webrtc.closed', { user, channel: channel.channelId, reason }),
  })
  media.transport = transport
  const sdp = transport.open(offer)
  if (describe(session, { sdp }, select.codecs ?? [], context.crypto, now)) session.enter(now)
}

type Description = VoiceEvents[typeof VoiceOp.SessionDescription]

/** Sends Session Description. Returns false if the session ended instead, because it cannot take part in the encryption. */
function describe(
  session: VoiceSession,
  transport: Pick<Description, 'mode' | 'secret_key' | 'sdp'>,
  codecs: readonly Codec[],
  crypto: Crypto,
  now: number,
): boolean {
  const { media, channel } = session
  media.setCodecs(codecs)
  const daveVersion = channel.encryption.join(session, now)
  if (session.ended) return false
  session.send(VoiceOp.SessionDescription, {
    ...transport,
    audio_codec: 'opus',
    video_codec: channel.videoCodecs.choose(session),
    media_session_id: crypto.randomHex(16),
    dave_protocol_version: daveVersion,
  })
  return true
}

/** A WebRTC client chooses its SSRCs itself, and declares them in op 5 … */
export function mapSpeaking({ transport, audio }: SessionMedia, { ssrc }: Speaking): void {
  if (transport?.kind === 'webrtc' && ssrc) transport.mapSsrc(ssrc, audio.ssrc)
}

/** … and in op 12. Called once the sources have the declaration: layers are told apart by their rids. */
export function mapVideo({ transport, audio, sources, sound }: SessionMedia, video: Video): void {
  if (transport?.kind !== 'webrtc') return
  if (video.audio_ssrc) transport.mapSsrc(video.audio_ssrc, audio.ssrc)
  if (sound?.declared?.ssrc) transport.mapSsrc(sound.declared.ssrc, sound.route.ssrc)
  for (const { active } of sources)
    for (const [layer, { ssrc, rtx_ssrc }] of active) {
      // The client does not know its SSRC yet, and declares that of Ready.
      if (transport.namesLayers && ssrc === layer.ssrc) continue
      if (ssrc) transport.mapSsrc(ssrc, layer.ssrc)
      if (rtx_ssrc) transport.mapSsrc(rtx_ssrc, layer.rtxSsrc)
    }
}
