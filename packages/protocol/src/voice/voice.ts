// The voice gateway: opcodes, close codes, flags and messages between a Discord voice client and the node.
import { z } from 'zod'
import { SessionId, Snowflake, Ssrc } from '../ids.ts'
import { PROTOCOL_LIMITS } from '../limits.ts'

/** Opcodes of the voice gateway, JSON and binary. */
export const VoiceOp = {
  Identify: 0,
  SelectProtocol: 1,
  Ready: 2,
  Heartbeat: 3,
  SessionDescription: 4,
  Speaking: 5,
  HeartbeatAck: 6,
  Resume: 7,
  Hello: 8,
  Resumed: 9,
  Signal: 10,
  ClientsConnect: 11,
  Video: 12,
  ClientDisconnect: 13,
  SessionUpdate: 14,
  MediaSinkWants: 15,
  VoiceBackendVersion: 16,
  ChannelOptionsUpdate: 17,
  ClientFlags: 18,
  SpeedTest: 19,
  ClientPlatform: 20,
  DavePrepareTransition: 21,
  DaveExecuteTransition: 22,
  DaveTransitionReady: 23,
  DavePrepareEpoch: 24,
  DaveExternalSender: 25,
  DaveKeyPackage: 26,
  DaveProposals: 27,
  DaveCommitWelcome: 28,
  DaveAnnounceCommit: 29,
  DaveWelcome: 30,
  DaveInvalidCommitWelcome: 31,
  NoRoute: 32,
} as const
export type VoiceOp = (typeof VoiceOp)[keyof typeof VoiceOp]

/** Close codes that the node sends on the voice gateway (docs/voice-gateway.md). */
export const VoiceClose = {
  UnknownOpcode: 4001,
  DecodeError: 4002,
  NotAuthenticated: 4003,
  AuthenticationFailed: 4004,
  AlreadyAuthenticated: 4005,
  SessionInvalid: 4006,
  SessionTimeout: 4009,
  ServerNotFound: 4011,
  UnknownProtocol: 4012,
  Disconnected: 4014,
  ServerCrashed: 4015,
  UnknownMode: 4016,
  EncryptionRequired: 4017,
  BadRequest: 4020,
  RateLimited: 4021,
  ChannelEnded: 4022,
} as const
export type VoiceClose = (typeof VoiceClose)[keyof typeof VoiceClose]

/** Reason of close code 4014 from a node that stops, which tells it from a removal. */
export const SHUTDOWN_REASON = 'the server is shutting down'

/** Bits of `speaking` (op 5, v ≥ 4). */
export const SpeakingFlag = { Voice: 1, Soundshare: 2, Priority: 4 } as const

/** The lowest and highest supported gateway version. A higher requested version is served as the highest. */
export const VOICE_VERSION = { min: 1, max: 9 } as const

/** Names of the transport encryption modes, in the order of the offer. */
export const VoiceMode = {
  AeadAes256GcmRtpsize: 'aead_aes256_gcm_rtpsize',
  AeadXchacha20Poly1305Rtpsize: 'aead_xchacha20_poly1305_rtpsize',
  Xsalsa20Poly1305LiteRtpsize: 'xsalsa20_poly1305_lite_rtpsize',
  AeadAes256Gcm: 'aead_aes256_gcm',
  Xsalsa20Poly1305Lite: 'xsalsa20_poly1305_lite',
  Xsalsa20Poly1305Suffix: 'xsalsa20_poly1305_suffix',
  Xsalsa20Poly1305: 'xsalsa20_poly1305',
} as const
export type VoiceMode = (typeof VoiceMode)[keyof typeof VoiceMode]

/** Always offered. */
export const MODERN_MODES: readonly VoiceMode[] = [
  VoiceMode.AeadAes256GcmRtpsize,
  VoiceMode.AeadXchacha20Poly1305Rtpsize,
]
/** Offered after the modern ones where `voice.legacy_modes` is on. */
export const LEGACY_MODES: readonly VoiceMode[] = [
  VoiceMode.Xsalsa20Poly1305LiteRtpsize,
  VoiceMode.AeadAes256Gcm,
  VoiceMode.Xsalsa20Poly1305Lite,
  VoiceMode.Xsalsa20Poly1305Suffix,
  VoiceMode.Xsalsa20Poly1305,
]

