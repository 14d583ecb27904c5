// Metrics in Prometheus text format. One registry per server, so that two in one process do not mix.
// A row of `METRICS` is a metric, its documentation and how it is read. Nothing is counted for metrics on the packet
// path: lanes report their totals once a second.
import { DROP_CAUSES, LATENCY_BOUNDS, type LaneCounters, VIEW_STATES } from '@parley/core'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { CALL_METRICS } from './call-metrics.ts'
import type { Measured, Metric, Sample } from './metric.ts'
import { CERTIFICATE_METRICS, PROCESS_METRICS } from './process-metrics.ts'
import { registerReadHistogram } from './read-histogram.ts'

const each = (record: Readonly<Record<string, number>>, label: string): Sample[] =>
  Object.entries(record).map(([key, value]) => [{ [label]: key }, value])

/** Samples of every lane that has reported, labelled with its number. */
const perLane = (measured: Measured, samples: (counters: LaneCounters) => Sample[]): Sample[] =>
  [...measured.lanes()].flatMap(([lane, counters]) =>
    samples(counters).map(([labels, value]): Sample => [{ lane: String(lane), ...labels }, value]),
  )

/** Two samples, in the view of the node. */
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
    name: 'parley_relayed_connections',
    kind: 'gauge',
    help: 'Voice connections that are relayed to another node of the cluster.',
    labels: [],
    read: measured => [[{}, measured.relay()?.size ?? 0]],
  },
  {
    name: 'parley_relay_failures_total',
    kind: 'counter',
    help: 'Voice clients that could not be relayed to their node.',
    labels: [],
    read: measured => [[{}, measured.relay()?.failures ?? 0]],
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
    name: 'parley_crossed_packets_total',
    kind: 'counter',
    help: 'Packets that a lane received from other lanes, and handed to them, of channels on several lanes.',
    labels: ['lane', 'direction'],
    read: measured => perLane(measured, ({ crossedIn, crossedOut }) => inAndOut(crossedIn, crossedOut)),
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
    help: `Datagrams dropped, by cause: ${DROP_CAUSES.filter(cause => cause !== 'noRoute').join(', ')}.`,
    labels: ['lane', 'cause'],
    read: measured => perLane(measured, ({ drops: { noRoute: _, ...drops } }) => each(drops, 'cause')),
  },
  {
    name: 'parley_unforwarded_packets_total',
    kind: 'counter',
    help: 'Packets without a receiver: of a member that is alone, muted or suppressed, or video that no member wants. Not a fault.',
    labels: ['lane'],
    read: measured => perLane(measured, ({ drops }) => [[{}, drops.noRoute]]),
  },
  {
    name: 'parley_video_views',
    kind: 'gauge',
    help: `Viewers of video, each counted per source, by what limits their layer: ${VIEW_STATES.join(', ')}.`,
    labels: ['lane', 'state'],
    read: measured => perLane(measured, ({ views }) => each(views, 'state')),
  },
  {
    name: 'parley_ice_tcp_connections',
    kind: 'gauge',
    help: 'TCP connections of browsers whose network lets no UDP through (`media.tcp`).',
    labels: [],
    read: ({ iceTcp }) => (iceTcp === undefined ? [] : [[{}, iceTcp.authenticated]]),
  },
  {
    name: 'parley_ice_tcp_refused_total',
    kind: 'counter',
    help: 'TCP connections that began like one of a browser without UDP and did not authenticate: late, malformed, unauthenticated.',
    labels: ['reason'],
    read: ({ iceTcp }) => (iceTcp === undefined ? [] : each(iceTcp.totals.refused, 'reason')),
  },
  {
    name: 'parley_ice_tcp_datagrams_total',
    kind: 'counter',
    help: 'Datagrams in those connections.',
    labels: ['direction'],
    read: ({ iceTcp }) => (iceTcp === undefined ? [] : each(iceTcp.totals.datagrams, 'direction')),
  },
  {
    name: 'parley_ice_tcp_drops_total',
    kind: 'counter',
    help: 'Datagrams dropped because the browser’s TCP connection was too slow: video first.',
    labels: ['kind'],
    read: ({ iceTcp }) => (iceTcp === undefined ? [] : each(iceTcp.totals.drops, 'kind')),
  },
  {
    name: 'parley_lane_busy_ratio',
    kind: 'gauge',
    help: 'Share of the last second for which the lane was busy. At 1 it drops packets.',
    labels: ['lane'],
    read: measured => perLane(measured, ({ busy }) => [[{}, busy]]),
  },
  {
    name: 'parley_forward_latency_seconds',
    kind: 'histogram',
    help: 'From the arrival of a packet in the socket to the sending of its last copy, of a sample of the packets; without the time in the socket on the portable engine.',
    labels: ['lane'],
    buckets: LATENCY_BOUNDS.map(bound => bound / 1_000),
    totals: measured =>
      [...measured.lanes()].map(([lane, { latency }]) => [{ lane: String(lane) }, latency.counts, latency.sum / 1_000]),
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
    help: 'Internal errors: inputs that could not be processed, effects that could not be applied. Please report them.',
    labels: ['where'],
    read: ({ failures }) => each({ ...failures }, 'where'),
  },
  ...CERTIFICATE_METRICS,
  ...CALL_METRICS,
  ...PROCESS_METRICS,
]

/** Prometheus text of all `METRICS`, with current values at each call. */
export const openMetrics = (measured: Measured): (() => Promise<string>) => openRegistry(METRICS, measured)

/** The same of another table. */
export function openRegistry<Source>(metrics: readonly Metric<Source>[], measured: Source): () => Promise<string> {
  const registry = new Registry()
  for (const metric of metrics) register(metric, measured, registry)
  return () => registry.metrics()
}

/** Counters are set to the totals that the node keeps, not incremented: `collect` runs at each request. */
function register<Source>(
  { name, kind, help, labels, ...metric }: Metric<Source>,
  measured: Source,
  registry: Registry,
): void {
  const options = { name, help, labelNames: [...labels], registers: [registry] }
  const samples = () => metric.read?.(measured) ?? []
  if (kind === 'gauge') {
    const gauge = new Gauge({
      ...options,
      collect: () => {
        gauge.reset()
        for (const [labels, value] of samples()) gauge.set(labels, value)
      },
    })
  } else if (kind === 'counter') {
    const counter = new Counter({
      ...options,
      collect: () => {
        counter.reset()
        for (const [labels, value] of samples()) counter.inc(labels, value)
      },
    })
  } else if (metric.totals !== undefined) {
    registerReadHistogram(
      registry,
      { name, help, buckets: metric.buckets ?? [] },
      () => metric.totals?.(measured) ?? [],
    )
  } else {
    const histogram = new Histogram({ ...options, buckets: [...(metric.buckets ?? [])] })
    metric.observe?.(measured, (labels, value) => histogram.observe(labels, value))
  }
}
