// The routes of the admin API: one table that the listener serves and docs/operating.md lists.
import { isIP } from 'node:net'
import { Snowflake } from '@parley/protocol'
import { z } from 'zod'
import { Duration } from '../config/values.ts'
import type { Administration } from './administration.ts'
import { Alarm } from './alarms.ts'
import { Backend, Channel, Filter, listOf } from './page.ts'
import { ReloadReport } from './reload-report.ts'
import { AdminRefusal, type AdminRoute, LEVEL_REQUEST, LOG_LEVELS, Nothing, routeOf, stateRoutes } from './route.ts'
import { BanView, ChannelView, Status, UserView } from './views.ts'

const route = routeOf<Administration>()

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
    run: (node, filter) => node.channels(filter),
  }),
  route({
    method: 'GET',
    path: '/v1/users',
    summary: 'Voice sessions.',
    request: Filter,
    answer: listOf(UserView),
    run: (node, filter) => node.users(filter),
  }),
  route({
    method: 'GET',
    path: '/v1/alarms',
    summary: 'Active alarms: backends, lanes, certificate, load, internal errors.',
    request: Nothing,
    answer: listOf(Alarm),
    run: node => {
      const items = node.alarms()
      return { total: items.length, items }
    },
  }),
  ...stateRoutes<Administration>('VoiceNode.inspect()'),
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
    summary: 'Stops draining: the node accepts channels again.',
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
    request: LEVEL_REQUEST,
    answer: z.object({ before: z.enum(LOG_LEVELS) }),
    run: (node, { level }) => ({ before: node.setLogLevel(level) }),
  }),
]
