// What clients send on the main gateway (https://discord.com/developers/docs/events/gateway): decoded, with Discord's close codes.
import { DecodeError, decodeJson, Snowflake } from '@parley/protocol'
import { z } from 'zod'
import { SERVER_LIMITS } from '../../limits.ts'

/** Opcodes of the main gateway. */
export const GatewayOp = {
  Dispatch: 0,
  Heartbeat: 1,
  Identify: 2,
  PresenceUpdate: 3,
  VoiceStateUpdate: 4,
  Resume: 6,
  Reconnect: 7,
  RequestMembers: 8,
  InvalidSession: 9,
  Hello: 10,
  HeartbeatAck: 11,
} as const

/** Its close codes. */
export const GatewayClose = {
  UnknownOpcode: 4001,
  Decode: 4002,
  NotAuthenticated: 4003,
  AuthenticationFailed: 4004,
  AlreadyAuthenticated: 4005,
  RateLimited: 4008,
  TimedOut: 4009,
  InvalidVersion: 4012,
} as const

/** The client broke a rule; its connection is closed with the code. */
export class GatewayError extends Error {
  readonly code: number

  constructor(code: number, reason: string) {
    super(reason)
    this.name = 'GatewayError'
    this.code = code
  }
}

/** Some libraries send the prefix of REST here too, which Discord accepts. */
const Token = z
  .string()
  .min(1)
  .max(SERVER_LIMITS.maxTestToken)
  .transform(token => token.replace(/^Bot /, ''))
const Shard = z.tuple([z.int().min(0), z.int().min(1).max(1_000)])

const Identify = z.object({ token: Token, intents: z.int().min(0).default(0), shard: Shard.optional() })
const Resume = z.object({ token: Token, session_id: z.string().max(64), seq: z.int().min(0).nullable() })
const VoiceStateUpdate = z.object({
  guild_id: Snowflake,
  channel_id: Snowflake.nullish(),
  self_mute: z.boolean().default(false),
  self_deaf: z.boolean().default(false),
})
const RequestMembers = z.object({ guild_id: Snowflake, nonce: z.string().max(32).optional() })
const Heartbeat = z.int().min(0).nullish()

/** A client's message, decoded. */
export type GatewayMessage =
  | { kind: 'heartbeat' }
  | { kind: 'identify'; identify: z.infer<typeof Identify> }
  | { kind: 'voice'; voice: z.infer<typeof VoiceStateUpdate> }
  | { kind: 'resume'; resume: z.infer<typeof Resume> }
  | { kind: 'members'; request: z.infer<typeof RequestMembers> }
  /** Presence and later opcodes that have no meaning for voice. */
  | { kind: 'ignored' }

const Message = z.object({ op: z.int(), d: z.unknown().optional() })
/** Soundboard sounds (31) and channel information (43) do not concern voice. */
const IGNORED: readonly number[] = [GatewayOp.PresenceUpdate, 31, 43]

/** Throws only a `GatewayError`. */
export function decodeGatewayMessage(text: string): GatewayMessage {
  const { op, d } = read(Message, json(text))
  switch (op) {
    case GatewayOp.Heartbeat:
      read(Heartbeat, d)
      return { kind: 'heartbeat' }
    case GatewayOp.Identify:
      return { kind: 'identify', identify: read(Identify, d) }
    case GatewayOp.VoiceStateUpdate:
      return { kind: 'voice', voice: read(VoiceStateUpdate, d) }
    case GatewayOp.Resume:
      return { kind: 'resume', resume: read(Resume, d) }
    case GatewayOp.RequestMembers:
      return { kind: 'members', request: read(RequestMembers, d) }
    default:
      if (IGNORED.includes(op)) return { kind: 'ignored' }
      throw new GatewayError(GatewayClose.UnknownOpcode, `opcode ${op} is unknown`)
  }
}

/** Ids sent as numbers keep their digits. */
function json(text: string): unknown {
  try {
    return decodeJson(text)
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    throw new GatewayError(GatewayClose.Decode, 'expected JSON')
  }
}

/** Throws a GatewayError with 4002 and the place of the first fault. */
function read<Schema extends z.ZodType>(schema: Schema, value: unknown): z.infer<Schema> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const { path, message } = parsed.error.issues[0]!
  throw new GatewayError(GatewayClose.Decode, [...path, message].join(': ').slice(0, SERVER_LIMITS.maxCloseReason))
}
