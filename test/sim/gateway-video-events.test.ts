// What a backend is sent about video: sources with their viewers, and the layer of each viewer.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LayerReport } from '../../packages/core/src/lane/layer-report.ts'
import { LIMITS } from '../../packages/core/src/limits.ts'
import { BenchBackend, type BenchSocket, NodeBench, SECRET } from '../../packages/core/src/testing/node-bench.ts'
import { codecs, DATA } from './video-caller.ts'

const VIEW = 27
const SOURCE = 28
const INTERVAL = 1_000
const LAYERS = [
  { type: 'video', rid: '100', quality: 100 },
  { type: 'video', rid: '50', quality: 50 },
]

function scene(capabilities = ['user_token', 'failure', 'events', 'sync', 'video']) {
  const bench = new NodeBench()
  const backend = bench.backend(undefined, capabilities)
  const join = (userId: string): BenchSocket => {
    const { channel_id: _, ...identify } = backend.join(userId)
    const socket = bench.client('9').send(0, { ...identify, video: true, streams: LAYERS })
    return socket.send(1, { protocol: 'udp', data: DATA, codecs: codecs('H264') })
  }
  const ana = join('1')
  const { streams, ssrc: audio } = ana.last(2)
  /** Declares the layers of Ana’s camera; without any it ends. */
  const show = (...actives: boolean[]) =>
    ana.send(12, {
      audio_ssrc: audio,
      video_ssrc: actives.length > 0 ? streams[0].ssrc : 0,
      rtx_ssrc: 0,
      streams: actives.map((active, index) => ({ ...streams[index], ...LAYERS[index], active })),
    })
  const peerOf = (userId: string) =>
    bench.commands('addPeer')[bench.node.inspect().sessions.findIndex(each => each.userId === userId)].peer as number
  const report = (userId: string, more: Partial<LayerReport>, ended: number[] = []) => {
    const view = { ssrc: streams[0].ssrc, wanted: 1, target: 1, current: 1, reason: undefined, bitrate: 9, ...more }
    bench.laneEvent({ kind: 'layers', peer: peerOf(userId), layers: ended.length > 0 ? [] : [view], ended })
  }
  return { bench, backend, ana, join, show, report, ssrc: streams[0].ssrc as number }
}
/** The fields of the events since the last call that the tests look at. */
function taken(backend: BenchBackend, type: number, ...fields: string[]): unknown[][] {
  const events = backend.infos(type)
  const rest = backend.socket.received.filter(({ op, d }) => op !== 6 || d.type !== type)
  backend.socket.received.splice(0, Infinity, ...rest)
  return events.map(event => fields.map(field => event[field]))
}
const sources = (backend: BenchBackend) => taken(backend, SOURCE, 'user_id', 'kind', 'state', 'viewers')

test('a backend is sent when a source begins, pauses and ends, and how many members view it', () => {
  const { bench, backend, join, show } = scene()
  show(true, true)
  const ben = join('2')
  bench.advance(INTERVAL)
  assert.deepEqual(sources(backend), [
    ['1', 'camera', 'live', 0],
    ['1', 'camera', 'live', 1],
  ])
  join('3')
  bench.advance(2 * INTERVAL)
  assert.deepEqual(sources(backend), [['1', 'camera', 'live', 2]])
  ben.send(15, { any: 0 })
  bench.advance(2 * INTERVAL)
  assert.deepEqual(sources(backend), [['1', 'camera', 'live', 1]])
  show(false, false)
  bench.advance(2 * INTERVAL)
  assert.deepEqual(sources(backend), [['1', 'camera', 'paused', 1]])
  show()
  bench.advance(2 * INTERVAL)
  assert.deepEqual(sources(backend), [['1', 'camera', 'ended', 0]])
})

test('a sender that a moderator mutes is paused, and its sources end with its session', () => {
  const { bench, backend, ana, join, show } = scene()
  join('2')
  show(true)
  bench.advance(2 * INTERVAL)
  taken(backend, SOURCE)
  backend.info(6, { user_id: '1', channel_id: '500', guild_id: '100', mute: true })
  bench.advance(2 * INTERVAL)
  assert.deepEqual(sources(backend), [['1', 'camera', 'paused', 1]])
  ana.drop(1000)
  bench.advance(2 * INTERVAL)
  assert.deepEqual(sources(backend), [['1', 'camera', 'ended', 0]])
})