const Quality = z.number().min(0).max(100)
const Name = z.string().max(PROTOCOL_LIMITS.name)
const ShortName = z.string().max(PROTOCOL_LIMITS.shortName)
const TypeName = z.string().max(PROTOCOL_LIMITS.type)
const Token = z.string().min(1).max(PROTOCOL_LIMITS.token)

/** A video stream: offered in op 0, assigned SSRCs in op 2, declared in op 12. Units: bits and frames per second, pixels. */
export const Stream = z.object({
  type: TypeName.optional(),
  rid: ShortName.optional(),
  quality: Quality.optional(),
  ssrc: Ssrc.optional(),
  rtx_ssrc: Ssrc.optional(),
  active: z.boolean().optional(),
  max_bitrate: z.number().nonnegative().optional(),
  max_framerate: z.number().nonnegative().optional(),
  max_resolution: z
    .object({ type: TypeName, width: z.number().nonnegative(), height: z.number().nonnegative() })
    .optional(),
})
export type Stream = z.infer<typeof Stream>
const Streams = z.array(Stream).max(PROTOCOL_LIMITS.streams)

/** Op 0, from the client: starts a session. */
export const Identify = z.object({
  server_id: Snowflake,
  channel_id: Snowflake.nullish(),
  user_id: Snowflake,
  session_id: SessionId,
  token: Token,
  video: z.boolean().nullish(),
  streams: Streams.nullish(),
  max_dave_protocol_version: z.int().min(0).max(0xffff).nullish(),
})
export type Identify = z.infer<typeof Identify>

/** A codec with the client's payload types, in op 1 and op 14. */
export const Codec = z.object({
  name: ShortName,
  type: z.enum(['audio', 'video']),
  priority: z.number().optional(),
  payload_type: z.int().min(0).max(127),
  /** −1 and 0 mean that the client has none: 0 is PCMU, which is never a retransmission. */
  rtx_payload_type: z
    .int()
    .min(-1)
    .max(127)
    .transform(type => (type > 0 ? type : null))
    .nullish(),
  encode: z.boolean().optional(),
  decode: z.boolean().optional(),
})
export type Codec = z.infer<typeof Codec>
const Codecs = z.array(Codec).max(PROTOCOL_LIMITS.codecs)

/** `data` of op 1 for protocol `udp`. The address is the client's claim and is not trusted. */
export const UdpSelection = z.object({
  address: z.string().max(PROTOCOL_LIMITS.address),
  port: z.int().min(0).max(65535),
  mode: Name,
})
export type UdpSelection = z.infer<typeof UdpSelection>

/** Op 1, from the client: selects the transport. `data` is a UdpSelection for `udp`, an SDP offer for `webrtc`. */
export const SelectProtocol = z.object({
  protocol: ShortName,
  data: z.unknown().optional(),
  sdp: z.string().max(PROTOCOL_LIMITS.sdp).nullish(),
  codecs: Codecs.nullish(),
  rtc_connection_id: Name.nullish(),
  experiments: z.array(Name).max(PROTOCOL_LIMITS.names).nullish(),
})
export type SelectProtocol = z.infer<typeof SelectProtocol>

/** Op 5, from the client. `speaking` is a boolean up to v3 and SpeakingFlag bits from v4; both are accepted at any version. */
export const Speaking = z.object({
  speaking: z.union([z.boolean(), z.int().min(0).max(0xff)]),
  delay: z.number().nullish(),
  ssrc: Ssrc.nullish(),
})
export type Speaking = z.infer<typeof Speaking>

/** Op 7, from the client: resumes a session. `seq` is disgo's name for `seq_ack`. */
export const Resume = z.object({
  server_id: Snowflake,
  channel_id: Snowflake.nullish(),
  session_id: SessionId,
  token: Token,
  seq_ack: z.int().nullish(),
  seq: z.int().nullish(),
})
export type Resume = z.infer<typeof Resume>

/** Op 12, from the client: the SSRCs and streams of its video; `video_ssrc` 0 ends it. */
export const Video = z.object({
  audio_ssrc: Ssrc.nullish(),
  video_ssrc: Ssrc.nullish(),
  rtx_ssrc: Ssrc.nullish(),
  streams: Streams.nullish(),
})
export type Video = z.infer<typeof Video>

/** Op 14, from the client: replaces the codecs of op 1. */
export const SessionUpdate = z.object({ codecs: Codecs })
export type SessionUpdate = z.infer<typeof SessionUpdate>

