// Metrics in Prometheus text format. One registry per server, so that two in one process do not mix.
// A row of `METRICS` is a metric, its documentation and how it is read. Nothing is counted for metrics on the packet
// path: lanes report their totals once a second.
import { DROP_CAUSES, type LaneCounters, VIEW_STATES } from '@parley/core'
import { Counter, Gauge, Registry } from 'prom-client'

/** Where the values are read from at each scrape. */
export interface Measured {
  version: string
  /** Packet engine, and the library of its AEADs. */
  engine: { engine: string; aead: string }
  /** Sessions, channels and health of the node, at constant cost. */
  sizes(): { sessions: number; channels: number; health: number }
  isDraining(): boolean
  /** The latest report of each lane. */
  lanes(): ReadonlyMap<number, LaneCounters>
  /** Open WebSockets by protocol. */
  connections: Readonly<Record<string, number>>
  messages: {
    readonly messagesIn: number
    readonly messagesOut: number
    readonly slow: number
    readonly unresponsive: number
  }
  /** TCP connections that have not become a WebSocket. */
  halfOpen(): number
  /** Refused sockets, by reason. */
  refused: Readonly<Record<string, number>>
  /** Identify messages that matched no voice state, by backend. */
  refusedIdentifies: ReadonlyMap<string, number>
  /** Seconds in which no file descriptor was free. */
  descriptorsExhausted(): number
  /** Log lines that were lost because standard output was not read. */
  logLinesLost(): number
  /** Inputs that the core failed at, effects that could not be applied; see `Host`. */
  failures: { readonly inputs: number; readonly effects: number }
  /** The greatest lateness of the event loop within the last second, in milliseconds. */
  eventLoopLag(): number
}

type Labels = Record<string, string>
/** One sample: its labels and its value. */
type Sample = [labels: Labels, value: number]

/** One row. `read` is called at each scrape; totals may only grow. */
export interface Metric {
  name: string
  kind: 'gauge' | 'counter'
  help: string
  labels: readonly string[]
  read(measured: Measured): Sample[]
}

/** One sample per entry of a record, labelled with its key. */
const each = (record: Readonly<Record<string, number>>, label: string): Sample[] =>
  Object.entries(record).map(([key, value]) => [{ [label]: key }, value])

/** Samples of every lane that has reported, labelled with its number. */
const perLane = (measured: Measured, samples: (counters: LaneCounters) => Sample[]): Sample[] =>
  [...measured.lanes()].flatMap(([lane, counters]) =>
    samples(counters).map(([labels, value]): Sample => [{ lane: String(lane), ...labels }, value]),
  )

const inAndOut = (received: number, sent: number): Sample[] => [
  [{ direction: 'in' }, received],
  [{ direction: 'out' }, sent],
]

