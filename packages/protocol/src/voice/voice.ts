// The voice gateway: opcodes, close codes, flags and messages between a Discord voice client and the node.
// The messages are JSON with the envelope `{ op, d }`, plus `seq` in numbered messages of the node; opcodes 25–30 are
// binary (voice-binary.ts). Schemas of client messages bound every text and list, and ignore fields that they do not
// name.
import { z } from 'zod'
import { SessionId, Snowflake, Ssrc } from '../ids.ts'
import { PROTOCOL_LIMITS } from '../limits.ts'

/** Opcodes of the voice gateway, JSON and binary. */
export const VoiceOp = {
  /** Client: authenticates a new session. */
  Identify: 0,
  /** Client: selects UDP or WebRTC, and the encryption mode. */
  SelectProtocol: 1,
  /** Node: SSRCs, media address and offered modes, in reply to Identify. */
  Ready: 2,
  /** Client: keeps the connection alive; the node echoes the nonce in op 6. */
  Heartbeat: 3,
  /** Node: key or SDP answer, in reply to op 1. Messages about other members follow it. */
  SessionDescription: 4,
  /** Both: speaking flags, and which SSRC belongs to which user. */
  Speaking: 5,
  HeartbeatAck: 6,
  /** Client: continues a session on a new connection. */
  Resume: 7,
  /** Node: the first message of a connection, with the heartbeat interval. */
  Hello: 8,
  /** Node: accepts op 7; the missed messages follow. */
  Resumed: 9,
  /** Obsolete. */
  Signal: 10,
  /** Node: user ids of members that joined. */
  ClientsConnect: 11,
  /** Both: SSRCs and layers of a member's video. */
  Video: 12,
  /** Node: a session ended. Not sent while it can still be resumed. */
  ClientDisconnect: 13,
  /** Both: the client's changed codecs; the codec that a sender must use from now on. */
  SessionUpdate: 14,
  /**
   * Both: how much of each video source a viewer wants; from the node, what the viewers together want of the receiver's
   * video.
   */
  MediaSinkWants: 15,
  /** Client asks, node answers: version texts. */
  VoiceBackendVersion: 16,
  /** Obsolete. */
  ChannelOptionsUpdate: 17,
  /** Node: client flags of a member, as the backend set them. */
  ClientFlags: 18,
  /** Obsolete. */
  SpeedTest: 19,
  /** Node: platform of a member, as the backend set it. */
  ClientPlatform: 20,
  /** Node: announces a change of the DAVE version. 21–31 are described in docs/dave.md. */
  DavePrepareTransition: 21,
  /** Node: every member is ready, or the time for it is over: use the new keys. */
  DaveExecuteTransition: 22,
  /** Client: has the keys of the announced transition. */
  DaveTransitionReady: 23,
  /** Node: a new MLS group starts; the client must send a new key package. */
  DavePrepareEpoch: 24,
  /** Node, binary: public key of the party that proposes. */
  DaveExternalSender: 25,
  /** Client, binary: the key package with which it can be added. */
  DaveKeyPackage: 26,
  /** Node, binary: proposals to commit. */
  DaveProposals: 27,
  /** Client, binary: a commit, and the Welcome of the members that it adds. */
  DaveCommitWelcome: 28,
  /** Node, binary: the accepted commit, to the existing members. */
  DaveAnnounceCommit: 29,
  /** Node, binary: the Welcome, to each added member. */
  DaveWelcome: 30,
  /** Client: could not process the commit or Welcome of a transition. */
  DaveInvalidCommitWelcome: 31,
  /** Client: cannot reach the media port. Logged only. */
  NoRoute: 32,
} as const
export type VoiceOp = (typeof VoiceOp)[keyof typeof VoiceOp]

/** Close codes that the node sends on the voice gateway (docs/voice-gateway.md). */
export const VoiceClose = {
  /**
   * With `voice.strict_opcodes`: an unknown, obsolete or premature opcode. Always: a binary message that is not DAVE's.
   */
  UnknownOpcode: 4001,
  /** Not JSON, no `op`, too long, or Identify without a required field. */
  DecodeError: 4002,
  /** The first message was not Identify, Resume or a heartbeat. */
  NotAuthenticated: 4003,
  /** Token, user, session and server do not match. The client needs a new token from the backend. */
  AuthenticationFailed: 4004,
  /** Identify or Resume on an authenticated connection. */
  AlreadyAuthenticated: 4005,
  /** The session does not exist, ended, was replaced, or a missed message is no longer stored: identify again. */
  SessionInvalid: 4006,
  /** No Identify in time, or no message for three heartbeat intervals: resume. */
  SessionTimeout: 4009,
  /** The node has no channel of this server. */
  ServerNotFound: 4011,
  /** A protocol other than `udp` and `webrtc`, or `webrtc` where WebRTC is not available. */
  UnknownProtocol: 4012,
  /** The backend removed the user or the channel, or the node stops: wait for the backend. */
  Disconnected: 4014,
  /** A lane failed, or the media key is used up: resume, otherwise identify. */
  ServerCrashed: 4015,
  /** An encryption mode that Ready did not offer. */
  UnknownMode: 4016,
  /** The channel requires DAVE and the client does not support it. */
  EncryptionRequired: 4017,
  /** A gateway version that is not served, or data that does not fit its opcode. */
  BadRequest: 4020,
  /** Too many messages, or too many Identify and Resume. */
  RateLimited: 4021,
  /** The channel was destroyed, for a backend with `channel_end_code = 4022`. */
  ChannelEnded: 4022,
} as const
export type VoiceClose = (typeof VoiceClose)[keyof typeof VoiceClose]

