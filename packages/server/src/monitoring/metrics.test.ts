// Prometheus text, as a scraper reads it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DROP_CAUSES, type DropCause, type LaneCounters } from '@parley/core'
import { METRICS, type Measured, openMetrics } from './metrics.ts'

const counters = (): LaneCounters => ({
  datagramsIn: 10,
  bytesIn: 1000,
  packetsIn: 8,
  packetsOut: 24,
  bytesOut: 3000,
  discoveries: 1,
  pings: 0,
  checks: 0,
  keepalives: 0,
  busy: 0.25,
  views: { best: 2, want: 0, bandwidth: 0, codec: 0, 'paused-by-sender': 0, 'waiting-for-keyframe': 1 },
  drops: Object.fromEntries(DROP_CAUSES.map(cause => [cause, cause === 'replayed' ? 1 : 0])) as Record<
    DropCause,
    number
  >,
})

const measured = (lanes = new Map([[0, counters()]])): Measured => ({
  refusedIdentifies: new Map([['main', 2]]),
  engine: { engine: 'ffi', aead: 'libsodium' },
  version: '1.2.3',
  sizes: () => ({ sessions: 3, channels: 2, health: 0.75 }),
  isDraining: () => false,
  lanes: () => lanes,
  connections: { gateway: 3, lvsp: 1 },
  messages: { messagesIn: 5, messagesOut: 6, slow: 1, unresponsive: 0 },
  halfOpen: () => 4,
  refused: { halfOpen: 0, lvsp: 2 },
  logLinesLost: () => 3,
  descriptorsExhausted: () => 2,
  failures: { inputs: 0, effects: 0 },
  eventLoopLag: () => 12,
})

test('every metric has its help, its type and at least one sample', async () => {
  const text = await openMetrics(measured())()
  for (const { name, kind } of METRICS) {
    assert.match(text, new RegExp(`^# TYPE ${name} ${kind}$`, 'm'))
    assert.match(text, new RegExp(`^${name}(\\{.*\\})? `, 'm'))
  }
})

test('values and labels are those of the source, in seconds and bytes', async () => {
  const text = await openMetrics(measured())()
  for (const line of [
    'parley_info{version="1.2.3",engine="ffi",aead="libsodium"} 1',
    'parley_health 0.75',
    'parley_connections{protocol="gateway"} 3',
    'parley_refused_total{reason="lvsp"} 2',
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
