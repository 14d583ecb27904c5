// Decodes the messages of a node and converts them to answers and events.
// Fields are renamed from snake_case to camelCase here and nowhere else. `LvspClientSession` decides whether an INFO
// answers a request (`answerOf`) or is an event (`eventOf`).
import {
  channelPropertiesOf,
  type LvspEvent,
  type LvspEventData,
  LvspEvents,
  LvspHeartbeatAck,
  LvspHello,
  LvspInfo,
  LvspInfoMessage,
  LvspMessage,
  LvspOp,
  LvspReady,
  SessionId,
  Snowflake,
} from '@parley/protocol'
import { z } from 'zod'
import { parseJson } from '../parse-json.ts'
import type { AssignedChannel } from './channel.ts'
import type {
  LvspOutput,
  MirroredChannel,
  MirroredVoiceState,
  NodeStats,
  RequestFailure,
  RequestId,
} from './lvsp-outputs.ts'
import { videoSourceOf, videoViewOf } from './video.ts'
import { type GrantedVoiceState, userOf, type VoiceStateConnected } from './voice-state.ts'

/**
 * A message of a node. `seq` is absent on nodes that do not number INFO messages; `info` is undefined for an unknown
 * info type, whose number counts all the same. `unknown` is an opcode that this client does not know.
 */
export type NodeMessage =
  | { op: typeof LvspOp.Hello; hello: LvspHello }
  | { op: typeof LvspOp.Ready; ready: LvspReady }
  | { op: typeof LvspOp.HeartbeatAck; health: number }
  | { op: typeof LvspOp.Info; seq: number | undefined; info: Info | undefined }
  | { op: 'unknown' }

/** A decoded INFO of a node: its info type, and data of that type. */
export type Info = { [T in LvspEvent]: { type: T; data: LvspEventData<T> } }[LvspEvent]

/** Decodes a text message. Undefined for one that is not JSON, or without the shape of its opcode or info type. */
export function decodeNodeMessage(text: string): NodeMessage | undefined {
  const message = LvspMessage.safeParse(parseJson(text))
  if (!message.success) return undefined
  const { op, d, s } = message.data
  switch (op) {
    case LvspOp.Hello:
      return decoded(LvspHello.safeParse(d), hello => ({ op, hello }))
    case LvspOp.Ready:
      return decoded(LvspReady.safeParse(d), ready => ({ op, ready }))
    case LvspOp.HeartbeatAck:
      return decoded(LvspHeartbeatAck.safeParse(d), ({ health }) => ({ op, health }))
    case LvspOp.Info:
      return decodeInfo(d, s ?? undefined)
    default:
      return { op: 'unknown' }
  }
}

function decodeInfo(d: unknown, seq: number | undefined): NodeMessage | undefined {
  const message = LvspInfoMessage.safeParse(d)
  if (!message.success) return undefined
  const { type, data } = message.data
  if (!isEvent(type)) return { op: LvspOp.Info, seq, info: undefined }
  const read = (type === LvspInfo.Failure ? Failure : LvspEvents[type]).safeParse(data)
  return read.success ? { op: LvspOp.Info, seq, info: { type, data: read.data } as Info } : undefined
}

/** A refusal must reach its request even if it repeats ids of ours that are invalid, or omits them. */
const LenientIds = z
  .object({
    channel_id: Snowflake.optional().catch(undefined),
    guild_id: Snowflake.optional().catch(undefined),
    user_id: Snowflake.optional().catch(undefined),
    session_id: SessionId.optional().catch(undefined),
  })
  .catch({})
const Failure = z.object({
  in_reply_to: z.object({ type: z.int(), data: LenientIds }),
  code: z.int(),
  message: z.string().catch(''),
})

const isEvent = (type: number): type is LvspEvent => Object.hasOwn(LvspEvents, type)

/** Applies `make` to the data of a successful parse; undefined for a failed one. */
const decoded = <T>(result: { success: boolean; data?: T }, make: (data: T) => NodeMessage): NodeMessage | undefined =>
  result.success ? make(result.data as T) : undefined

/** The output for an INFO that answers `request`; undefined for info types that answer nothing. */
export function answerOf(request: RequestId, info: Info): LvspOutput | undefined {
  switch (info.type) {
    case LvspInfo.ChannelAssign:
      return { kind: 'answered', request, answer: channelOf(info.data) }
    case LvspInfo.VoiceStateDone:
      return { kind: 'answered', request, answer: voiceStateOf(info.data) }
    case LvspInfo.Stats:
      return { kind: 'answered', request, answer: statsOf(info.data) }
    case LvspInfo.Failure:
      return { kind: 'failed', request, failure: failureOf(info.data) }
    default:
      return undefined
  }
}

