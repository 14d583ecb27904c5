// `parley cluster …`: commands that talk to a front. One table that the program registers and docs/cluster.md lists.
import type { ClusterChannelView, ClusterStatus, Moving } from '../../admin/cluster-routes.ts'
import { type AdminCommand, control, type List, show } from './commands.ts'
import { age, textTable } from './text-table.ts'

const nodeRows = (nodes: ClusterStatus['nodes']) =>
  textTable(
    ['NODE', 'STATE', 'REGION', 'VERSION', 'LOAD', 'SESSIONS', 'CHANNELS', 'ENDPOINT'],
    nodes.map(each => [
      each.node,
      each.draining ? `${each.state}, draining` : each.state,
      each.region,
      each.version,
      each.load.toFixed(2),
      each.sessions,
      each.channels,
      each.endpoint,
    ]),
  )

const statusLines = (status: ClusterStatus) => [
  `front ${status.front}, parley ${status.version}, process ${status.pid}, up ${age(status.uptime)}`,
  `NATS ${status.nats ? 'connected' : 'away'}   health ${status.health.toFixed(2)}`,
  '',
  ...nodeRows(status.nodes),
  '',
  ...textTable(
    ['BACKEND', 'CONNECTED', 'ACTS', 'CHANNELS', 'VOICE STATES'],
    status.backends.map(each => [
      each.backend,
      each.connected ? 'yes' : 'no',
      each.acts ? 'yes' : 'no',
      each.channels,
      each.voice_states,
    ]),
  ),
]

const channelLines = ({ total, items }: List<ClusterChannelView>) => [
  ...textTable(
    ['BACKEND', 'CHANNEL', 'STAGE', 'NODE', 'EPOCH', 'USERS'],
    items.map(each => [each.backend, each.channel, each.stage, each.node ?? '-', each.epoch, each.users]),
  ),
  ...(total > items.length ? [`${total - items.length} more`] : []),
]

/** The rows in the order of the documentation. */
export const CLUSTER_COMMANDS: readonly AdminCommand[] = [
  show(
    {
      usage: 'cluster ls',
      summary: 'The nodes and backends of the cluster.',
      options: [],
      example: 'parley cluster ls',
    },
    '/v1/cluster',
    () => ({}),
    statusLines,
  ),
  show(
    {
      usage: 'cluster node <node>',
      summary: 'The channels on a node.',
      options: [['--backend <id>', 'only of this backend']],
      example: 'parley cluster node n1',
    },
    '/v1/cluster/channels',
    ({ argument, options: { backend } }) => ({ node: argument, backend }),
    channelLines,
  ),
  control(
    {
      usage: 'cluster drain <node>',
      summary: 'Drains a node: no new channels, and its channels move to others, ten a second. Its process stays.',
      options: [
        ['--deadline <time>', 'when the sessions that are left are closed (default: voice.drain_timeout of the node)'],
      ],
      example: 'parley cluster drain n1 --deadline 10m',
    },
    '/v1/cluster/drain',
    ({ argument, options: { deadline } }) => ({ node: argument, deadline }),
    (_answer, { argument }) => [`node ${argument} drains; its channels move`],
  ),
  control(
    {
      usage: 'cluster undrain <node>',
      summary: 'Stops draining a node.',
      options: [],
      example: 'parley cluster undrain n1',
    },
    '/v1/cluster/undrain',
    ({ argument }) => ({ node: argument }),
    (_answer, { argument }) => [`node ${argument} accepts channels again`],
  ),
  control(
    {
      usage: 'cluster move <channel>',
      summary: 'Moves a channel to another node.',
      options: [
        ['--to <node>', 'the node (default: by load)'],
        ['--backend <id>', 'its backend, if several have a channel of that id'],
      ],
      example: 'parley cluster move 500 --to n2',
    },
    '/v1/cluster/move',
    ({ argument, options: { to, backend } }) => ({ channel: argument, to, backend }),
    ({ from, to }: Moving, { argument }) => [
      `channel ${argument} moves from ${from}${to === undefined ? '' : ` to ${to}`}`,
    ],
  ),
]
