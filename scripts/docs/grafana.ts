// deploy/grafana/parley.json: the Grafana dashboard, from a table of panels.
import type { Whole } from './page.ts'

interface Panel {
  readonly title: string
  /** Unit of Grafana. */
  readonly unit: string
  /** Query and legend of each line. */
  readonly lines: readonly (readonly [query: string, legend: string])[]
}

const quantile = (q: number, metric: string) =>
  `histogram_quantile(${q}, sum by (le) (rate(${metric}_bucket{instance=~"$instance"}[$__rate_interval])))`
const rate = (metric: string, by: string) => `sum by (${by}) (rate(${metric}{instance=~"$instance"}[$__rate_interval]))`
const value = (metric: string) => `${metric}{instance=~"$instance"}`

const ROWS: readonly (readonly [title: string, panels: readonly Panel[]])[] = [
  [
    'Calls',
    [
      { title: 'Sessions', unit: 'short', lines: [[value('parley_backend_sessions'), '{{backend}}']] },
      { title: 'Channels', unit: 'short', lines: [[value('parley_backend_channels'), '{{backend}}']] },
      {
        title: 'Joins and leaves per second',
        unit: 'cps',
        lines: [
          [rate('parley_joins_total', 'transport'), 'join {{transport}}'],
          [rate('parley_leaves_total', 'code'), 'leave {{code}}'],
        ],
      },
      {
        title: 'Time to join',
        unit: 's',
        lines: [
          [quantile(0.5, 'parley_join_seconds'), 'median'],
          [quantile(0.99, 'parley_join_seconds'), '99 %'],
        ],
      },
      {
        title: 'Lost connections and resumes per second',
        unit: 'cps',
        lines: [
          [rate('parley_detached_total', 'code'), 'lost {{code}}'],
          [rate('parley_resumes_total', 'backend'), 'resumed {{backend}}'],
        ],
      },
      {
        title: 'Refused per second',
        unit: 'cps',
        lines: [
          [rate('parley_refused_identifies_total', 'backend'), 'Identify {{backend}}'],
          [rate('parley_refused_total', 'reason'), 'socket {{reason}}'],
          [rate('parley_lvsp_authentication_failures_total', 'instance'), 'LVSP'],
        ],
      },
    ],
  ],
  [
    'Quality',
    [
      {
        title: 'Loss from clients, at the end of sessions',
        unit: 'percentunit',
        lines: [
          [quantile(0.5, 'parley_session_loss_ratio'), 'median'],
          [quantile(0.95, 'parley_session_loss_ratio'), '95 %'],
        ],
      },
      {
        title: 'Jitter from clients, at the end of sessions',
        unit: 's',
        lines: [
          [quantile(0.5, 'parley_session_jitter_seconds'), 'median'],
          [quantile(0.95, 'parley_session_jitter_seconds'), '95 %'],
        ],
      },
      {
        title: 'Loss that clients report, at the end of sessions',
        unit: 'percentunit',
        lines: [
          [quantile(0.5, 'parley_session_reported_loss_ratio'), 'median'],
          [quantile(0.95, 'parley_session_reported_loss_ratio'), '95 %'],
        ],
      },
      {
        title: 'Round trip of browsers, at the end of sessions',
        unit: 's',
        lines: [
          [quantile(0.5, 'parley_session_round_trip_seconds'), 'median'],
          [quantile(0.95, 'parley_session_round_trip_seconds'), '95 %'],
        ],
      },
      {
        title: 'Latency of forwarding',
        unit: 's',
        lines: [
          [quantile(0.5, 'parley_forward_latency_seconds'), 'median'],
          [quantile(0.99, 'parley_forward_latency_seconds'), '99 %'],
        ],
      },
      { title: 'Drops per second', unit: 'pps', lines: [[rate('parley_drops_total', 'cause'), '{{cause}}']] },
      {
        title: 'Packets per second',
        unit: 'pps',
        lines: [[rate('parley_packets_total', 'direction'), '{{direction}}']],
      },
      {
        title: 'Sessions by transport',
        unit: 'short',
        lines: [[value('parley_sessions_by_transport'), '{{transport}}']],
      },
      {
        title: 'Channels by version of DAVE',
        unit: 'short',
        lines: [[value('parley_channels_by_dave'), '{{version}}']],
      },
    ],
  ],
  [
    'Node',
    [
      { title: 'Health', unit: 'percentunit', lines: [[value('parley_health'), '{{instance}}']] },
      {
        title: 'Busy share of lanes',
        unit: 'percentunit',
        lines: [[value('parley_lane_busy_ratio'), 'lane {{lane}}']],
      },
      {
        title: 'Lateness of the event loop',
        unit: 's',
        lines: [[value('parley_event_loop_lag_seconds'), '{{instance}}']],
      },
      {
        title: 'CPU',
        unit: 'percentunit',
        lines: [[rate('process_cpu_seconds_total', 'instance'), '{{instance}}']],
      },
      {
        title: 'Memory',
        unit: 'bytes',
        lines: [
          [value('process_resident_memory_bytes'), 'resident'],
          [value('nodejs_heap_used_bytes'), 'heap'],
        ],
      },
      {
        title: 'Certificate expires in',
        unit: 's',
        lines: [[`${value('parley_certificate_expiry_timestamp_seconds')} - time()`, '{{instance}}']],
      },
    ],
  ],
]

const WIDTH = 8
const HEIGHT = 7
const COLUMNS = 3
// biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of Grafana
const datasource = { type: 'prometheus', uid: '${datasource}' }

function panelsOf(): object[] {
  const panels: object[] = []
  let y = 0
  for (const [title, row] of ROWS) {
    panels.push({ type: 'row', title, collapsed: false, panels: [], gridPos: { x: 0, y, w: 24, h: 1 } })
    y++
    for (const [index, panel] of row.entries()) {
      const gridPos = { x: (index % COLUMNS) * WIDTH, y: y + Math.floor(index / COLUMNS) * HEIGHT, w: WIDTH, h: HEIGHT }
      panels.push(graph(panel, gridPos))
    }
    y += Math.ceil(row.length / COLUMNS) * HEIGHT
  }
  return panels.map((panel, index) => ({ id: index + 1, ...panel }))
}

const graph = ({ title, unit, lines }: Panel, gridPos: object) => ({
  type: 'timeseries',
  title,
  datasource,
  gridPos,
  fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
  targets: lines.map(([expr, legendFormat], index) => ({
    refId: String.fromCharCode(65 + index),
    datasource,
    expr,
    legendFormat,
  })),
})

const dashboard = () => ({
  title: 'Parley',
  uid: 'parley',
  tags: ['parley'],
  timezone: 'browser',
  schemaVersion: 39,
  refresh: '30s',
  time: { from: 'now-6h', to: 'now' },
  templating: {
    list: [
      { name: 'datasource', type: 'datasource', query: 'prometheus' },
      {
        name: 'instance',
        type: 'query',
        datasource,
        query: 'label_values(parley_info, instance)',
        refresh: 2,
        multi: true,
        includeAll: true,
        current: { text: 'All', value: '$__all' },
      },
    ],
  },
  panels: panelsOf(),
})

export const grafanaDashboard: Whole = {
  file: 'deploy/grafana/parley.json',
  render: () => `${JSON.stringify(dashboard(), undefined, 2)}\n`,
}
