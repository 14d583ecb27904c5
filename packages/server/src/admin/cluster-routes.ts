// The routes of the admin API of a front: one table that its listener serves and docs/cluster.md lists.
import type { FrontInspection } from '@parley/core'
import { Snowflake } from '@parley/protocol'
import { z } from 'zod'
import { Duration } from '../config/values.ts'
import type { Log } from '../monitoring/log.ts'
import { Filter, listOf, page } from './page.ts'
import { AdminRefusal, type AdminRoute, LEVEL_REQUEST, LOG_LEVELS, Nothing, routeOf, stateRoutes } from './route.ts'

/** A node of the cluster. */
export const ClusterNodeView = z.object({
  node: z.string(),
  state: z
    .string()
    .meta({ description: '`alive`, `suspect` (missed heartbeats, or its connection was lost) or `dead`.' }),
  draining: z.boolean(),
  region: z.string(),
  version: z.string(),
  endpoint: z.string(),
  load: z.number().meta({ description: '0 is idle, 1 is full; as it reported last, with what was placed since.' }),
  sessions: z.int(),
  capacity: z.int().meta({ description: 'Sessions at which it is full.' }),
  channels: z.int().meta({ description: 'On the node, as it reported last.' }),
  placed: z.int().meta({ description: 'Channels there that this front knows.' }),
})
export type ClusterNodeView = z.infer<typeof ClusterNodeView>

/** A channel as a front knows it. */
export const ClusterChannelView = z.object({
  backend: z.string(),
  channel: z.string(),
  stage: z.string().meta({ description: '`open`; `placing`, `opening` on the way to a node; `stranded` without one.' }),
  node: z.string().optional(),
  epoch: z.int().meta({ description: 'Fencing number of its placement.' }),
  users: z.int(),
})
export type ClusterChannelView = z.infer<typeof ClusterChannelView>

/** A front and its cluster. */
export const ClusterStatus = z.object({
  front: z.string(),
  version: z.string(),
  pid: z.int(),
  uptime: z.number().meta({ description: 'Seconds since the start.' }),
  nats: z.boolean().meta({ description: 'Whether NATS is connected.' }),
  health: z.number().meta({ description: '1 is idle, 0: no node accepts channels.' }),
  backends: z.array(
    z.object({
      backend: z.string(),
      connected: z.boolean().meta({ description: 'To this front, or it may still resume.' }),
      acts: z.boolean().meta({ description: 'This front moves its channels; of several fronts the newest does.' }),
      channels: z.int(),
      voice_states: z.int(),
    }),
  ),
  nodes: z.array(ClusterNodeView),
})
export type ClusterStatus = z.infer<typeof ClusterStatus>

/** What the API may do to a front. Methods return why they refuse. */
export interface ClusterAdministration {
  readonly log: Log
  status(): ClusterStatus
  channels(): ClusterChannelView[]
  inspect(): FrontInspection
  /** Metrics in Prometheus text format. */
  metrics(): Promise<string>
  /** Sessions that are left after `deadline` milliseconds are closed; the node's own setting without one. */
  drain(node: string, deadline: number | undefined): Promise<ClusterRefusal | undefined>
  undrain(node: string): Promise<ClusterRefusal | undefined>
  move(selector: { backend?: string | undefined; channel: string; to?: string | undefined }): ClusterRefusal | Moving
}

/** A move under way. */
export interface Moving {
  readonly backend: string
  readonly from: string
  readonly to?: string | undefined
}

/** `isUnknown`: the node or channel does not exist. */
export interface ClusterRefusal {
  readonly refused: string
  readonly isUnknown: boolean
}

const NodeName = z.string().max(32).meta({ description: 'The id of the node (`cluster.id`).' })
/** Throws for a refusal. */
function accepted<Answer extends object | undefined>(answer: Answer | ClusterRefusal): Answer {
  if (answer !== undefined && 'refused' in answer) throw new AdminRefusal(answer.isUnknown ? 404 : 409, answer.refused)
  return answer as Answer
}

const route = routeOf<ClusterAdministration>()

/** The rows in the order of the documentation. */
export const CLUSTER_ROUTES: readonly AdminRoute<ClusterAdministration>[] = [
  route({
    method: 'GET',
    path: '/v1/cluster',
    summary: 'The front, its backends and the nodes.',
    request: Nothing,
    answer: ClusterStatus,
    run: front => front.status(),
  }),
  route({
    method: 'GET',
    path: '/v1/cluster/channels',
    summary: 'Channels, with the node of each.',
    request: Filter.omit({ user: true }).extend({ node: NodeName.optional() }),
    answer: listOf(ClusterChannelView),
    run: (front, filter) => page(front.channels(), view => view, filter),
  }),
  route({
    method: 'POST',
    path: '/v1/cluster/drain',
    summary:
      'Drains a node: it accepts no new channels, and fronts move its channels to others, ten a second. Its process stays. Over NATS.',
    request: z.strictObject({
      node: NodeName,
      deadline: Duration.optional().meta({
        description:
          'When the sessions that are left are closed, such as `10m`; default: `voice.drain_timeout` of the node.',
      }),
    }),
    answer: Nothing,
    run: async (front, { node, deadline }) => accepted(await front.drain(node, deadline)) ?? {},
  }),
  route({
    method: 'POST',
    path: '/v1/cluster/undrain',
    summary: 'Stops draining a node. Channels that have moved do not return.',
    request: z.strictObject({ node: NodeName }),
    answer: Nothing,
    run: async (front, { node }) => accepted(await front.undrain(node)) ?? {},
  }),
  route({
    method: 'POST',
    path: '/v1/cluster/move',
    summary:
      'Moves a channel to another node: opened there, then ended on its own (4014). It stays if no node accepts it.',
    request: z.strictObject({
      channel: Snowflake.meta({ description: 'The id of the channel.' }),
      backend: z
        .string()
        .max(32)
        .optional()
        .meta({ description: 'Its backend, if several have a channel of that id.' }),
      to: NodeName.optional().meta({ description: 'The node; by load without it.' }),
    }),
    answer: z.object({ backend: z.string(), from: z.string(), to: z.string().optional() }),
    run: (front, request) => accepted(front.move(request)),
  }),
  ...stateRoutes<ClusterAdministration>('Front.inspect()'),
  route({
    method: 'POST',
    path: '/v1/log-level',
    summary: 'Changes the level of the log until the next start.',
    request: LEVEL_REQUEST,
    answer: z.object({ before: z.enum(LOG_LEVELS) }),
    run: ({ log }, { level }) => {
      const before = log.level
      log.level = level
      return { before }
    },
  }),
]
