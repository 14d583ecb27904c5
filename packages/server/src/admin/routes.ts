// The routes of the admin API: one table that the listener serves and docs/operating.md lists.
import { isIP } from 'node:net'
import { Snowflake } from '@parley/protocol'
import { z } from 'zod'
import { Duration } from '../config/values.ts'
import { SERVER_LIMITS } from '../limits.ts'
import type { Administration } from './administration.ts'
import { Alarm } from './alarms.ts'
import { ReloadReport } from './reload-report.ts'
import { BanView, ChannelView, channelsOf, Status, UserView } from './views.ts'

/** One row: what a request looks like, what answers it, and what it does. The schemas are the documentation too. */
export interface AdminRoute {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly summary: string
  /** The query of a GET, or the JSON body of a POST. */
  readonly request: z.ZodObject
  readonly answer: z.ZodType
  /** Throws an `AdminRefusal` where the request cannot be met. */
  run(node: Administration, request: unknown): unknown
}

/** A request that is well formed and cannot be met, with the status and the sentence of its answer. */
export class AdminRefusal extends Error {
  readonly status: 404 | 409

  constructor(status: 404 | 409, sentence: string) {
    super(sentence)
    this.name = 'AdminRefusal'
    this.status = status
  }
}

/** A route with the types of its schemas, from which `AdminRoute` erases them. */
interface TypedRoute<Request extends z.ZodObject, Answer extends z.ZodType> {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly summary: string
  readonly request: Request
  readonly answer: Answer
  run(node: Administration, request: z.output<Request>): z.input<Answer> | Promise<z.input<Answer>>
}

/** Checks the types of a row. */
const route = <Request extends z.ZodObject, Answer extends z.ZodType>(typed: TypedRoute<Request, Answer>): AdminRoute =>
  typed as AdminRoute

const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const
const Nothing = z.strictObject({})
const Backend = z.string().max(32).optional().meta({ description: 'Only of this backend.' })
const Channel = Snowflake.optional().meta({ description: 'Only in this channel.' })
/** A number in a query, which is text. */
const Count = z
  .string()
  .regex(/^\d{1,9}$/)
  .transform(Number)

/** An address as it is, or a /64 as /v1/bans shows it. */
const Address = z
  .string()
  .max(64)
  .transform(text => text.replace(/\/64$/, ''))
  .refine(text => isIP(text) !== 0, 'expected an IP address')
  .meta({ description: 'An IP address.' })

/** Selects voice states: those of the user, or only the one in a channel or of a backend. */
const User = z.strictObject({
  user: Snowflake.meta({ description: 'The id of the user.' }),
  channel: Channel,
  backend: Backend,
})
const Selected = z.object({ voice_states: z.int().meta({ description: 'Voice states that were changed.' }) })

/** Which items of a list, and which page of them. */
const Filter = z.strictObject({
  backend: Backend,
  channel: Channel,
  user: Snowflake.optional().meta({ description: 'Only this user.' }),
  offset: Count.optional().meta({ description: 'Items to leave out.' }),
  limit: Count.optional().meta({
    description: `Items in the answer; default and maximum ${SERVER_LIMITS.maxAdminItems}.`,
  }),
})
type Filter = z.output<typeof Filter>

/** An answer with one page of items. */
const listOf = <Item extends z.ZodType>(item: Item) =>
  z.object({ total: z.int().meta({ description: 'Items that match.' }), items: z.array(item) })

/** One page of the items that match. */
function page<Item extends object>(items: readonly Item[], { offset = 0, limit, ...filter }: Filter) {
  const wanted = Object.entries(filter).filter(([, value]) => value !== undefined)
  const matching = items.filter(item => wanted.every(([key, value]) => matches(item, key, value)))
  const most = Math.min(limit ?? SERVER_LIMITS.maxAdminItems, SERVER_LIMITS.maxAdminItems)
  return { total: matching.length, items: matching.slice(offset, offset + most) }
}

/** A channel matches a user that is present in it. */
function matches(item: object, key: string, value: unknown): boolean {
  const fields = item as Record<string, unknown>
  return key === 'user' && Array.isArray(fields.present) ? fields.present.includes(value) : fields[key] === value
}

/** A request that selected nothing is refused, because it was probably a mistake. */
function selected(voiceStates: number, user: string): { voice_states: number } {
  if (voiceStates === 0) throw new AdminRefusal(404, `user ${user} has no voice state there`)
  return { voice_states: voiceStates }
}

const selectorOf = ({ user, channel, backend }: z.output<typeof User>) => ({
  userId: user,
  channelId: channel,
  backend,
})