/** Reason of close code 4014 from a node that stops, which tells it from a removal. */
export const SHUTDOWN_REASON = 'the server is shutting down'

/**
 * Bits of `speaking` (op 5, v ≥ 4): microphone, audio of a shared screen, priority speaker. The node removes Priority
 * unless the backend granted it.
 */
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
  /** `video` or `screen`. */
  type: TypeName.optional(),
  /** Name of the layer, unique among the streams of a client: `100` for full quality, `50` for half. */
  rid: ShortName.optional(),
  /** 0–100, relative to the best layer. */
  quality: Quality.optional(),
  /** 0 means that the layer is off. */
  ssrc: Ssrc.optional(),
  rtx_ssrc: Ssrc.optional(),
  /** False means that the layer is off, whatever its SSRC. */
  active: z.boolean().optional(),
  max_bitrate: z.number().nonnegative().optional(),
  max_framerate: z.number().nonnegative().optional(),
  /** `type` is `fixed` or `source`; with `source`, width and height may be 0. */
  max_resolution: z
    .object({ type: TypeName, width: z.number().nonnegative(), height: z.number().nonnegative() })
    .optional(),
})
export type Stream = z.infer<typeof Stream>
const Streams = z.array(Stream).max(PROTOCOL_LIMITS.streams)

/** Op 0, from the client: starts a session. */
export const Identify = z.object({
  /** Guild id, or the channel id where there is no guild (DM and group calls). */
  server_id: Snowflake,
  /** Sent from v 9. If present, it must match the voice state. */
  channel_id: Snowflake.nullish(),
  /** Together with `server_id` it selects the voice state, whose token or whose channel's token `token` must be. */
  user_id: Snowflake,
  session_id: SessionId,
  token: Token,
  /** Whether the client offers video. The node does not require it: codecs or op 12 count as well. */
  video: z.boolean().nullish(),
  /** Video streams that the client can send; Ready assigns a pair of SSRCs to each. */
  streams: Streams.nullish(),
  /** Highest DAVE version; 0 or absent without end-to-end encryption. */
  max_dave_protocol_version: z.int().min(0).max(0xffff).nullish(),
})
export type Identify = z.infer<typeof Identify>

/** A codec with the client's payload types, in op 1 and op 14. */
export const Codec = z.object({
  /** `opus`, `H264`, `H265`, `VP8`, `VP9` or `AV1`; other names are kept but never chosen. */
  name: ShortName,
  type: z.enum(['audio', 'video']),
  /** Preference of the sender: the lowest number is preferred. */
  priority: z.number().optional(),
  payload_type: z.int().min(0).max(127),
  /** −1 and 0 mean that the client has none: 0 is PCMU, which is never a retransmission. */
  rtx_payload_type: z
    .int()
    .min(-1)
    .max(127)
    .transform(type => (type > 0 ? type : null))
    .nullish(),
  /** Whether the client can send this codec. */
  encode: z.boolean().optional(),
  /** Whether the client can receive this codec. */
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
  /** The offer, for clients that send it here and not in `data`. */
  sdp: z.string().max(PROTOCOL_LIMITS.sdp).nullish(),
  codecs: Codecs.nullish(),
  /** Diagnostic id of the official client; the node does not use it. */
  rtc_connection_id: Name.nullish(),
  experiments: z.array(Name).max(PROTOCOL_LIMITS.names).nullish(),
})
export type SelectProtocol = z.infer<typeof SelectProtocol>

/** Op 5, from the client. `speaking` is a boolean up to v3 and SpeakingFlag bits from v4; both are accepted at any version. */
export const Speaking = z.object({
  speaking: z.union([z.boolean(), z.int().min(0).max(0xff)]),
  /** Milliseconds, always 0 in practice; the node does not use it. */
  delay: z.number().nullish(),
  /** SSRC that a WebRTC client chose for its audio. Over UDP the node assigned it, and the field is ignored. */
  ssrc: Ssrc.nullish(),
})
export type Speaking = z.infer<typeof Speaking>

/** Op 7, from the client: resumes a session. `seq` is disgo's name for `seq_ack`. */
export const Resume = z.object({
  server_id: Snowflake,
  channel_id: Snowflake.nullish(),
  session_id: SessionId,
  token: Token,
  /** Number of the last message received; absent, 0 or −1 means none. */
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

/** An integer from 0 to `max`; NaN becomes 0. */
const clamp = (value: number, max: number) => Math.min(max, Math.max(0, Math.trunc(value) || 0))

/** Members of `raw` whose key is a decimal SSRC and whose value is a number. Anything else is skipped, not refused. */
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
    streams: {
      type: 'video' | 'audio'
      rid: string
      quality: number
      ssrc: number
      rtx_ssrc: number
      active: boolean
    }[]
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
