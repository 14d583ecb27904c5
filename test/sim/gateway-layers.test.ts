// Simulcast at the gateway: layers offered, assigned, announced, wanted, and suspended where no viewer gets them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LayerReport } from '../../packages/core/src/lane/layer-report.ts'
import { type BenchBackend, type BenchSocket, NodeBench } from '../../packages/core/src/testing/node-bench.ts'
import { Caller, codecs, DATA } from './video-caller.ts'

const UPDATE = 250
const LESS = 2_000
const LAYERS = [
  { type: 'video', rid: '100', quality: 100 },
  { type: 'video', rid: '50', quality: 50 },
]

/** A Discord client that offers two layers. */
function join(bench: NodeBench, backend: BenchBackend, userId: string, streams: object[] = LAYERS): BenchSocket {
  const { channel_id: _, ...identify } = backend.join(userId)
  const socket = bench.client('9').send(0, { ...identify, video: true, streams })
  return socket.send(1, { protocol: 'udp', data: DATA, codecs: codecs('H264', 'VP8') })
}

function scene() {
  const bench = new NodeBench()
  const backend = bench.backend()
  const ana = join(bench, backend, '1')
  const { streams } = ana.last(2)
  const show = (...actives: boolean[]) =>
    ana.send(12, {
      audio_ssrc: ana.last(2).ssrc,
      video_ssrc: streams[0].ssrc,
      rtx_ssrc: streams[0].rtx_ssrc,
      streams: LAYERS.map((layer, index) => ({ ...streams[index], ...layer, active: actives[index] })),
    })
  return { bench, backend, ana, streams, show }
}
/** What the lane reports of the viewer, for the only source. */
function report(bench: NodeBench, ssrc: number, peer: number, more: Partial<LayerReport>): void {
  const layers = [{ ssrc, wanted: 1, target: 1, current: 1, reason: undefined, bitrate: 0, ...more }]
  bench.laneEvent({ kind: 'layers', peer, layers, ended: [] })
}
const wantsOf = ({ received }: BenchSocket) => received.filter(({ op }) => op === 15).map(({ d }) => d)

test('layers that Identify offers get pairs of SSRCs, and the lane is sent all of them with one route', () => {
  const { bench, streams, show } = scene()
  assert.deepEqual(
    streams.map(({ rid, quality, rtx_ssrc, ssrc }: Record<string, number>) => [rid, quality, rtx_ssrc! - ssrc!]),
    [
      ['100', 100, 1],
      ['50', 50, 1],
    ],
  )
  show(true, false)
  show(true, true)
  const [high, low] = streams
  assert.deepEqual(
    bench.commands('setRoute').flatMap(({ media, ssrc, layers }) => (media === 'video' ? [[ssrc, layers]] : [])),
    [true, false].map(isFirst => [
      high.ssrc,
      [
        { ssrc: high.ssrc, quality: 100, isActive: true },
        { ssrc: low.ssrc, quality: 50, isActive: !isFirst },
      ],
    ]),
  )
})

test('a Discord client is announced every layer that is sent, the best one as video_ssrc', () => {
  const { bench, backend, streams, show } = scene()
  const ben = join(bench, backend, '2')
  show(true, true)
  const video = ben.last(12)
  assert.equal(video.video_ssrc, streams[0].ssrc)
  assert.deepEqual(
    video.streams.map(({ ssrc, rtx_ssrc, quality, max_bitrate }: Record<string, number>) => [
      ssrc,
      rtx_ssrc,
      quality,
      max_bitrate,
    ]),
    [
      [streams[0].ssrc, streams[0].rtx_ssrc, 100, undefined],
      [streams[1].ssrc, streams[1].rtx_ssrc, 50, undefined],
    ],
  )
  show(false, true)
  assert.equal(ben.last(12).video_ssrc, streams[1].ssrc)
  assert.equal(ben.last(12).streams.length, 1)
})

