// Every setting: schema, default, expected form and effect. docs/operating.md is generated from it.
// Each setting is one call of `setting`: its zod schema with the default, the form that an error message names, and the
// sentence of the documentation. A new setting needs nothing else here; `npm run docs` writes the table. Durations are
// milliseconds after parsing.
import { LIMITS } from '@parley/core'
import { VOICE_VERSION } from '@parley/protocol'
import { z } from 'zod'
import { SERVER_LIMITS } from '../limits.ts'
import { isSubnet } from '../net/address.ts'
import { Acme } from './acme-schema.ts'
import { Cluster } from './cluster-schema.ts'
import {
  aDuration,
  Duration,
  Endpoint,
  Ip,
  Listen,
  Path,
  port,
  reloaded,
  Secret,
  StunServer,
  setting,
  trueOrFalse,
} from './values.ts'

/** The TCP listener: voice gateway, LVSP, probes, metrics, playground. */
const Http = z.object({
  listen: setting(
    Listen.prefault('127.0.0.1:8443'),
    'an address and a port such as "0.0.0.0:8443" or "[::]:8443"',
    'Address of the voice gateway (`/`), LVSP (`/lvsp`), `/livez`, `/readyz` and `/metrics`. Port 0 selects a free port. Without TLS only loopback is accepted, unless `behind_proxy`.',
  ),
  endpoint: setting(
    Endpoint.optional(),
    'a host or host:port without scheme and path, such as "voice.example.org:8443"',
    'Endpoint that backends hand to voice clients. Required unless `listen` is loopback; then the default is the address of `listen`.',
  ),
  tls_cert: reloaded(
    Path.optional(),
    'the path of a PEM file',
    'Certificate chain. A reload reads it again; open connections stay.',
  ),
  tls_key: reloaded(Path.optional(), 'the path of a PEM file', 'Private key of the certificate.'),
  behind_proxy: setting(
    z.boolean().default(false),
    trueOrFalse,
    'A reverse proxy terminates TLS: plain connections are accepted on any address, and the last hop of `X-Forwarded-For` is the client’s address. Only the proxy may be able to reach the listener.',
  ),
  metrics_from: reloaded(
    z.array(z.string().refine(isSubnet)).max(SERVER_LIMITS.maxMetricsSubnets).default(['127.0.0.0/8', '::1/128']),
    'a list of addresses or subnets such as ["10.0.0.0/8", "::1"]',
    'Addresses that may read `/metrics`. An empty list disables it.',
  ),
  playground: setting(
    z.boolean().default(false),
    trueOrFalse,
    'Whether `/playground` serves a page that joins calls from a browser, with credentials issued by your backend.',
  ),
})

/** What applies to all backends. */
const Lvsp = z.object({
  listen: setting(
    Listen.optional(),
    'an address and a port such as "0.0.0.0:8444"',
    'A second listener with LVSP at `/`, for backends that connect to a host without a path. It uses the same certificate.',
  ),
  channel_token_auth: reloaded(
    z.boolean().default(true),
    trueOrFalse,
    'Whether voice clients may authenticate with the channel token of CHANNEL_ASSIGN. All members share it, so one can impersonate another; disable it when the backend hands out the token of VOICE_STATE_DONE.',
  ),
  orphan_grace: reloaded(
    Duration.prefault('0s'),
    aDuration,
    'How long calls continue after the connection to their backend was lost. `0s`: without limit.',
  ),
  require_heartbeat: setting(
    z.boolean().default(false),
    trueOrFalse,
    'Whether a backend that misses its heartbeats is disconnected. Off by default, because Litecord sends them hours apart; WebSocket pings detect dead connections in both cases.',
  ),
})

