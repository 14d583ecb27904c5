// The credentials and options of a voice session, and the Identify and Resume messages made of them.
import type { Identify, Resume, Stream } from '@parley/protocol'
import type { DaveLibrary, RemoteDave } from '../dave/dave.ts'

/** The credentials of a session, from the backend's voice state update and voice server update. */
export interface VoiceCredentials {
  /** Snowflake of the guild; of the channel for a DM or group call. */
  serverId: string
  /** Snowflake of the channel. Required for end-to-end encryption in a guild. */
  channelId?: string | undefined
  /** Snowflake of the user. */
  userId: string
  /** `session_id` of the voice state update. */
  sessionId: string
  /** `token` of the voice server update. */
  token: string
}

export interface VoiceSessionOptions extends VoiceCredentials {
  /** Gateway version, 4 to 9. Default: 9. */
  version?: number | undefined
  /**
   * Library for end-to-end encryption, or its version in another thread, such as a `DaveWorker` of `@parley/client/browser`. Without
   * it, calls with this client are not encrypted end to end.
   */
  dave?: DaveLibrary | RemoteDave | undefined
  /** Whether to take part in video. Default: false. */
  video?: boolean | undefined
  /** Video streams to offer in Identify. */
  streams?: readonly Stream[] | undefined
  /** Maximum number of reconnect attempts per outage. Default: unlimited; `close` ends them. */
  attempts?: number | undefined
  /** Random number in [0, 1) that spreads reconnects over time. Default: `Math.random`. */
  random?: (() => number) | undefined
}

/** Gateway version from which messages are numbered. */
export const SEQ_VERSION = 8
/** Gateway version from which Identify and Resume carry the channel id. */
const CHANNEL_VERSION = 9

/** Data of Identify (op 0). */
export function identifyData(options: VoiceSessionOptions, version: number): Identify {
  const { serverId, userId, sessionId, token, video, streams, dave } = options
  return {
    server_id: serverId,
    ...channelOf(options, version),
    user_id: userId,
    session_id: sessionId,
    token,
    ...(video !== undefined && { video }),
    ...(streams !== undefined && { streams: [...streams] }),
    max_dave_protocol_version: dave?.version ?? 0,
  }
}

/** Data of Resume (op 7). */
export function resumeData(options: VoiceSessionOptions, version: number, seq: number): Resume {
  const { serverId, sessionId, token } = options
  return {
    server_id: serverId,
    ...channelOf(options, version),
    session_id: sessionId,
    token,
    ...seqAck(version, seq),
  }
}

/** Acknowledges the newest numbered message; empty where messages are not numbered, or none has arrived. */
export const seqAck = (version: number, seq: number): { seq_ack?: number } =>
  version >= SEQ_VERSION && seq > 0 ? { seq_ack: seq } : {}

const channelOf = ({ channelId }: VoiceCredentials, version: number) =>
  version >= CHANNEL_VERSION && channelId !== undefined ? { channel_id: channelId } : {}
