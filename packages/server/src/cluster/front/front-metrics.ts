// The metrics of a front: nodes, placements, moves, backends, and how long nodes and NATS take. One table, as that of a node.
import type { FrontInspection } from '@parley/core'
import type { Observer } from '../../monitoring/call-events.ts'
import type { Measured, Metric, Sample } from '../../monitoring/metric.ts'
import { CERTIFICATE_METRICS, PROCESS_METRICS } from '../../monitoring/process-metrics.ts'

/** Where the values are read from at each scrape. */
export interface FrontMeasured extends Pick<Measured, 'certificate' | 'certificateRenewals'> {
  readonly version: string
  /** 0: no node accepts channels, 1: all are idle. */
  health(): number
  /** Its cost grows with the channels. */
  inspect(): FrontInspection
  isCoordinatorAvailable(): boolean
  /** Open WebSockets by protocol. */
  readonly connections: Readonly<Record<string, number>>
  readonly messages: { readonly messagesIn: number; readonly messagesOut: number }
  readonly failures: { readonly inputs: number; readonly effects: number }
  /** Connections to nodes, one per node and backend: how many there are, and how many are ready. */
  links(): { readonly ready: number; readonly down: number }
  /** Calls the observer with the seconds of each request, by what was asked. */
  observeRequests(observer: Observer): void
}

const each = (record: Readonly<Record<string, number>>, label: string): Sample[] =>
  Object.entries(record).map(([key, value]) => [{ [label]: key }, value])

/** How many items have each value of a property. Values that may occur are counted as 0. */
function countBy<Item>(items: readonly Item[], label: string, values: readonly string[], of: (item: Item) => string) {
  const counts = Object.fromEntries(values.map(value => [value, 0]))
  for (const item of items) counts[of(item)] = (counts[of(item)] ?? 0) + 1
  return each(counts, label)
}

const perBackend =
  (of: (backend: FrontInspection['backends'][number]) => number) =>
  ({ inspect }: FrontMeasured): Sample[] =>
    inspect().backends.map(backend => [{ backend: backend.backend }, of(backend)])

/** All metrics of a front; docs/operating.md lists this table. */
export const FRONT_METRICS: readonly Metric<FrontMeasured>[] = [
  {
    name: 'parley_front_info',
    kind: 'gauge',
    help: 'Always 1. The label names the version.',
    labels: ['version'],
    read: ({ version }) => [[{ version }, 1]],
  },
  {
    name: 'parley_front_health',
    kind: 'gauge',
    help: 'Health of the cluster as reported to backends: 1 is idle, 0: no node accepts channels.',
    labels: [],
    read: ({ health }) => [[{}, health()]],
  },
  {
    name: 'parley_front_nodes',
    kind: 'gauge',
    help: 'Nodes by state: `serving`, `draining`, `suspect` (missed heartbeats, or its connection was lost), `dead`.',
    labels: ['state'],
    read: ({ inspect }) =>
      countBy(inspect().nodes, 'state', ['serving', 'draining', 'suspect', 'dead'], ({ state, record }) =>
        state === 'alive' ? record.state : state,
      ),
  },
  {
    name: 'parley_front_node_load',
    kind: 'gauge',
    help: 'Load of each node as it reported last: 0 is idle, 1 is full.',
    labels: ['node'],
    read: ({ inspect }) => inspect().nodes.map(({ record, report }) => [{ node: record.id }, report?.load ?? 0]),
  },
  {
    name: 'parley_front_channels',
    kind: 'gauge',
    help: 'Channels by stage: `open`; `new`, `placing` and `opening` on the way to a node; `stranded` without one.',
    labels: ['stage'],
    read: ({ inspect }) =>
      countBy(inspect().channels, 'stage', ['new', 'placing', 'opening', 'open', 'stranded'], ({ stage }) => stage),
  },
  {
    name: 'parley_front_placements_total',
    kind: 'counter',
    help: 'New channels on a node: `placed` by compare-and-set, `provisional` without NATS; `refused`: a node refused one, or did not answer.',
    labels: ['result'],
    read: ({ inspect }) => each(inspect().totals.placements, 'result'),
  },
  {
    name: 'parley_front_moves_total',
    kind: 'counter',
    help: 'Channels moved, by cause: `failover` (the node died or left), `restart`, `drain`, `operator`, `merge` (two fronts had placed it).',
    labels: ['cause'],
    read: ({ inspect }) => each(inspect().totals.moves, 'cause'),
  },
  {
    name: 'parley_front_backend_connected',
    kind: 'gauge',
    help: '1 for a backend that is connected to this front, or may still resume.',
    labels: ['backend'],
    read: perBackend(({ isConnected }) => (isConnected ? 1 : 0)),
  },
  {
    name: 'parley_front_backend_acts',
    kind: 'gauge',
    help: '1 if this front moves the channels of the backend when nodes die or drain: the one to which it connected last.',
    labels: ['backend'],
    read: perBackend(({ acts }) => (acts ? 1 : 0)),
  },
  {
    name: 'parley_front_voice_states',
    kind: 'gauge',
    help: 'Voice states of each backend, on all nodes.',
    labels: ['backend'],
    read: perBackend(({ voiceStates }) => voiceStates),
  },
  {
    name: 'parley_front_lvsp_sessions',
    kind: 'gauge',
    help: 'LVSP sessions of backends, connected or within their resume window.',
    labels: [],
    read: ({ inspect }) => [[{}, inspect().lvsp.sessions.length]],
  },
  {
    name: 'parley_front_links',
    kind: 'gauge',
    help: 'Connections to nodes, one per node and backend.',
    labels: ['state'],
    read: ({ links }) => each({ ...links() }, 'state'),
  },
  {
    name: 'parley_front_request_seconds',
    kind: 'histogram',
    help: 'From a request to its answer: of nodes (`channel`, `voiceState`, `token`), of NATS (`placement`).',
    labels: ['request'],
    buckets: [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2],
    observe: ({ observeRequests }, observer) => observeRequests(observer),
  },
  {
    name: 'parley_front_coordinator_available',
    kind: 'gauge',
    help: '1 while NATS is connected.',
    labels: [],
    read: ({ isCoordinatorAvailable }) => [[{}, isCoordinatorAvailable() ? 1 : 0]],
  },
  {
    name: 'parley_front_connections',
    kind: 'gauge',
    help: 'Open WebSockets.',
    labels: ['protocol'],
    read: ({ connections }) => each(connections, 'protocol'),
  },
  {
    name: 'parley_front_messages_total',
    kind: 'counter',
    help: 'WebSocket messages of backends and relayed clients.',
    labels: ['direction'],
    read: ({ messages }) => each({ in: messages.messagesIn, out: messages.messagesOut }, 'direction'),
  },
  {
    name: 'parley_front_internal_errors_total',
    kind: 'counter',
    help: 'Internal errors: inputs that could not be processed, effects that could not be applied. Please report them.',
    labels: ['where'],
    read: ({ failures }) => each({ ...failures }, 'where'),
  },
  ...CERTIFICATE_METRICS,
  ...PROCESS_METRICS,
]