/** Lanes: UDP addresses and ports, threads, packet engine. */
const Media = z.object({
  listen: setting(
    Ip.default('::'),
    'an IP address such as "0.0.0.0" or "::"',
    'Address of the UDP sockets. `::` includes IPv4, and falls back to `0.0.0.0` on a system without IPv6.',
  ),
  port: setting(port.default(50_000), 'a port from 0 to 65535', 'UDP port of the first lane. 0 selects free ports.'),
  lanes: setting(
    z.int().min(0).max(SERVER_LIMITS.maxLanes).optional(),
    `a whole number from 0 to ${SERVER_LIMITS.maxLanes}`,
    'Threads that forward voice packets, on consecutive ports from `port`; a channel has one of them, a large channel several (`members_per_lane`). Default: the number of cores minus one, at least 1. 0: the main thread, for tests and small machines.',
  ),
  members_per_lane: setting(
    z.int().min(1).max(1_000_000).default(1_000),
    'a whole number of at least 1',
    'Members of one channel on one lane, before further ones are placed on another lane, so that a large stage uses all cores. Each lane sends one packet to 1,000 members in 4 to 5 ms.',
  ),
  engine: setting(
    z.enum(['auto', 'ffi', 'portable']).default('auto'),
    '"auto", "ffi" or "portable"',
    'Packet engine. `ffi` calls the system and OpenSSL directly, with many packets per call: Linux on x64, arm64, riscv64 and loong64. `portable` runs on every system that Node.js supports, at two to three times the CPU time. `auto` selects `ffi` where it is available; the log names the engine and the reason.',
  ),
  tcp: setting(
    z.boolean().optional(),
    trueOrFalse,
    'Whether browsers whose network lets no UDP through send their media over TCP, to the port of `http.listen` (ICE-TCP). It needs a direct connection, which no proxy provides. Default: true where the node itself terminates TLS.',
  ),
  announce: reloaded(
    z.array(Ip).max(SERVER_LIMITS.maxAnnounced).default([]),
    'a list of IP addresses such as ["203.0.113.10"]',
    'Addresses that clients receive for their media. Of several, each client receives one: an IPv4 address before IPv6; the address its WebSocket came to, unless that is private and the client outside; in a private network the nearest private address; otherwise the first public one. Empty: the address of `listen` or, if that is all addresses, the address the WebSocket came to. Needed behind NAT, a proxy or in a container.',
  ),
  stun: setting(
    z.array(StunServer).max(SERVER_LIMITS.maxStunServers).default([]),
    'a list of servers such as ["stun.example.org:3478"]',
    'STUN servers that the node asks for its public IPv4 address, at the start and every five minutes, and which it then announces besides `announce` or the addresses of the machine: for a node behind NAT whose address changes. Empty: it asks none.',
  ),
})

/** What voice clients may do. Every setting but `drain_timeout` is an option of `VoiceNode`. */
const Voice = z.object({
  legacy_modes: setting(
    z.boolean().default(false),
    trueOrFalse,
    'Whether the encryption modes of old bots (`xsalsa20_poly1305…`) are also offered.',
  ),
  resume_window: reloaded(
    Duration.prefault('30s'),
    aDuration,
    'How long a session waits for Resume after its connection was lost.',
  ),
  min_version: reloaded(
    z.int().min(VOICE_VERSION.min).max(VOICE_VERSION.max).default(VOICE_VERSION.min),
    `a version from ${VOICE_VERSION.min} to ${VOICE_VERSION.max}`,
    'The lowest accepted voice gateway version; clients with a lower one are closed with 4020.',
  ),
  session_check: reloaded(
    z.enum(['relaxed', 'strict']).default('relaxed'),
    '"relaxed" or "strict"',
    '`strict`: Identify must carry the session id that the backend sent. `relaxed`: with a user’s token any session id is accepted; with the channel token also the first other one that is presented.',
  ),
  strict_opcodes: reloaded(
    z.boolean().default(false),
    trueOrFalse,
    'Whether a client that sends an unknown opcode, or one too early, is closed with 4001, as Discord does. Otherwise the opcode is ignored. For tests of bots; old clients may fail.',
  ),
  dave: reloaded(
    z.enum(['off', 'allowed', 'required']).default('allowed'),
    '"off", "allowed" or "required"',
    'End-to-end encryption (DAVE) of calls whose backend sets no policy. `allowed`: while every client in the call supports it. `required`: clients without support are closed with 4017.',
  ),
  identify_grace: setting(
    Duration.prefault('3s'),
    aDuration,
    'How long an Identify without a matching voice state waits for it, where a backend has `adopts_tokens`: such a backend sends its tokens to its users and to the node at the same time. `0s`: not at all.',
  ),
  ban_after: setting(
    z.int().min(0).max(1_000).default(0),
    'a whole number from 0 to 1000',
    'Number of refused Identify messages from one address (IPv6: /64) within a minute after which its connections are closed with 4021 for `ban_time`. 0: never. Use 20 or more: users of one carrier may share an address, and so do all clients of a proxy that sends no `X-Forwarded-For`.',
  ),
  ban_time: setting(Duration.prefault('10m'), aDuration, 'How long an address is banned.'),
  drain_timeout: reloaded(
    Duration.prefault('20s'),
    aDuration,
    'How long a stopping node waits for calls to end before it closes them (4014). Backends are asked to move them at once.',
  ),
})