/** The rows in the order of the documentation. */
export const ADMIN_ROUTES: readonly AdminRoute[] = [
  route({
    method: 'GET',
    path: '/v1/status',
    summary: 'The node: version, load, backends, lanes.',
    request: Nothing,
    answer: Status,
    run: node => node.status(),
  }),
  route({
    method: 'GET',
    path: '/v1/channels',
    summary: 'Channels.',
    request: Filter,
    answer: listOf(ChannelView),
    run: (node, filter) => page(channelsOf(node.inspect()), filter),
  }),
  route({
    method: 'GET',
    path: '/v1/users',
    summary: 'Voice sessions.',
    request: Filter,
    answer: listOf(UserView),
    run: (node, filter) => page(node.users(), filter),
  }),
  route({
    method: 'GET',
    path: '/v1/alarms',
    summary: 'What is wrong at present: backends, lanes, certificate, load, faults.',
    request: Nothing,
    answer: listOf(Alarm),
    run: node => {
      const items = node.alarms()
      return { total: items.length, items }
    },
  }),
  route({
    method: 'GET',
    path: '/v1/inspect',
    summary:
      'The complete state without secrets, as `VoiceNode.inspect()` returns it. Its fields may change between versions.',
    request: Nothing,
    answer: z.looseObject({}),
    run: node => ({ ...node.inspect() }),
  }),
  route({
    method: 'GET',
    path: '/v1/stats',
    summary: 'The metrics of `/metrics`, in Prometheus text format.',
    request: Nothing,
    answer: z.object({ text: z.string() }),
    run: async node => ({ text: await node.metrics() }),
  }),
  route({
    method: 'POST',
    path: '/v1/mute',
    summary: 'Mutes a user until its voice state ends, whatever the backend sets; `muted: false` lifts that.',
    request: User.extend({ muted: z.boolean() }),
    answer: Selected,
    run: (node, request) => selected(node.mute(selectorOf(request), request.muted), request.user),
  }),
  route({
    method: 'POST',
    path: '/v1/kick',
    summary:
      'Disconnects a user (4014) and removes its voice state: its token is not accepted until the backend admits it again. The backend is notified.',
    request: User,
    answer: Selected,
    run: (node, request) => selected(node.kick(selectorOf(request)), request.user),
  }),
  route({
    method: 'GET',
    path: '/v1/bans',
    summary: 'Addresses whose new voice connections are closed (4021): by the operator, or by `voice.ban_after`.',
    request: Nothing,
    answer: listOf(BanView),
    run: node => {
      const items = node
        .bans()
        .map(({ network: address, by, left }) => ({ address, by, left: Math.ceil(left / 1_000) }))
      return { total: items.length, items }
    },
  }),
  route({
    method: 'POST',
    path: '/v1/ban',
    summary:
      'Bans an address from new voice connections (4021), in IPv6 its /64. Open connections stay: kick their users. A restart lifts all bans.',
    request: z.strictObject({
      address: Address,
      duration: Duration.prefault('24h').meta({ description: 'Such as `1h`; default: `24h`.' }),
    }),
    answer: Nothing,
    run: (node, { address, duration }) => {
      if (!node.ban(address, duration)) throw new AdminRefusal(409, 'too many addresses are banned')
      return {}
    },
  }),
  route({
    method: 'POST',
    path: '/v1/unban',
    summary: 'Lifts a ban, by the operator or by the node.',
    request: z.strictObject({ address: Address }),
    answer: Nothing,
    run: (node, { address }) => {
      if (!node.unban(address)) throw new AdminRefusal(404, `${address} is not banned`)
      return {}
    },
  }),
  route({
    method: 'POST',
    path: '/v1/drain',
    summary:
      'Refuses new channels, reports health 0, and closes the remaining sessions after the timeout. The process stays.',
    request: z.strictObject({
      timeout: Duration.optional().meta({ description: 'Such as `10m`; default: `voice.drain_timeout`.' }),
    }),
    answer: z.object({ sessions: z.int().meta({ description: 'Sessions that have not ended yet.' }) }),
    run: (node, { timeout }) => {
      node.drain(timeout)
      return { sessions: node.status().sessions }
    },
  }),
  route({
    method: 'POST',
    path: '/v1/undrain',
    summary: 'Ends a draining: the node takes channels again.',
    request: Nothing,
    answer: Nothing,
    run: node => {
      if (!node.undrain()) throw new AdminRefusal(409, 'the node does not drain, or stops')
      return {}
    },
  }),
  route({
    method: 'POST',
    path: '/v1/reload',
    summary: 'Reads the configuration and the certificate again, as SIGHUP does. All changes apply, or none.',
    request: Nothing,
    answer: ReloadReport,
    run: node => {
      const report = node.reload()
      if (report.error !== undefined) throw new AdminRefusal(409, report.error)
      return report
    },
  }),
  route({
    method: 'POST',
    path: '/v1/hand-over',
    summary:
      'For `parley serve --take-over`: closes TCP ports and the admin socket at once, disconnects the backends, and drains. The process exits with its last call.',
    request: Nothing,
    answer: z.object({ pid: z.int(), sessions: z.int().meta({ description: 'Sessions that have not ended yet.' }) }),
    run: node => {
      const { pid, sessions } = node.status()
      if (!node.handOver()) throw new AdminRefusal(409, 'the node stops, or cannot be replaced in this program')
      return { pid, sessions }
    },
  }),
  route({
    method: 'POST',
    path: '/v1/log-level',
    summary: 'Changes the level of the log until the next start or reload.',
    request: z.strictObject({ level: z.enum(LOG_LEVELS) }),
    answer: z.object({ before: z.enum(LOG_LEVELS) }),
    run: (node, { level }) => ({ before: node.setLogLevel(level) }),
  }),
]

/** Streamed, one JSON object per line: not an answer as those of the table. */
export const LOG_ROUTE = {
  method: 'GET',
  path: '/v1/log',
  summary: 'Log lines from now on, one JSON object per line, whatever the level of the log.',
  request: z.strictObject({
    level: z.enum(['debug', 'info', 'warn', 'error']).default('info').meta({ description: 'The lowest level.' }),
    event: z.string().max(64).optional().meta({ description: 'Only events that begin with this, such as `voice.`.' }),
  }),
} as const
