// What nodes of a cluster publish about themselves, and where fronts place channels: JSON records in the coordinator's buckets, and load
// reports.
// Readers ignore fields that they do not know, so that adjacent versions can run in one cluster; a record with a higher `schema`
// than the reader's is not decoded.
import { z } from 'zod'
import { DecodeError } from '../bytes.ts'
import { SessionId, Snowflake } from '../ids.ts'
import { PROTOCOL_LIMITS } from '../limits.ts'

/** The version of the records that this code writes. */
export const CLUSTER_SCHEMA = 1

/** A name that may be part of a NATS subject: without dots, spaces and wildcards. */
const Name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/)
/** `host[:port]`, as clients receive it. */
const Endpoint = z.string().min(1).max(PROTOCOL_LIMITS.endpoint)
const Url = z
  .string()
  .max(PROTOCOL_LIMITS.endpoint)
  .regex(/^wss?:\/\//)
const Schema = z.int().min(1).max(CLUSTER_SCHEMA)
const Count = z.int().min(0)
const Epoch = z.int().min(1).max(PROTOCOL_LIMITS.clusterEpoch)
/** Random at each start of a process: another value under the same id is another process. */
const Boot = z.string().regex(/^[0-9a-f]{16,64}$/)

/** A node of the cluster: how fronts and clients reach it, and what it can carry. */
export const NodeRecord = z.object({
  schema: Schema,
  /** Unique in the cluster, and stable over restarts. */
  id: Name,
  boot: Boot,
  /** A draining node accepts no new channels. */
  state: z.enum(['serving', 'draining']),
  /** Label by which channels select nodes. */
  region: Name,
  /** Version of Parley. */
  version: z.string().min(1).max(PROTOCOL_LIMITS.name),
  /** URL of LVSP, for fronts. */
  lvsp: Url,
  /** Voice gateway, for clients. */
  endpoint: Endpoint,
  /** URL of the voice gateway for other processes of the cluster, if it differs from `endpoint`. */
  gateway: Url.optional(),
  /** Voice sessions at which the node is full. */
  sessions: z.int().min(1),
  /** Packets a second at which its lanes are full; absent until they have measured that. */
  packets: z.int().min(1).optional(),
})
export type NodeRecord = z.infer<typeof NodeRecord>

/** A heartbeat of a node with its load, once a second. */
export const LoadReport = z.object({
  schema: Schema,
  id: Name,
  boot: Boot,
  /** 0 is idle, 1 is full: the highest of its measures. May exceed 1. */
  load: z.number().min(0).max(1_000),
  sessions: Count,
  channels: Count,
  /** Bits per second that the node sends; earlier versions do not report it. */
  egress: z.number().min(0).optional(),
  /** The highest fencing number that any front has sent it, by backend; earlier versions do not report it. */
  epochs: z
    .record(Name, Epoch)
    .refine(epochs => Object.keys(epochs).length <= PROTOCOL_LIMITS.clusterTenants)
    .optional(),
})
export type LoadReport = z.infer<typeof LoadReport>

/** Where a channel is. Fronts change it by compare-and-set only. */
export const PlacementRecord = z.object({
  schema: Schema,
  /** Id of the node. */
  node: Name,
  /** Fencing number: grows with each move. Of two nodes with the channel the one with the higher epoch keeps it. */
  epoch: Epoch,
})
export type PlacementRecord = z.infer<typeof PlacementRecord>

/**
 * Which node has a user's voice state, or the session that a client resumes? The node answers with its id. A session id
 * authenticates nothing without its token, which is not part of the question.
 */
export const OwnerQuestion = z.object({
  schema: Schema,
  /** `server_id` of Identify or Resume. */
  server: Snowflake,
  /** For Identify. */
  user: Snowflake.optional(),
  /** For Resume. */
  session: SessionId.optional(),
})
export type OwnerQuestion = z.infer<typeof OwnerQuestion>

/** What a front, on behalf of the operator, orders a node to do. */
export const NodeOrder = z.object({
  schema: Schema,
  order: z.enum(['drain', 'undrain']),
  /** Milliseconds until the sessions that are left are closed; the node's own setting without it. */
  deadline: z.int().min(0).max(PROTOCOL_LIMITS.clusterDeadline).optional(),
})
export type NodeOrder = z.infer<typeof NodeOrder>

/** A channel of a tenant: a backend by its configured id. */
export interface PlacementKey {
  readonly tenant: string
  readonly channelId: string
}

/** `TENANT.CHANNEL`: the key of a placement in its bucket. */
export const encodePlacementKey = ({ tenant, channelId }: PlacementKey): string => `${tenant}.${channelId}`

/** JSON of a record. */
export const encodeRecord = (record: NodeRecord | LoadReport | PlacementRecord | OwnerQuestion | NodeOrder): string =>
  JSON.stringify(record)

/** Throws DecodeError unless the text is a record of the schema, at most `PROTOCOL_LIMITS.clusterRecord` characters long. */
export function decodeRecord<Record>(schema: z.ZodType<Record>, text: string): Record {
  if (text.length > PROTOCOL_LIMITS.clusterRecord) throw new DecodeError('cluster record: too long')
  const result = schema.safeParse(parse(text))
  if (result.success) return result.data
  const [issue] = result.error.issues
  throw new DecodeError(`cluster record: ${issue?.path.join('.') || 'record'}: ${issue?.message ?? 'malformed'}`)
}

/** Whether a later version wrote the record: this one cannot decode it, and must not overwrite it. */
export function isLaterRecord(text: string): boolean {
  try {
    const { schema } = z.object({ schema: z.number() }).parse(parse(text))
    return schema > CLUSTER_SCHEMA
  } catch {
    return false
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new DecodeError('cluster record: not JSON')
  }
}