test('a view is reported with its reason, at most once a second, and when it ends', () => {
  const { bench, backend, join, show, report, ssrc } = scene()
  join('2')
  show(true, true)
  bench.advance(2 * INTERVAL)
  const views = () => taken(backend, VIEW, 'user_id', 'sender_id', 'layers', 'target', 'current', 'reason', 'estimate')
  report('2', { current: 0, reason: 'waiting-for-keyframe' })
  bench.advance(1)
  assert.deepEqual(views(), [['2', '1', 2, 1, 0, 'waiting-for-keyframe', undefined]])
  report('2', {})
  report('2', { target: 0, current: 0, reason: 'bandwidth', estimate: 300_000 })
  bench.advance(INTERVAL - 2)
  assert.deepEqual(views(), [])
  bench.advance(1)
  assert.deepEqual(views(), [['2', '1', 2, 0, 0, 'bandwidth', 300_000]])
  report('2', {}, [ssrc])
  bench.advance(INTERVAL)
  assert.deepEqual(views(), [['2', '1', 2, -1, -1, 'ended', undefined]])
})

test('a backend is sent a bounded number of events a second, and in the end all of them', () => {
  const { bench, backend, join, show, report } = scene()
  const viewers = Array.from({ length: LIMITS.videoEvents + 20 }, (_, index) => String(index + 2))
  for (const viewer of viewers) join(viewer)
  show(true, true)
  bench.advance(10 * INTERVAL)
  taken(backend, VIEW)
  for (const viewer of viewers) report(viewer, { target: 0, current: 0, reason: 'bandwidth' })
  bench.advance(INTERVAL - 1)
  const first = taken(backend, VIEW, 'user_id')
  assert.equal(first.length, LIMITS.videoEvents)
  bench.advance(INTERVAL)
  assert.deepEqual([...first, ...taken(backend, VIEW, 'user_id')].flat(), viewers)
})

test('a backend that connects again is sent all sources and views, and one that did not agree nothing', () => {
  const { bench, backend, join, show, report } = scene()
  join('2')
  show(true, true)
  report('2', { target: 0, current: 0, reason: 'want' })
  bench.advance(2 * INTERVAL)
  backend.socket.drop()
  const plain = new BenchBackend(bench, SECRET, ['events'])
  bench.advance(2 * INTERVAL)
  report('2', {})
  bench.advance(2 * INTERVAL)
  assert.deepEqual([plain.infos(VIEW), plain.infos(SOURCE)], [[], []])
  plain.socket.drop()
  const again = new BenchBackend(bench, SECRET, ['video'])
  bench.advance(2 * INTERVAL)
  assert.deepEqual(sources(again), [['1', 'camera', 'live', 1]])
  assert.deepEqual(taken(again, VIEW, 'user_id', 'current', 'reason'), [['2', 1, undefined]])
})

test('a channel’s best quality reaches the lane, and layers above it are not wanted from the sender', () => {
  const { bench, backend, ana, join, show } = scene()
  join('2')
  show(true, true)
  const wants = () => {
    const { any: _, ...bySsrc } = ana.last(15)
    return Object.values(bySsrc)
  }
  bench.advance(4 * INTERVAL)
  assert.deepEqual(wants(), [100, 0])
  const properties = { channel_id: '500', guild_id: '100', channel_properties: { video_quality: 60 } }
  backend.info(16, properties)
  assert.equal(bench.commands('setRoute').at(-1).highest, 60)
  bench.advance(4 * INTERVAL)
  assert.deepEqual(wants(), [0, 100])
  backend.info(16, { ...properties, channel_properties: { video_quality: 100 } })
  assert.equal(bench.commands('setRoute').at(-1).highest, undefined)
  bench.advance(4 * INTERVAL)
  assert.deepEqual(wants(), [100, 0])
})