/**
 * Op 15: requested quality of video, 0–100 by SSRC (decimal) or `any`, and `pixelCounts`, the displayed pixels by SSRC. Other
 * members are ignored. Each message replaces the previous one.
 */
export const MediaSinkWants = z
  .record(z.string().max(PROTOCOL_LIMITS.wantKey), z.unknown())
  .refine(
    wants => Object.keys(wants).length <= PROTOCOL_LIMITS.wants,
    `expected at most ${PROTOCOL_LIMITS.wants} wants`,
  )
  .transform(({ any, pixelCounts, ...wants }) => ({
    any: typeof any === 'number' ? clamp(any, 100) : 100,
    wants: bySsrc(wants, 100),
    pixelCounts: bySsrc(pixelCounts, PROTOCOL_LIMITS.pixels),
  }))
export type MediaSinkWants = z.infer<typeof MediaSinkWants>

const clamp = (value: number, max: number) => Math.min(max, Math.max(0, Math.trunc(value) || 0))

function bySsrc(raw: unknown, max: number): Map<number, number> {
  const numbers = new Map<number, number>()
  if (typeof raw !== 'object' || raw === null) return numbers
  for (const [key, value] of Object.entries(raw).slice(0, PROTOCOL_LIMITS.wants))
    if (/^[0-9]{1,10}$/.test(key) && typeof value === 'number') numbers.set(Number(key), clamp(value, max))
  return numbers
}

/** Op 23 and op 31, from the client: a transition that it is ready for, or whose commit or Welcome it could not process. */
export const DaveTransition = z.object({ transition_id: z.int().min(0).max(0xffff) })
export type DaveTransition = z.infer<typeof DaveTransition>

/** Op 3, from the client, v ≥ 8. The nonce `t` is echoed from the source text and not decoded. */
export const Heartbeat = z.object({ seq_ack: z.int().nullish() })

/** Any JSON message before its opcode is known. */
export const VoiceMessage = z.object({ op: z.int(), d: z.unknown().optional() })
export type VoiceMessage = z.infer<typeof VoiceMessage>

/** Data of the node's messages by opcode. Outgoing messages are built through this type. */
export interface VoiceEvents {
  [VoiceOp.Ready]: {
    ssrc: number
    ip: string
    port: number
    modes: VoiceMode[]
    experiments: string[]
    heartbeat_interval: number
    streams: { type: 'video'; rid: string; quality: number; ssrc: number; rtx_ssrc: number; active: boolean }[]
  }
  /** `mode` and `secret_key` for UDP, `sdp` for WebRTC. */
  [VoiceOp.SessionDescription]: {
    mode?: VoiceMode | undefined
    secret_key?: number[] | undefined
    sdp?: string | undefined
    audio_codec: string
    video_codec: string
    media_session_id: string
    dave_protocol_version: number
  }
  [VoiceOp.Speaking]: { user_id: string; ssrc: number; speaking: number | boolean }
  [VoiceOp.Hello]: { v: number; heartbeat_interval: number }
  [VoiceOp.Resumed]: null
  [VoiceOp.ClientsConnect]: { user_ids: string[] }
  [VoiceOp.Video]: {
    user_id: string
    audio_ssrc: number
    video_ssrc: number
    rtx_ssrc?: number | undefined
    streams?: Stream[] | undefined
  }
  [VoiceOp.ClientDisconnect]: { user_id: string }
  [VoiceOp.SessionUpdate]: {
    audio_codec?: string | undefined
    video_codec?: string | undefined
    media_session_id?: string | undefined
  }
  [VoiceOp.MediaSinkWants]: Record<string, number | Record<string, number>>
  [VoiceOp.VoiceBackendVersion]: { voice: string; rtc_worker: string }
  [VoiceOp.ClientFlags]: { user_id: string; flags: number }
  [VoiceOp.ClientPlatform]: { user_id: string; platform: number }
  [VoiceOp.DavePrepareTransition]: { transition_id: number; protocol_version: number }
  [VoiceOp.DaveExecuteTransition]: { transition_id: number }
  [VoiceOp.DavePrepareEpoch]: { protocol_version: number; epoch: number }
}

/** Opcodes that carry `seq` and are kept for resume (v ≥ 8). Ready, heartbeats, Hello, Resumed and op 16 do not. */
export const NUMBERED_OPS: ReadonlySet<number> = new Set([4, 5, 11, 12, 13, 14, 15, 18, 20, 21, 22, 24, 25, 27, 29, 30])
