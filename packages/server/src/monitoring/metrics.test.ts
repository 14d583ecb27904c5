// Prometheus text, as a scraper reads it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DROP_CAUSES, type DropCause, type LaneCounters } from '@parley/core'
import { CallEvents } from './call-events.ts'
import type { Measured } from './metric.ts'
import { METRICS, openMetrics } from './metrics.ts'

const counters = (): LaneCounters => ({
  datagramsIn: 10,
  bytesIn: 1000,
  packetsIn: 8,
  packetsOut: 24,
  bytesOut: 3000,
  crossedIn: 5,
  crossedOut: 6,
  discoveries: 1,
  pings: 0,
  checks: 0,
  keepalives: 0,
  busy: 0.25,
  latency: { counts: [4, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2], sum: 503 },
  views: { best: 2, want: 0, bandwidth: 0, codec: 0, limit: 0, 'paused-by-sender': 0, 'waiting-for-keyframe': 1 },
  drops: Object.fromEntries(DROP_CAUSES.map(cause => [cause, cause === 'replayed' ? 1 : 0])) as Record<
    DropCause,
    number
  >,
})

/** One client joined, was lost, resumed and left; another was refused. */
function calls(): CallEvents {
  const events = new CallEvents()
  const note = (event: string, fields: object) => events.note({ level: 'info', event, fields })
  // Metrics observe what happens after they are opened.
  queueMicrotask(() => {
    note('voice.connected', { backend: 'main', transport: 'udp', took: 120 })
    note('voice.detached', { backend: 'main', code: 1006 })
    note('voice.resumed', { backend: 'main' })
    note('voice.disconnected', {
      backend: 'main',
      code: 4014,
      duration: 90,
      packets: 99,
      lost: 1,
      loss: 0.01,
      jitter: 4,
      reportedLoss: 0.02,
      roundTrip: 40,
    })
    note('voice.disconnected', { backend: 'main', code: 3999, duration: 1, packets: 0, lost: 0, loss: 0, jitter: 0 })
    note('gateway.closed', { code: 4006 })
    note('lvsp.authentication_failed', {})
  })
  return events
}

const measured = (lanes = new Map([[0, counters()]])): Measured => ({
  calls: calls(),
  tally: () => ({
    transports: { udp: 2, webrtc: 1, none: 0 },
    states: { connected: 2, detached: 1 },
    media: { video: 1 },
    codecs: { VP8: 1, other: 0 },
    dave: { 0: 1, 1: 1 },
  }),
  backends: () => [
    { backend: 'main', isDetached: false, channels: 2, voiceStates: 4, sessions: 3, memory: 9_000, overBitrate: 7 },
  ],
  certificate: () => ({ validFrom: Date.UTC(2026, 9, 3), validTo: Date.UTC(2027, 0, 1) }),
  certificateRenewals: () => ({ ok: 3, failed: 1 }),
  iceTcp: {
    authenticated: 2,
    totals: { refused: { late: 1 }, datagrams: { in: 5, out: 6 }, drops: { video: 3, other: 0 } },
  },
  refusedIdentifies: new Map([['main', 2]]),
  engine: { engine: 'ffi', aead: 'libsodium' },
  version: '1.2.3',
  sizes: () => ({ sessions: 3, channels: 2, health: 0.75 }),
  isDraining: () => false,
  lanes: () => lanes,
  connections: { gateway: 3, lvsp: 1 },
  messages: { messagesIn: 5, messagesOut: 6, slow: 1, unresponsive: 0 },
  halfOpen: () => 4,
  relay: () => ({ size: 7, failures: 1 }),
  refused: { halfOpen: 0, lvsp: 2 },
  logLinesLost: () => 3,
  descriptorsExhausted: () => 2,
  failures: { inputs: 0, effects: 0 },
  eventLoopLag: () => 12,
})

async function scraped(source = measured()): Promise<string> {
  const scrape = openMetrics(source)
  await Promise.resolve()
  return scrape()
}

test('every metric has its help, its type and at least one sample', async () => {
  const text = await scraped()
  for (const { name, kind } of METRICS) {
    assert.match(text, new RegExp(`^# TYPE ${name} ${kind}$`, 'm'))
    assert.match(text, new RegExp(`^${name}${kind === 'histogram' ? '_count' : ''}(\\{.*\\})? `, 'm'))
  }
})

