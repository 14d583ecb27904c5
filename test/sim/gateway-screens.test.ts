// Screens: as a second source of a member, and as a stream channel with viewers; and stages with many listeners.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type BenchBackend, connect, NodeBench } from '../../packages/core/src/testing/node-bench.ts'
import { codecs, DATA } from './video-caller.ts'

const STREAM = { channel_id: '900', channel_properties: { kind: 'stream', owner_id: '1' } }

function watch(bench: NodeBench, backend: BenchBackend, userId: string, channel = '900', streams: object[] = []) {
  const { channel_id: _, ...identify } = backend.join(userId, channel, channel === '900' ? null : '100')
  const socket = bench.client('9').send(0, { ...identify, video: true, streams })
  return socket.send(1, { protocol: 'udp', data: DATA, codecs: codecs('H264') })
}

test('a camera and a screen of one member are two sources, which begin and end on their own', () => {
  const bench = new NodeBench()
  const backend = bench.backend()
  const offered = [
    { type: 'video', rid: '100', quality: 100 },
    { type: 'video', rid: '50', quality: 50 },
    { type: 'screen', rid: 's', quality: 100 },
  ]
  const ana = watch(bench, backend, '1', '500', offered)
  const ben = watch(bench, backend, '2', '500')
  const { ssrc, streams } = ana.last(2)
  const show = (...types: string[]) => {
    const declared = streams.map((stream: object, index: number) => ({ ...stream, ...offered[index], active: true }))
    const active = declared.filter(({ type }: { type: string }) => types.includes(type))
    ana.send(12, { audio_ssrc: ssrc, video_ssrc: active[0]?.ssrc ?? 0, rtx_ssrc: 0, streams: active })
  }
  show('video', 'screen')
  const routes = bench.commands('setRoute').filter(({ media }) => media === 'video')
  assert.deepEqual(
    routes.map(each => [each.ssrc, each.source, each.layers?.length]),
    [
      [streams[0].ssrc, 'camera', 2],
      [streams[2].ssrc, 'screen', undefined],
    ],
  )
  assert.equal(ben.last(12).streams.length, 3)
  show('screen')
  assert.deepEqual(
    bench.commands('removeRoute').map(each => each.ssrc),
    [streams[0].ssrc],
  )
  assert.deepEqual(
    ben.last(12).streams.map((stream: { ssrc: number }) => stream.ssrc),
    [streams[2].ssrc],
  )
})

test('the sound of a screen has an SSRC of its own, which only clients that offer one themselves are sent', () => {
  const bench = new NodeBench()
  const backend = bench.backend()
  const sound = { type: 'audio', rid: 'sound', quality: 100 }
  const offered = [{ type: 'screen', rid: 'screen', quality: 100 }, sound]
  const ana = watch(bench, backend, '1', '500', offered)
  const ben = watch(bench, backend, '2', '500', [sound])
  const cyn = watch(bench, backend, '3', '500')
  const [screen, heard] = ana.last(2).streams
  assert.deepEqual([heard.type, heard.rid, heard.active], ['audio', 'sound', false])
  assert.equal(ben.last(2).streams.at(-1).type, 'audio')
  const show = (...types: string[]) => {
    const streams = [
      { ...screen, type: 'screen', active: true },
      { ...heard, active: true },
    ].filter(({ type }) => types.includes(type))
    const { ssrc } = ana.last(2)
    ana.send(12, { audio_ssrc: ssrc, video_ssrc: streams[0]?.ssrc ?? 0, rtx_ssrc: 0, streams })
  }
  const typesAt = (member: typeof ana) => member.last(12).streams.map(({ type }: { type: string }) => type)
  show('screen', 'audio')
  const [route] = bench.commands('setRoute').filter(({ ssrc }) => ssrc === heard.ssrc)
  assert.equal(route?.media, 'audio')
  const [, peer] = bench.commands('addPeer')
  const list = bench.commands('openTargets').find(({ targets }) => targets === route?.targets)
  assert.deepEqual([...list.peers], [peer.peer])
  assert.deepEqual([typesAt(ben), typesAt(cyn)], [['video', 'audio'], ['video']])
  show('screen')
  assert.deepEqual([typesAt(ben), typesAt(cyn)], [['video'], ['video']])
  show('screen', 'audio')
  backend.info(6, { channel_id: '500', guild_id: '100', user_id: '1', mute: true })
  assert.equal(bench.commands('removeRoute').filter(({ ssrc }) => ssrc === heard.ssrc).length, 2)
  assert.ok(!typesAt(ben).includes('audio'))
})

