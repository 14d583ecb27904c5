// Decodes the voice gateway messages that a node sends: lenient about unused fields, bounded in everything it keeps.
import { decodeNodeBinary, PROTECTION_KEY_LENGTH, PROTOCOL_LIMITS, Snowflake, Ssrc, Stream } from '@parley/protocol'
import { z } from 'zod'
import { LIMITS } from '../../limits.ts'
import { parseJson } from '../../parse-json.ts'
import type { ProtocolSelection, VoiceDescription } from './voice-outputs.ts'

const Port = z.int().min(1).max(65_535)
const Names = z.array(z.string().max(LIMITS.nameLength)).max(LIMITS.names)
const CodecName = z.string().max(LIMITS.codecLength).nullish()
const VideoStreams = z.array(Stream).max(PROTOCOL_LIMITS.streams)

/** Op 8. */
export const Hello = z.object({
  v: z.int().nullish(),
  heartbeat_interval: z.number().min(LIMITS.heartbeatIntervalMin).max(LIMITS.heartbeatIntervalMax),
})

/** Op 2. */
export const Ready = z.object({
  ssrc: Ssrc,
  ip: z.string().min(1).max(LIMITS.hostLength),
  port: Port,
  modes: Names,
  experiments: Names.nullish(),
  streams: VideoStreams.nullish(),
})

const Agreed = z.object({
  audio_codec: CodecName,
  video_codec: CodecName,
  media_session_id: z.string().max(LIMITS.mediaSessionIdLength).nullish(),
  dave_protocol_version: z.int().min(0).nullish(),
})
const UdpAgreed = Agreed.extend({
  mode: z.string().max(LIMITS.nameLength),
  secret_key: z.array(z.int().min(0).max(255)).length(PROTECTION_KEY_LENGTH),
})
const WebrtcAgreed = Agreed.extend({ sdp: z.string().min(1).max(LIMITS.sdpLength) })

/** Op 4. A message with `sdp` is a WebRTC description, whatever else it holds. */
export const SessionDescription = z.union([WebrtcAgreed, UdpAgreed])

/** Op 5. */
export const Speaking = z.object({
  user_id: Snowflake,
  ssrc: Ssrc,
  speaking: z.union([z.boolean().transform(Number), z.int().min(0).max(0xff)]),
})
/** Op 11. */
export const ClientsConnect = z.object({ user_ids: z.array(Snowflake).max(LIMITS.members) })
/** Op 13. */
export const ClientDisconnect = z.object({ user_id: Snowflake })
/** Op 12. */
export const Video = z.object({
  user_id: Snowflake,
  audio_ssrc: Ssrc.nullish(),
  video_ssrc: Ssrc.nullish(),
  rtx_ssrc: Ssrc.nullish(),
  streams: VideoStreams.nullish(),
})
/** Op 14. */
export const SessionUpdate = z.object({
  audio_codec: CodecName,
  video_codec: CodecName,
  media_session_id: z.string().max(LIMITS.mediaSessionIdLength).nullish(),
})
/** Op 18. */
export const ClientFlags = z.object({ user_id: Snowflake, flags: z.int().nonnegative().nullish() })
/** Op 20. */
export const ClientPlatform = z.object({ user_id: Snowflake, platform: z.int().nonnegative().nullish() })

/** The nonce of a heartbeat acknowledgement: `{t}` from v8, bare before. Both forms are accepted at any version. */
export const nonceOf = (data: unknown): unknown =>
  typeof data === 'object' && data !== null && 't' in data ? data.t : data

const Envelope = z.object({ op: z.int(), d: z.unknown().optional(), seq: z.int().nullish() })

/** A JSON message with undecoded data; undefined if it is malformed. `seq` is undefined on unnumbered messages. */
export const decodeEnvelope = (text: string): { op: number; d: unknown; seq: number | undefined } | undefined => {
  const envelope = Envelope.safeParse(parseJson(text))
  if (!envelope.success) return undefined
  const { op, d, seq } = envelope.data
  return { op, d, seq: seq ?? undefined }
}

/** A binary message of the node, numbered from gateway version 8; undefined if it is too short. */
export function decodeBinary(
  bytes: Uint8Array,
  isNumbered: boolean,
): { op: number; seq: number | undefined; payload: Uint8Array } | undefined {
  return bytes.length < (isNumbered ? 3 : 1) ? undefined : decodeNodeBinary(bytes, isNumbered)
}

/** A decoded op 4 as output of the session. */
export function descriptionOf(message: z.infer<typeof SessionDescription>): VoiceDescription {
  const common = {
    audioCodec: message.audio_codec ?? undefined,
    videoCodec: message.video_codec ?? undefined,
    mediaSessionId: message.media_session_id ?? undefined,
    daveVersion: message.dave_protocol_version ?? 0,
  }
  if ('sdp' in message) return { protocol: 'webrtc', sdp: message.sdp, ...common }
  return { protocol: 'udp', mode: message.mode, key: Uint8Array.from(message.secret_key), ...common }
}

/** Data of op 1. Some nodes read the SDP from `data`, others from `sdp`, so it is sent in both. */
export function wireSelection(selection: ProtocolSelection): Record<string, unknown> {
  if (selection.protocol === 'udp') {
    const { address, port, mode, codecs } = selection
    return { protocol: 'udp', data: { address, port, mode }, ...(codecs !== undefined && { codecs }) }
  }
  const { sdp, codecs } = selection
  return { protocol: 'webrtc', data: sdp, sdp, codecs }
}