/**
 * The output for an INFO that answers no pending request: sent by the node itself, replayed, or an answer that arrived
 * after its request had failed. STATS has no meaning without a request.
 */
export function eventOf(info: Info): LvspOutput | undefined {
  switch (info.type) {
    case LvspInfo.ChannelAssign:
      return { kind: 'assigned', channel: channelOf(info.data) }
    case LvspInfo.VoiceStateDone:
      return { kind: 'granted', voiceState: voiceStateOf(info.data) }
    case LvspInfo.Failure:
      return { kind: 'refused', type: info.data.in_reply_to.type, failure: failureOf(info.data) }
    case LvspInfo.VoiceStateConnected:
      return { kind: 'voiceStateConnected', event: connectedOf(info.data) }
    case LvspInfo.VoiceStateDisconnected: {
      const { code, resumable } = info.data
      return { kind: 'voiceStateDisconnected', event: { ...connectedOf(info.data), code, resumable } }
    }
    case LvspInfo.VoiceStateSpeaking: {
      const { speaking, video } = info.data
      return { kind: 'speaking', event: { ...userOf(info.data), speaking, video } }
    }
    case LvspInfo.ChannelDave: {
      const { channel_id, guild_id, protocol_version, epoch, members } = info.data
      const channel = { channelId: channel_id, guildId: guild_id }
      return { kind: 'encryption', event: { ...channel, protocolVersion: protocol_version, epoch, members } }
    }
    case LvspInfo.ChannelDraining: {
      const { channel_id, guild_id, timeout } = info.data
      return { kind: 'draining', event: { channelId: channel_id, guildId: guild_id, timeout } }
    }
    case LvspInfo.VideoView:
      return { kind: 'videoView', event: videoViewOf(info.data) }
    case LvspInfo.VideoSource:
      return { kind: 'videoSource', event: videoSourceOf(info.data) }
    case LvspInfo.ChannelMirror:
      return { kind: 'mirroredChannel', item: mirroredChannelOf(info.data) }
    case LvspInfo.VoiceStateMirror:
      return { kind: 'mirroredVoiceState', item: mirroredVoiceStateOf(info.data) }
    case LvspInfo.Receiver:
      return { kind: 'receiver', event: { receives: info.data.receives } }
    case LvspInfo.Stats:
      return undefined
  }
}

const channelOf = (data: LvspEventData<typeof LvspInfo.ChannelAssign>): AssignedChannel => ({
  channelId: data.channel_id,
  guildId: data.guild_id,
  token: data.token,
  endpoint: data.endpoint,
})

const voiceStateOf = (data: LvspEventData<typeof LvspInfo.VoiceStateDone>): GrantedVoiceState => ({
  ...userOf(data),
  sessionId: data.session_id,
  token: data.token,
  endpoint: data.endpoint,
  connected: data.connected,
})

const connectedOf = (data: LvspEventData<typeof LvspInfo.VoiceStateConnected>): VoiceStateConnected => ({
  ...userOf(data),
  sessionId: data.session_id,
  protocol: data.protocol,
})

function mirroredChannelOf(data: LvspEventData<typeof LvspInfo.ChannelMirror>): MirroredChannel {
  const { channel_id: channelId, guild_id: guildId, token = '', endpoint, epoch = 0, ended = false } = data
  const properties = channelPropertiesOf(data.channel_properties ?? {})
  return { channelId, guildId, token, endpoint, epoch, properties, isEnded: ended }
}

function mirroredVoiceStateOf(data: LvspEventData<typeof LvspInfo.VoiceStateMirror>): MirroredVoiceState {
  const { session_id: sessionId = '', token = '', endpoint, connected = false, ended = false } = data
  const { mute, deaf, suppress, priority, flags, platform } = data
  const restrictions = { mute, deaf, suppress, priority, flags, platform }
  return { ...userOf(data), sessionId, token, endpoint, connected, restrictions, isEnded: ended }
}

const statsOf = (data: LvspEventData<typeof LvspInfo.Stats>): NodeStats => ({
  channels: data.channels,
  sessions: data.sessions,
  views: data.views ?? {},
  egressBitsPerSecond: data.egress_bps,
  health: data.health,
})

const failureOf = ({ code, message }: LvspEventData<typeof LvspInfo.Failure>): RequestFailure => ({ code, message })
