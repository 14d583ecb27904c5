// What the admin API shows of a node: its state, channels, users and lanes, as schemas.
// Names are snake_case, as in the configuration. They are kept between versions, unlike those of `inspect`.
import type { ChannelSummary, LaneInspection, NodeOverview, VoiceSessionInspection } from '@parley/core'
import { z } from 'zod'

/** The whole node in one answer, without its channels and users. */
export const Status = z.object({
  version: z.string(),
  pid: z.int(),
  uptime: z.number().meta({ description: 'Seconds since the start.' }),
  endpoint: z.string(),
  engine: z.string().meta({ description: 'Packet engine, and the library of its AEADs, such as `ffi (libsodium)`.' }),
  certificate: z
    .object({
      until: z.string().optional().meta({ description: 'End of its validity; absent before the first one.' }),
      next_attempt: z.string().optional().meta({ description: 'Absent during an attempt.' }),
      failures: z.int().meta({ description: 'Attempts that failed since the last success.' }),
      error: z.string().optional().meta({ description: 'Why the last attempt failed.' }),
    })
    .optional()
    .meta({ description: 'The certificate that the node obtains itself; absent without `acme.names`.' }),
  health: z.number().meta({ description: '1 is idle, 0.01 is full, 0 is draining.' }),
  draining: z.boolean(),
  log_level: z.string(),
  connections: z.int().meta({ description: 'WebSockets of both protocols.' }),
  channels: z.int(),
  voice_states: z.int(),
  sessions: z.int(),
  backends: z.array(
    z.object({
      backend: z.string(),
      connected: z.boolean(),
      channels: z.int(),
      voice_states: z.int(),
      sessions: z.int(),
      memory: z.int().meta({ description: 'Bytes, by estimate.' }),
    }),
  ),
  lanes: z.array(
    z.object({
      lane: z.int(),
      port: z.int(),
      channels: z.int(),
      peers: z.int(),
      busy: z.number().meta({ description: 'Share of the last second in which the lane worked.' }),
      packets_in: z.number(),
      packets_out: z.number(),
      bytes_out: z.number(),
      crossed_in: z.number().meta({ description: 'Packets from other lanes, of channels on several.' }),
      crossed_out: z.number().meta({ description: 'Packets handed to other lanes.' }),
      drops: z
        .record(z.string(), z.number())
        .meta({ description: 'Drops by cause, without causes that did not occur.' }),
    }),
  ),
})
export type Status = z.infer<typeof Status>

/** One channel. */
export const ChannelView = z.object({
  backend: z.string(),
  channel: z.string(),
  guild: z.string().optional(),
  kind: z.string(),
  lane: z.int().meta({ description: 'Its home lane.' }),
  lanes: z
    .array(z.object({ lane: z.int(), members: z.int() }))
    .meta({ description: 'All lanes that it is on, with the sessions on each; the home lane first.' }),
  voice_states: z.int(),
  present: z.array(z.string()).meta({ description: 'Users whose media may flow.' }),
  dave: z.int().meta({ description: 'Version of the end-to-end encryption; 0: none.' }),
})
export type ChannelView = z.infer<typeof ChannelView>

/** One voice session: a user appears once per channel. */
export const UserView = z.object({
  backend: z.string(),
  user: z.string(),
  channel: z.string(),
  session: z.string(),
  lane: z.int(),
  state: z.string().meta({ description: '`connected`, or `detached` while the session waits for Resume.' }),
  address: z.string().meta({ description: 'Of the WebSocket.' }),
  age: z.number().meta({ description: 'Seconds since Identify.' }),
  version: z.int().meta({ description: 'Of the voice gateway.' }),
  transport: z.string().meta({ description: '`udp` or `webrtc`, with the encryption; empty before Select Protocol.' }),
  present: z.boolean(),
  speaking: z.boolean(),
  video: z.boolean(),
  muted: z.boolean().meta({ description: 'By the operator.' }),
  packets: z.int().meta({ description: 'Received from the client, at the last report of its lane.' }),
  lost: z.int().meta({ description: 'Of the client, that did not arrive.' }),
  jitter: z.number().meta({ description: 'Of its audio, in milliseconds.' }),
  reported_loss: z
    .number()
    .optional()
    .meta({ description: 'Share of the packets for the client that it reports as lost; absent without reports.' }),
  round_trip: z.number().optional().meta({ description: 'Of a browser, in milliseconds.' }),
})
export type UserView = z.infer<typeof UserView>