test('a client that offers only a sound is assigned no camera', () => {
  const bench = new NodeBench()
  const backend = bench.backend()
  const { channel_id: _, ...identify } = backend.join('1', '500', '100')
  const sound = { type: 'audio', rid: 'sound', quality: 100 }
  const streamsFor = (offer: object) =>
    bench
      .client('9')
      .send(0, { ...identify, ...offer })
      .last(2)
      .streams.map(({ type }: { type: string }) => type)
  assert.deepEqual(streamsFor({ streams: [sound] }), ['audio'])
  assert.deepEqual(streamsFor({ video: true, streams: [sound] }), ['video', 'audio'])
})

test('a viewer that joins a stream late is sent the picture and triggers a keyframe; the owner’s pause is the end of the video only', () => {
  const bench = new NodeBench()
  const backend = bench.backend()
  backend.info(16, STREAM)
  const owner = watch(bench, backend, '1')
  const { ssrc, streams } = owner.last(2)
  const show = (active: boolean) =>
    owner.send(12, { audio_ssrc: ssrc, video_ssrc: streams[0].ssrc, streams: [{ ...streams[0], active }] })
  show(true)
  const viewer = watch(bench, backend, '2')
  assert.equal(viewer.last(12).video_ssrc, streams[0].ssrc)
  assert.deepEqual(
    bench.commands('askKeyframe').map(each => each.ssrc),
    [streams[0].ssrc],
  )
  viewer.send(12, { audio_ssrc: 1, video_ssrc: viewer.last(2).streams[0].ssrc, streams: [] })
  const routed = bench.commands('setRoute').filter(({ media }) => media === 'video')
  assert.deepEqual(
    routed.map(each => each.ssrc),
    [streams[0].ssrc],
    'only the owner sends',
  )
  show(false)
  assert.equal(viewer.last(12).video_ssrc, 0)
  show(true)
  assert.equal(viewer.last(12).video_ssrc, streams[0].ssrc)
  backend.info(2, { channel_id: '900', guild_id: null })
  assert.deepEqual([owner.closeCode, viewer.closeCode], [4014, 4014])
})

test('a listener of a stage costs the lane the same number of commands, however many there are, and the speaker no message', () => {
  const LISTENERS = 1_000
  const bench = new NodeBench()
  const backend = bench.backend()
  backend.info(16, { channel_id: '500', guild_id: '100', channel_properties: { kind: 'stage' } })
  const speaker = connect(bench, backend.join('1'))
  const costs = new Set<number>()
  for (let listener = 2; listener <= LISTENERS; listener++) {
    const before = bench.laneCommands.length
    const credentials = backend.join(String(listener), '500', '100', { suppress: true })
    connect(bench, credentials)
    costs.add(bench.laneCommands.length - before)
  }
  bench.advance(10_000)
  assert.equal(costs.size, 1, [...costs].join())
  speaker.clear().send(5, { speaking: 1, ssrc: speaker.last(2)?.ssrc })
  assert.deepEqual(speaker.opcodes(), [])
  const routes = bench.commands('setRoute').map(({ owner }) => owner)
  assert.equal(new Set(routes).size, 1, 'only the speaker is routed')
})

test('audio of a stream whose owner declares none is announced as the sound of its screen', () => {
  const bench = new NodeBench()
  const backend = bench.backend()
  backend.info(16, STREAM)
  const owner = watch(bench, backend, '1')
  const viewer = watch(bench, backend, '2')
  const { peer, ssrcs } = bench.commands('addPeer')[0]
  bench.laneEvent({ kind: 'firstPacket', peer, ssrc: ssrcs[0] })
  assert.deepEqual(viewer.last(5), { user_id: '1', ssrc: owner.last(2).ssrc, speaking: 2 })
})
