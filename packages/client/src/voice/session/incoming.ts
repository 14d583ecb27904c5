// How a client reads what a node sends: lenient in what it does not use, bounded in all it keeps.
import { MAX_STREAMS, Snowflake, Ssrc, Stream } from '@parley/protocol'
import { z } from 'zod'
import type { ProtocolSelection, VoiceDescription } from './outputs.ts'

const Port = z.int().min(1).max(65_535)
const Names = z.array(z.string().max(64)).max(64)
const VideoStreams = z.array(Stream).max(MAX_STREAMS)

/** A node that asks for a heartbeat every few milliseconds, or none for hours, is not a voice node. */
export const Hello = z.object({ v: z.int().nullish(), heartbeat_interval: z.number().min(100).max(3_600_000) })

export const Ready = z.object({
  ssrc: Ssrc,
  ip: z.string().min(1).max(255),
  port: Port,
  modes: Names,
  experiments: Names.nullish(),
  streams: VideoStreams.nullish(),
})

const Agreed = z.object({
  audio_codec: z.string().max(32).nullish(),
  video_codec: z.string().max(32).nullish(),
  media_session_id: z.string().max(128).nullish(),
  dave_protocol_version: z.int().min(0).nullish(),
})
const UdpAgreed = Agreed.extend({
  mode: z.string().max(64),
  secret_key: z.array(z.int().min(0).max(255)).length(32),
})
const WebrtcAgreed = Agreed.extend({ sdp: z.string().min(1).max(4_096) })

/** With `sdp` it is about WebRTC, whatever else is there. */
export const SessionDescription = z.union([WebrtcAgreed, UdpAgreed])

export const Speaking = z.object({
  user_id: Snowflake,
  ssrc: Ssrc,
  speaking: z.union([z.boolean().transform(Number), z.int().min(0).max(0xff)]),
})
export const ClientsConnect = z.object({ user_ids: z.array(Snowflake).max(10_000) })
export const ClientDisconnect = z.object({ user_id: Snowflake })
export const Video = z.object({
  user_id: Snowflake,
  audio_ssrc: Ssrc.nullish(),
  video_ssrc: Ssrc.nullish(),
  rtx_ssrc: Ssrc.nullish(),
  streams: VideoStreams.nullish(),
})
export const SessionUpdate = z.object({
  audio_codec: z.string().max(32).nullish(),
  video_codec: z.string().max(32).nullish(),
  media_session_id: z.string().max(128).nullish(),
})
export const ClientFlags = z.object({ user_id: Snowflake, flags: z.int().nonnegative().nullish() })
export const ClientPlatform = z.object({ user_id: Snowflake, platform: z.int().nonnegative().nullish() })

/** A heartbeat's answer: `{t}` from v8, the bare nonce before. Either is read at any version. */
export const nonceOf = (data: unknown): unknown =>
  typeof data === 'object' && data !== null && 't' in data ? data.t : data

const Envelope = z.object({ op: z.int(), d: z.unknown().optional(), seq: z.int().nullish() })

/** One JSON message before its opcode is looked at; undefined if it is none. `seq` is absent on messages without number. */
export const readEnvelope = (text: string): { op: number; d: unknown; seq: number | undefined } | undefined => {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return undefined
  }
  const envelope = Envelope.safeParse(json)
  if (!envelope.success) return undefined
  const { op, d, seq } = envelope.data
  return { op, d, seq: seq ?? undefined }
}

/** A binary message of the node: u16 seq, u8 opcode, payload (v ≥ 8); undefined if it is shorter. */
export const readBinary = (bytes: Uint8Array): { op: number; seq: number; payload: Uint8Array } | undefined =>
  bytes.length < 3 ? undefined : { seq: (bytes[0]! << 8) | bytes[1]!, op: bytes[2]!, payload: bytes.subarray(3) }

export function toDescription(message: z.infer<typeof SessionDescription>): VoiceDescription {
  const common = {
    audioCodec: message.audio_codec ?? undefined,
    videoCodec: message.video_codec ?? undefined,
    mediaSessionId: message.media_session_id ?? undefined,
    daveVersion: message.dave_protocol_version ?? 0,
  }
  if ('sdp' in message) return { protocol: 'webrtc', sdp: message.sdp, ...common }
  return { protocol: 'udp', mode: message.mode, key: Uint8Array.from(message.secret_key), ...common }
}

/** Select Protocol as it goes over the wire. Clients give the SDP in `data` or in `sdp`; in both it is always found. */
export function fromSelection(selection: ProtocolSelection): Record<string, unknown> {
  if (selection.protocol === 'udp') {
    const { address, port, mode, codecs } = selection
    return { protocol: 'udp', data: { address, port, mode }, ...(codecs !== undefined && { codecs }) }
  }
  const { sdp, codecs } = selection
  return { protocol: 'webrtc', data: sdp, sdp, codecs }
}
