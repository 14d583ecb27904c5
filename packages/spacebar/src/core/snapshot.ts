// What the bridge reads from Spacebar's database.
import type { StreamName } from './events.ts'
import type { SeenVoiceState } from './place.ts'

/** A voice state with its token: a row of `voice_states` that has a channel. */
export interface StoredVoiceState extends SeenVoiceState {
  userId: string
  token: string
  /** Whether the user is a member of the guild, or a recipient of the call: rows of users who were removed remain. */
  isMember: boolean
  /** The guild's region, absent for calls. */
  region: string | undefined
}

/** A user's part in a stream: a row of `stream_sessions` with its stream. */
export interface StoredStreamSession {
  stream: StreamName
  serverId: string
  endpoint: string
  userId: string
  token: string
}

/** All voice states and stream parts, read together. */
export interface Snapshot {
  voiceStates: readonly StoredVoiceState[]
  streamSessions: readonly StoredStreamSession[]
}

/**
 * Whether a user may join a channel. `unknown`: the database is away, and the user is refused. `userLimit` is absent where there is
 * none, or where the user may exceed it.
 */
export type Verdict =
  | { kind: 'allowed'; userLimit?: number | undefined }
  | { kind: 'denied'; reason: string }
  | { kind: 'unknown' }