/** One banned address. */
export const BanView = z.object({
  address: z.string().meta({ description: 'In IPv6 a /64.' }),
  by: z.enum(['node', 'operator']),
  left: z.int().meta({ description: 'Seconds until the ban ends.' }),
})
export type BanView = z.infer<typeof BanView>

/** What the status takes from the server, beside the core's overview. */
export type ServerStatus = Pick<
  Status,
  'version' | 'pid' | 'uptime' | 'endpoint' | 'engine' | 'certificate' | 'log_level'
>

/** From the core's overview and what the server knows besides. */
export function statusOf(node: NodeOverview, server: ServerStatus): Status {
  return {
    ...server,
    health: node.health,
    draining: node.draining,
    connections: node.connections,
    channels: node.channels,
    voice_states: node.voiceStates,
    sessions: node.sessions,
    backends: node.backends.map(each => ({
      backend: each.backend,
      connected: !each.isDetached,
      channels: each.channels,
      voice_states: each.voiceStates,
      sessions: each.sessions,
      memory: Math.round(each.memory),
    })),
    lanes: node.lanes.map(laneView),
  }
}

/** A lane without a report counts as idle. */
function laneView({ id, port, channels, peers, counters }: LaneInspection): Status['lanes'][number] {
  const drops = Object.entries(counters?.drops ?? {}).filter(([, count]) => count > 0)
  return {
    lane: id,
    port,
    channels,
    peers,
    busy: counters?.busy ?? 0,
    packets_in: counters?.packetsIn ?? 0,
    packets_out: counters?.packetsOut ?? 0,
    bytes_out: counters?.bytesOut ?? 0,
    crossed_in: counters?.crossedIn ?? 0,
    crossed_out: counters?.crossedOut ?? 0,
    drops: Object.fromEntries(drops),
  }
}

export const channelView = (channel: ChannelSummary): ChannelView => ({
  backend: channel.backend,
  channel: channel.channelId,
  guild: channel.guildId,
  kind: channel.properties.kind ?? 'voice',
  lane: channel.lane,
  lanes: channel.lanes.map(({ lane, members }) => ({ lane, members })),
  voice_states: channel.voiceStates,
  present: [...channel.present],
  dave: channel.dave,
})

/** `now` is on the clock of the node's inputs. */
export const userView = (session: VoiceSessionInspection, now: number): UserView => ({
  backend: session.backend,
  user: session.userId,
  channel: session.channelId,
  session: session.sessionId,
  lane: session.lane,
  state: session.state,
  address: session.address,
  age: Math.round((now - session.openedAt) / 1_000),
  version: session.version,
  transport: transportOf(session),
  present: session.present,
  speaking: session.speaking !== 0,
  video: session.video,
  muted: session.mutedByOperator,
  packets: session.quality?.packets ?? 0,
  lost: session.quality?.lost ?? 0,
  jitter: Math.round((session.quality?.jitter ?? 0) * 10) / 10,
  reported_loss: session.quality?.reported?.loss,
  round_trip: session.quality?.reported?.roundTrip,
})

function transportOf({ transport }: VoiceSessionInspection): string {
  if (transport === undefined) return ''
  return transport.kind === 'udp' ? `udp ${transport.mode}` : `webrtc ${transport.profile ?? transport.state}`
}