/** What counts as full load. The highest ratio decides health (core/lvsp/health.ts). */
const Capacity = z.object({
  sessions: reloaded(
    z.int().min(1).default(2_000),
    'a whole number above 0',
    'Voice sessions at which health is 0.01.',
  ),
  egress_mbit: reloaded(
    z.number().positive().default(1_000),
    'a number above 0',
    'Outgoing megabits per second at which health is 0.01.',
  ),
  event_loop_lag: reloaded(Duration.prefault('200ms'), aDuration, 'Event-loop delay at which health is 0.01.'),
  lane_busy: reloaded(
    z.number().positive().max(1).default(0.9),
    'a number above 0, at most 1',
    'Utilization of the busiest lane at which health is 0.01. A lane drops packets only at 1.',
  ),
})

/** The log on standard output. */
const Log = z.object({
  level: reloaded(
    z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
    '"debug", "info", "warn", "error" or "silent"',
    'The lowest level that is logged.',
  ),
  format: setting(
    z.enum(['json', 'pretty']).optional(),
    '"json" or "pretty"',
    'One JSON object per line, or readable text. Default: pretty on a terminal, JSON elsewhere.',
  ),
  addresses: setting(
    z.enum(['full', 'network', 'hidden']).default('full'),
    '"full", "network" or "hidden"',
    'How the log writes addresses of clients and backends: as they are, their network only (/24, in IPv6 /48), or not at all.',
  ),
})

/** The HTTP API for operators: on a Unix socket, on a port with a token, or both. */
const Admin = z.object({
  socket: setting(
    Path.optional(),
    'the path of a Unix socket',
    'The admin API for commands such as `parley ps`, on a Unix socket that only the user of the node may open.',
  ),
  listen: setting(
    Listen.optional(),
    'an address and a port such as "127.0.0.1:9443"',
    'The admin API over HTTP, for requests with the token of `token_file`. It uses the certificate of `[http]`, without which only loopback is accepted.',
  ),
  token_file: reloaded(
    Path.optional(),
    'the path of a file',
    `A file with the token of \`listen\` on its first line: at least ${SERVER_LIMITS.minAdminToken} characters.`,
  ),
  dashboard: setting(
    z.boolean().default(false),
    trueOrFalse,
    'Whether `listen` serves a page at `/dashboard/` that shows channels, users, quality, lanes and alarms. It asks for the token.',
  ),
})

/** One `[[backend]]`: who it is, and what it may do and occupy. */
const Backend = z.object({
  id: setting(
    z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/)
      .default('main'),
    'a name of letters, digits, - and _, at most 32 long',
    'Name of the backend, in logs and metrics. Channels of different backends never meet.',
  ),
  secret: reloaded(
    z.union([Secret, z.array(Secret).min(1).max(SERVER_LIMITS.maxSecretsPerBackend)]).optional(),
    'a non-empty secret, or a list of the new and the old one',
    'Secret shared with the backend (`LVSP_SECRET`). Of a list of two, both are accepted.',
  ),
  secret_file: reloaded(
    Path.optional(),
    'the path of a file',
    'A file with the secret on its first line, and during a rotation the old one on its second.',
  ),
  dialect: setting(
    z.enum(['spec', 'litecord']).default('spec'),
    '"spec" or "litecord"',
    'The backend’s numbering of LVSP info types: that of the specification, or that of Litecord.',
  ),
  legacy_assign: setting(
    z.boolean().default(false),
    trueOrFalse,
    'Whether a litecord backend receives CHANNEL_ASSIGN. Unpatched Litecord closes the connection on it.',
  ),
  channel_end_code: setting(
    z.union([z.literal(4014), z.literal(4022)]).default(4014),
    '4014 or 4022',
    'Close code for the members of a channel that the backend destroys. Discord sends 4022, but @discordjs/voice asks the backend to join again after it; after 4014 no library does. Select 4022 if the backend tells its users first, or to test bots.',
  ),
  adopts_tokens: setting(
    z.boolean().default(false),
    trueOrFalse,
    'Whether the backend creates the tokens of its users (`token` in VOICE_STATE_CREATE), as the bridges to other chat servers do. The channel token is then not accepted.',
  ),
  draft_resume: setting(
    z.boolean().default(false),
    trueOrFalse,
    'Whether a litecord backend may resume with the token of its last IDENTIFY, as in drafts of LVSP. A captured token is then enough to act as the backend until its session ends.',
  ),
  max_channels: reloaded(
    z.int().min(1).default(LIMITS.channelsPerBackend),
    'a whole number above 0',
    'Channels that the backend may have on this node. Above it, requests are answered with FAILURE.',
  ),
  max_voice_states: reloaded(
    z.int().min(1).default(LIMITS.voiceStatesPerBackend),
    'a whole number above 0',
    'Voice states that the backend may have on this node, over all its channels. Above it, requests are answered with FAILURE.',
  ),
  max_channel_members: reloaded(
    z.int().min(1).max(LIMITS.voiceStatesPerChannel).default(LIMITS.voiceStatesPerChannel),
    `a whole number from 1 to ${LIMITS.voiceStatesPerChannel}`,
    'Voice states that one channel may have; the backend may set less for a channel (`max_members`). Above it, requests are answered with FAILURE.',
  ),
  max_channel_kbit: reloaded(
    z.int().min(0).default(0),
    'a whole number',
    'Kilobits per second of media that the members of one channel may send together; the backend may set less for a channel (`max_bitrate`). Traffic above the limit is dropped, video before audio. 0: no limit.',
  ),
  max_member_kbit: reloaded(
    z.int().min(0).default(0),
    'a whole number',
    'The same for each member alone (`max_member_bitrate`). It is a bound for floods, not a setting of quality: pictures freeze if it is below the bit rate that clients send. 0: no limit.',
  ),
  max_memory_mb: reloaded(
    z.int().min(1).optional(),
    'a whole number above 0',
    'MiB that the backend may occupy, by estimate: 6 KiB per channel, 1 KiB per voice state, 32 KiB per voice session, the messages kept for Resume, and the messages of the backend that wait until RESUME or SYNC is done, except 4 MiB of those. Messages kept for RESUME of the backend itself leave room for the others. Default: half of the memory that the process can have, divided by the number of backends.',
  ),
})