test('the wants of a viewer are sent to its lane', () => {
  const { bench, backend, streams, show } = scene()
  const ben = join(bench, backend, '2')
  show(true, true)
  ben.send(15, { any: 0, [streams[1].ssrc]: 100, pixelCounts: { [streams[1].ssrc]: 900 } })
  const [{ any, wants, pixelCounts }] = bench.commands('setWants') as [{ any: number; wants: []; pixelCounts: [] }]
  assert.deepEqual([any, wants, pixelCounts], [0, [[streams[1].ssrc, 100]], [[streams[1].ssrc, 900]]])
})

test('a layer that no viewer gets is suspended at its sender, and started at once when a viewer is to get it', () => {
  const { bench, backend, ana, streams, show } = scene()
  const ben = join(bench, backend, '2')
  const [high, low] = streams
  show(true, true)
  bench.advance(UPDATE)
  assert.deepEqual(wantsOf(ana).at(-1), { any: 100, [high.ssrc]: 100, [low.ssrc]: 0 })
  ben.send(15, { any: 100, [high.ssrc]: 0 })
  bench.advance(UPDATE)
  assert.deepEqual(wantsOf(ana).at(-1), { any: 100, [high.ssrc]: 100, [low.ssrc]: 100 })
  bench.advance(LESS)
  assert.deepEqual(wantsOf(ana).at(-1), { any: 100, [high.ssrc]: 0, [low.ssrc]: 100 })
})

test('a layer that the lane sends a viewer instead of the one it wants is not suspended', () => {
  const { bench, backend, ana, streams, show } = scene()
  join(bench, backend, '2')
  const [high, low] = streams
  show(true, true)
  bench.advance(UPDATE + LESS)
  const [, viewer] = bench.commands('addPeer').map(({ peer }) => peer)
  report(bench, high.ssrc, viewer, { target: 0, reason: 'bandwidth' })
  bench.advance(UPDATE)
  assert.deepEqual(wantsOf(ana).at(-1), { any: 100, [high.ssrc]: 100, [low.ssrc]: 100 })
  report(bench, high.ssrc, viewer, {})
  bench.advance(UPDATE + LESS)
  assert.deepEqual(wantsOf(ana).at(-1), { any: 100, [high.ssrc]: 100, [low.ssrc]: 0 })
})

test('a client that offers no layers has one', () => {
  const bench = new NodeBench()
  const ana = new Caller(bench, bench.backend(), '1', codecs('VP8'))
  ana.show(100, 50)
  const [route] = bench.commands('setRoute').filter(({ media }) => media === 'video')
  assert.deepEqual([route!.ssrc, route!.layers], [ana.video, undefined])
})

test('the layer of each viewer is in the inspection of its session, in STATS of its backend, and noted when it changes', () => {
  const bench = new NodeBench()
  const backend = bench.backend(undefined, ['user_token', 'failure', 'stats'])
  const ana = join(bench, backend, '1')
  join(bench, backend, '2')
  const { ssrc } = ana.last(2).streams[0]
  const [, viewer] = bench.commands('addPeer').map(({ peer }) => peer)
  const views = () => bench.node.inspect().sessions.find(({ userId }) => userId === '2')!.views
  const stats = () => {
    backend.socket.clear()
    backend.info(23, {})
    return Object.entries(backend.infos(23)[0]!.views).filter(([, count]) => count !== 0)
  }
  report(bench, ssrc, viewer, { current: 0, reason: 'waiting-for-keyframe', bitrate: 9_000 })
  assert.deepEqual(views(), [
    { ssrc, wanted: 1, target: 1, current: 0, reason: 'waiting-for-keyframe', bitrate: 9_000 },
  ])
  assert.deepEqual(stats(), [['waiting-for-keyframe', 1]])
  report(bench, ssrc, viewer, { bitrate: 9_000 })
  report(bench, ssrc, viewer, { bitrate: 10_000 })
  assert.deepEqual(stats(), [['best', 1]])
  const notes = bench.notes.filter(({ event }) => event === 'video.layer')
  assert.deepEqual(
    notes.map(({ fields = {} }) => [fields.user, fields.current, fields.reason]),
    [
      ['2', 0, 'waiting-for-keyframe'],
      ['2', 1, undefined],
    ],
  )
  bench.laneEvent({ kind: 'layers', peer: viewer, layers: [], ended: [ssrc] })
  assert.deepEqual([views(), stats()], [[], []])
})