test('what happens to calls is counted, and codes that clients invent share a series', async () => {
  const text = await scraped()
  for (const line of [
    'parley_joins_total{backend="main",transport="udp"} 1',
    'parley_join_seconds_bucket{le="0.25",backend="main"} 1',
    'parley_join_seconds_bucket{le="0.1",backend="main"} 0',
    'parley_leaves_total{backend="main",code="4014"} 1',
    'parley_leaves_total{backend="main",code="other"} 1',
    'parley_detached_total{backend="main",code="1006"} 1',
    'parley_resumes_total{backend="main"} 1',
    'parley_session_reported_loss_ratio_count{backend="main"} 1',
    'parley_session_round_trip_seconds_bucket{le="0.05",backend="main"} 1',
    'parley_session_loss_ratio_count{backend="main"} 1',
    'parley_session_seconds_count{backend="main"} 2',
    'parley_gateway_closes_total{code="4006"} 1',
    'parley_lvsp_authentication_failures_total 1',
    'parley_sessions_by_transport{transport="webrtc"} 1',
    'parley_channels_by_dave{version="1"} 1',
    'parley_backend_connected{backend="main"} 1',
    `parley_certificate_expiry_timestamp_seconds ${Date.UTC(2027, 0, 1) / 1_000}`,
  ])
    assert.ok(text.split('\n').includes(line), `${line} is missing in\n${text}`)
})

test('the packets of a lone speaker are no drops', async () => {
  const lone = counters()
  lone.drops.noRoute = 50
  const text = await scraped(measured(new Map([[0, lone]])))
  assert.match(text, /^parley_unforwarded_packets_total\{lane="0"\} 50$/m)
  assert.doesNotMatch(text, /cause="noRoute"/)
})

test('values and labels are those of the source, in seconds and bytes', async () => {
  const text = await openMetrics(measured())()
  for (const line of [
    'parley_info{version="1.2.3",engine="ffi",aead="libsodium"} 1',
    'parley_health 0.75',
    'parley_connections{protocol="gateway"} 3',
    'parley_refused_total{reason="lvsp"} 2',
    'parley_relayed_connections 7',
    'parley_relay_failures_total 1',
    'parley_packets_total{lane="0",direction="out"} 24',
    'parley_drops_total{lane="0",cause="replayed"} 1',
    'parley_event_loop_lag_seconds 0.012',
  ])
    assert.ok(text.split('\n').includes(line), `${line} is missing in\n${text}`)
})

test('a counter equals its source at each scrape, not the sum of scrapes', async () => {
  const lanes = new Map([[0, counters()]])
  const metrics = openMetrics(measured(lanes))
  await metrics()
  lanes.set(0, { ...counters(), packetsOut: 25 })
  assert.match(await metrics(), /^parley_packets_total\{lane="0",direction="out"\} 25$/m)
})

test('two servers in one process do not share a registry', async () => {
  const one = openMetrics(measured())
  const other = openMetrics({ ...measured(), version: '9.9.9' })
  assert.doesNotMatch(await one(), /9\.9\.9/)
  assert.match(await other(), /9\.9\.9/)
})

test('the totals of a lane’s latency are a cumulative histogram', async () => {
  const text = await scraped()
  for (const line of [
    'parley_forward_latency_seconds_bucket{lane="0",le="0.0001"} 4',
    'parley_forward_latency_seconds_bucket{lane="0",le="0.001"} 5',
    'parley_forward_latency_seconds_bucket{lane="0",le="0.25"} 5',
    'parley_forward_latency_seconds_bucket{lane="0",le="+Inf"} 7',
    'parley_forward_latency_seconds_sum{lane="0"} 0.503',
    'parley_forward_latency_seconds_count{lane="0"} 7',
  ])
    assert.ok(text.includes(`${line}\n`), line)
})

test('internal errors that the node notes itself are counted', () => {
  const events = new CallEvents()
  for (const event of ['gateway.internal_error', 'lvsp.internal_error', 'gateway.closed'])
    events.note({ level: 'error', event, fields: {} })
  assert.equal(events.internalErrors, 2)
})