/** The sections of the TOML file. Keys are the same in the file, the environment and flags. */
export const ConfigSchema = z.object({
  http: Http.prefault({}),
  acme: Acme.prefault({}),
  lvsp: Lvsp.prefault({}),
  media: Media.prefault({}),
  voice: Voice.prefault({}),
  capacity: Capacity.prefault({}),
  cluster: Cluster.prefault({}),
  log: Log.prefault({}),
  admin: Admin.prefault({}),
  backend: z.array(Backend).max(SERVER_LIMITS.maxBackends).prefault([]),
})
/** A configuration as written: every setting is optional. */
export type ConfigInput = z.input<typeof ConfigSchema>
/** After validation: defaults filled in, durations in milliseconds, listeners as host and port. */
export type ParsedConfig = z.output<typeof ConfigSchema>

/** How a value is written in the environment and on the command line. */
export type SettingKind = 'text' | 'boolean' | 'number' | 'list'

/** A setting as the documentation and the error messages describe it. */
export interface Setting {
  /** Such as `http.listen`; `backend.id` for every backend. */
  key: string
  kind: SettingKind
  expected: string
  description: string
  /** Whether a reload applies it; a change of the others needs a restart. */
  isReloaded: boolean
  /** The default, as written in the file; undefined if there is none. */
  fallback: unknown
}

/** In the order of the documentation. */
const sections: Record<string, z.ZodObject> = {
  http: Http,
  acme: Acme,
  lvsp: Lvsp,
  media: Media,
  voice: Voice,
  capacity: Capacity,
  cluster: Cluster,
  log: Log,
  admin: Admin,
  backend: Backend,
}

/** All settings by key, in the order of the documentation. */
export const SETTINGS: ReadonlyMap<string, Setting> = new Map(
  Object.entries(sections).flatMap(([section, { shape }]) =>
    Object.entries(shape).map(([name, schema]) => {
      const key = `${section}.${name}`
      const { description = '', expected, isReloaded } = (schema as z.ZodType).meta() ?? {}
      const documentation = { description, expected: String(expected), isReloaded: isReloaded === true }
      return [key, { key, ...documentation, ...unwrapped(schema as z.ZodType) }] as const
    }),
  ),
)
/** Names of the sections of the file. */
export const SECTIONS: readonly string[] = Object.keys(sections)

/** Kind and default of a setting, from the layers that zod puts around its schema. */
function unwrapped(schema: z.ZodType): { kind: SettingKind; fallback: unknown } {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault)
    return { kind: unwrapped(schema.unwrap() as z.ZodType).kind, fallback: schema.def.defaultValue }
  if (schema instanceof z.ZodOptional) return unwrapped(schema.unwrap() as z.ZodType)
  if (schema instanceof z.ZodBoolean) return { kind: 'boolean', fallback: undefined }
  if (schema instanceof z.ZodNumber) return { kind: 'number', fallback: undefined }
  return { kind: schema instanceof z.ZodArray ? 'list' : 'text', fallback: undefined }
}