/** All metrics; docs/operating.md lists this table. */
export const METRICS: readonly Metric[] = [
  {
    name: 'parley_info',
    kind: 'gauge',
    help: 'Always 1. The labels name the version, the packet engine, and the library that seals and opens its packets.',
    labels: ['version', 'engine', 'aead'],
    read: ({ version, engine: { engine, aead } }) => [[{ version, engine, aead }, 1]],
  },
  {
    name: 'parley_health',
    kind: 'gauge',
    help: 'Health reported to backends: 1 is idle, 0.01 is full, 0 is draining.',
    labels: [],
    read: measured => [[{}, measured.sizes().health]],
  },
  {
    name: 'parley_draining',
    kind: 'gauge',
    help: '1 while the node refuses new calls.',
    labels: [],
    read: measured => [[{}, measured.isDraining() ? 1 : 0]],
  },
  {
    name: 'parley_sessions',
    kind: 'gauge',
    help: 'Voice sessions, including those that wait for Resume.',
    labels: [],
    read: measured => [[{}, measured.sizes().sessions]],
  },
  {
    name: 'parley_channels',
    kind: 'gauge',
    help: 'Channels, including empty ones.',
    labels: [],
    read: measured => [[{}, measured.sizes().channels]],
  },
  {
    name: 'parley_connections',
    kind: 'gauge',
    help: 'Open WebSockets.',
    labels: ['protocol'],
    read: ({ connections }) => each(connections, 'protocol'),
  },
  {
    name: 'parley_half_open_connections',
    kind: 'gauge',
    help: 'TCP connections that are not a WebSocket, or not yet.',
    labels: [],
    read: measured => [[{}, measured.halfOpen()]],
  },
  {
    name: 'parley_refused_identifies_total',
    kind: 'counter',
    help: 'Identify messages that matched no voice state, by the backend of their server.',
    labels: ['backend'],
    read: ({ refusedIdentifies }) => [...refusedIdentifies].map(([backend, count]) => [{ backend }, count]),
  },
  {
    name: 'parley_refused_total',
    kind: 'counter',
    help: 'Sockets refused because a limit was reached.',
    labels: ['reason'],
    read: ({ refused }) => each(refused, 'reason'),
  },
  {
    name: 'parley_cut_total',
    kind: 'counter',
    help: 'WebSockets destroyed because the peer did not read (slow) or did not answer pings (unresponsive).',
    labels: ['reason'],
    read: ({ messages: { slow, unresponsive } }) => each({ slow, unresponsive }, 'reason'),
  },
  {
    name: 'parley_messages_total',
    kind: 'counter',
    help: 'WebSocket messages.',
    labels: ['direction'],
    read: ({ messages }) => inAndOut(messages.messagesIn, messages.messagesOut),
  },
  {
    name: 'parley_datagrams_total',
    kind: 'counter',
    help: 'UDP datagrams received, of every kind.',
    labels: ['lane'],
    read: measured => perLane(measured, ({ datagramsIn }) => [[{}, datagramsIn]]),
  },
  {
    name: 'parley_packets_total',
    kind: 'counter',
    help: 'Authenticated media packets received, and copies sent.',
    labels: ['lane', 'direction'],
    read: measured => perLane(measured, ({ packetsIn, packetsOut }) => inAndOut(packetsIn, packetsOut)),
  },
  {
    name: 'parley_bytes_total',
    kind: 'counter',
    help: 'Bytes of UDP payload.',
    labels: ['lane', 'direction'],
    read: measured => perLane(measured, ({ bytesIn, bytesOut }) => inAndOut(bytesIn, bytesOut)),
  },
  {
    name: 'parley_control_datagrams_total',
    kind: 'counter',
    help: 'IP discoveries, pings, ICE checks and keepalives.',
    labels: ['lane', 'kind'],
    read: measured =>
      perLane(measured, ({ discoveries, pings, checks, keepalives }) =>
        each({ discoveries, pings, checks, keepalives }, 'kind'),
      ),
  },
  {
    name: 'parley_drops_total',
    kind: 'counter',
    help: `Datagrams dropped, by cause: ${DROP_CAUSES.join(', ')}.`,
    labels: ['lane', 'cause'],
    read: measured => perLane(measured, ({ drops }) => each(drops, 'cause')),
  },
  {
    name: 'parley_video_views',
    kind: 'gauge',
    help: `Viewers of video, each counted per source, by what limits their layer: ${VIEW_STATES.join(', ')}.`,
    labels: ['lane', 'state'],
    read: measured => perLane(measured, ({ views }) => each(views, 'state')),
  },
  {
    name: 'parley_lane_busy_ratio',
    kind: 'gauge',
    help: 'Share of the last second for which the lane was busy. At 1 it drops packets.',
    labels: ['lane'],
    read: measured => perLane(measured, ({ busy }) => [[{}, busy]]),
  },
  {
    name: 'parley_event_loop_lag_seconds',
    kind: 'gauge',
    help: 'The greatest lateness of the event loop within the last second.',
    labels: [],
    read: measured => [[{}, measured.eventLoopLag() / 1_000]],
  },
  {
    name: 'parley_descriptors_exhausted_seconds_total',
    kind: 'counter',
    help: 'Seconds in which no file descriptor was free, so that the system closed new connections.',
    labels: [],
    read: measured => [[{}, measured.descriptorsExhausted()]],
  },
  {
    name: 'parley_log_lines_lost_total',
    kind: 'counter',
    help: 'Log lines lost because standard output was not read.',
    labels: [],
    read: measured => [[{}, measured.logLinesLost()]],
  },
  {
    name: 'parley_internal_errors_total',
    kind: 'counter',
    help: 'Faults of the node: inputs it failed at, effects that could not be applied. Please report them.',
    labels: ['where'],
    read: ({ failures }) => each({ ...failures }, 'where'),
  },
  {
    name: 'process_cpu_seconds_total',
    kind: 'counter',
    help: 'CPU time of the process.',
    labels: [],
    read: () => {
      const { user, system } = process.cpuUsage()
      return [[{}, (user + system) / 1e6]]
    },
  },
  {
    name: 'process_resident_memory_bytes',
    kind: 'gauge',
    help: 'Memory of the process.',
    labels: [],
    read: () => [[{}, process.memoryUsage.rss()]],
  },
  {
    name: 'nodejs_heap_used_bytes',
    kind: 'gauge',
    help: 'JavaScript heap in use.',
    labels: [],
    read: () => [[{}, process.memoryUsage().heapUsed]],
  },
]

/** Prometheus text of all `METRICS`, with current values at each call. */
export function openMetrics(measured: Measured): () => Promise<string> {
  const registry = new Registry()
  for (const { name, kind, help, labels, read } of METRICS) {
    const options = { name, help, labelNames: [...labels], registers: [registry] }
    if (kind === 'gauge') {
      const gauge = new Gauge({
        ...options,
        collect: () => {
          for (const [labels, value] of read(measured)) gauge.set(labels, value)
        },
      })
    } else {
      const counter = new Counter({
        ...options,
        collect: () => {
          counter.reset()
          for (const [labels, value] of read(measured)) counter.inc(labels, value)
        },
      })
    }
  }
  return () => registry.metrics()
}
