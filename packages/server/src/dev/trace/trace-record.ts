// What a test server records of a client: messages, datagrams, connections and faults, decoded.
import type { VoiceMode } from '@parley/protocol'
import type { FaultName } from '../faults/fault-table.ts'

/** Who sent it. */
export type Side = 'client' | 'node'
/** What became of it at the test server. */
export type Fate = 'sent' | 'lost' | 'late' | 'twice' | 'changed' | 'added'

/** A message of the main gateway. */
export interface GatewayRecord {
  kind: 'gateway'
  from: Side
  op: number
  /** Name of the dispatch. */
  event?: string
  data?: unknown
}

/** A message of the voice gateway, as the receiver gets it. */
export interface MessageRecord {
  kind: 'message'
  from: Side
  op: number
  name: string
  seq?: number
  /** Data of JSON messages, without tokens and keys. */
  data?: unknown
  /** Payload length of binary messages. */
  bytes?: number
  fate: Fate
  /** Faults that acted on it. */
  by: readonly FaultName[]
}

export type DatagramType = 'rtp' | 'rtcp' | 'discovery' | 'ping' | 'keepalive' | 'unknown'

export interface RtpFields {
  ssrc: number
  sequence: number
  timestamp: number
  payloadType: number
  marker: boolean
  /** Bytes of the payload. */
  payload: number
  isSilence: boolean
  /** Encrypted end to end: the payload ends with DAVE's marker FAFA. */
  isDave: boolean
}

export interface DatagramRecord {
  kind: 'datagram'
  from: Side
  type: DatagramType
  length: number
  /** Of packets that opened with the session's key. */
  rtp?: RtpFields | undefined
  /** The trailer of a sealed packet, as hexadecimal digits. */
  nonce?: string
  /** Why a packet could not be opened. */
  error?: string
  fate: Fate
  by: readonly FaultName[]
  /** The datagram, and its plain form if it was sealed. Not part of the JSON lines unless asked for. */
  raw: Uint8Array
  plain?: Uint8Array | undefined
}

/** A connection to the voice endpoint, or to the main gateway. */
export interface ConnectionRecord {
  kind: 'connection'
  what: 'voice open' | 'voice close' | 'gateway open' | 'gateway close'
  /** Who closed it. */
  from?: Side
  code?: number
  reason?: string
}

export interface FaultRecord {
  kind: 'fault'
  name: FaultName
  value?: number
}

/** The key of a voice session. */
export interface KeyRecord {
  kind: 'key'
  mode: VoiceMode
  key: string
}

export type TraceRecord = GatewayRecord | MessageRecord | DatagramRecord | ConnectionRecord | FaultRecord | KeyRecord

/** With the time in milliseconds since the start of the test server, and the user's id. */
export type TraceEvent = TraceRecord & { at: number; user: string }

/** Records for one user. */
export type Recorder = (record: TraceRecord) => void
