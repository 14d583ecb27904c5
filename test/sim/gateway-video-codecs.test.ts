// The codec that senders of video are to use (op 14), and which clients take part in video.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Caller, codecs, DATA, videoScene } from './video-caller.ts'

const DELAY = { update: 250, less: 2_000, better: 10_000 }

test('the codec is the sender’s first that all others can decode', () => {
  const { join } = videoScene()
  const codecOf = (caller: Caller) => caller.socket.last(4).video_codec
  assert.equal(codecOf(join('1', codecs('AV1', 'VP8'))), 'AV1')
  assert.equal(codecOf(join('2', codecs('H264', 'VP8', 'AV1'))), 'VP8')
  const cleo = join('3', codecs(['AV1', { encode: false }], 'H265', ['vp8', { encode: true }]))
  assert.equal(codecOf(cleo), 'vp8')
})

test('a client that cannot decode the codec changes it at once, and its leaving changes it after a delay', () => {
  const { bench, join } = videoScene()
  const ana = join('1', codecs('AV1', 'VP8'))
  const ben = join('2', codecs('AV1', 'H264', 'VP8'))
  bench.advance(1_000)
  assert.deepEqual([ana.receivedCodecs(), ben.receivedCodecs()], [[], []])
  const cleo = join('3', codecs('VP8'))
  bench.advance(0)
  assert.deepEqual(ana.socket.last(14), { audio_codec: 'opus', video_codec: 'VP8' })
  assert.deepEqual([ana.receivedCodecs(), ben.receivedCodecs(), cleo.receivedCodecs()], [['VP8'], ['VP8'], []])
  cleo.socket.drop(1000)
  bench.advance(DELAY.better - 1)
  assert.deepEqual([ana.receivedCodecs(), ben.receivedCodecs()], [[], []])
  const dan = join('4', codecs('AV1'))
  bench.advance(DELAY.better - DELAY.update)
  assert.deepEqual([ana.receivedCodecs(), ben.receivedCodecs()], [['AV1'], ['AV1']], 'Dan decodes only AV1')
  dan.socket.drop(1000)
  bench.advance(2 * DELAY.better)
  assert.deepEqual([ana.receivedCodecs(), ben.receivedCodecs()], [[], []])
})

test('a better codec is announced after ten seconds without changes', () => {
  const { bench, join } = videoScene()
  const ana = join('1', codecs('AV1', 'VP8'))
  const ben = join('2', codecs('VP8'))
  bench.advance(DELAY.update)
  assert.deepEqual(ana.receivedCodecs(), ['VP8'])
  ben.socket.drop(1000)
  bench.advance(DELAY.better / 2)
  const cleo = join('3', codecs('AV1', 'VP8'))
  bench.advance(DELAY.better - 1)
  assert.deepEqual(ana.receivedCodecs(), [])
  bench.advance(1)
  assert.deepEqual([ana.receivedCodecs(), cleo.receivedCodecs()], [['AV1'], []])
})

test('without a common codec each client uses its first one, and is notified after a delay', () => {
  const { bench, join } = videoScene()
  const ana = join('1', codecs('H264', 'VP8'))
  join('2', codecs('VP8'))
  bench.advance(DELAY.update)
  assert.deepEqual(ana.receivedCodecs(), ['VP8'])
  const cleo = join('3', codecs('AV1'))
  assert.equal(cleo.socket.last(4).video_codec, 'AV1')
  bench.advance(DELAY.better)
  assert.deepEqual(ana.receivedCodecs(), ['H264'])
  assert.equal(join('4', []).socket.last(4).video_codec, 'H264')
})

test('a client that updates its codecs changes the codec of all members', () => {
  const { bench, join } = videoScene()
  const ana = join('1', codecs('AV1', 'VP8'))
  const ben = join('2', codecs('AV1', 'VP8'))
  bench.advance(DELAY.update)
  ben.socket.send(14, { codecs: codecs('VP8') })
  bench.advance(0)
  assert.deepEqual([ana.receivedCodecs(), ben.receivedCodecs()], [['VP8'], ['VP8']])
  const mapping = bench.commands('setRtpMapping').at(-1).mapping
  assert.deepEqual(mapping.payloadTypes, [
    [120, 120],
    [105, 101],
    [106, 102],
  ])
  ben.socket.send(14, { codecs: [] })
  ana.show(100)
  bench.advance(0)
  assert.deepEqual(ana.wants().at(-1), { any: 0, [ana.video]: 0 }, 'a client without codecs is not a viewer')
})

test('codecs named like properties of Object.prototype are ignored', () => {
  const { bench, join } = videoScene()
  join('1', codecs('constructor', '__proto__', 'toString'))
  assert.deepEqual(bench.commands('setRtpMapping'), [])
})

test('a client that lists video codecs takes part in video, whatever Identify said', () => {
  const { bench, backend, join } = videoScene()
  const { channel_id: _, ...identify } = backend.join('2')
  const ana = join('1')
  const ben = bench
    .client('9')
    .send(0, { ...identify, video: false, streams: [{ type: 'video', rid: '100', quality: 100 }] })
  ben.send(1, { protocol: 'udp', data: DATA, codecs: codecs('H264') })
  assert.equal(ben.last(15).any, 100)
  ana.show(100)
  assert.equal(ben.last(12).video_ssrc, ana.video)
  const { ssrc } = ben.last(2).streams[0]
  ben.send(12, { audio_ssrc: 1, video_ssrc: ssrc, rtx_ssrc: ssrc + 1, streams: [] })
  assert.equal(ana.socket.last(12).video_ssrc, ssrc)
})

test('a client that declares an SSRC without listing codecs takes part with the payload types of the node', () => {
  const { bench, backend, join } = videoScene()
  const { channel_id: _, ...identify } = backend.join('2')
  const ana = join('1')
  ana.show(100)
  const ben = bench.client('9').send(0, identify).send(1, { protocol: 'udp', data: DATA })
  assert.deepEqual(ben.ops(12), [])
  const { ssrc } = ben.last(2)
  ben.send(12, { audio_ssrc: ssrc, video_ssrc: ssrc + 1 })
  assert.equal(ben.last(12).video_ssrc, ana.video, 'it is sent the video of the others')
  assert.equal(ana.socket.last(12).video_ssrc, ssrc + 1)
  const { mapping } = bench.commands('setRtpMapping').at(-1)
  assert.deepEqual(mapping.payloadTypes.slice(0, 3), [
    [120, 120],
    [101, 101],
    [102, 102],
  ])
  const early = bench.client('9').send(0, backend.join('3'))
  early.send(12, { video_ssrc: early.last(2).ssrc + 1 })
  early.send(1, { protocol: 'udp', data: DATA })
  assert.equal(ana.socket.last(12).user_id, '3', 'a declaration before Select Protocol counts too')
})

test('0 and −1 as rtx_payload_type mean that the client has none', () => {
  const { bench, backend } = videoScene()
  const { channel_id: _, ...identify } = backend.join('1')
  const listed = [-1, 0, null, undefined].map((rtx_payload_type, index) => ({
    name: ['H264', 'VP8', 'VP9', 'AV1'][index],
    type: 'video',
    payload_type: 96 + index,
    rtx_payload_type,
  }))
  const client = bench.client('9').send(0, identify).send(1, { protocol: 'udp', data: DATA, codecs: listed })
  assert.equal(client.closeCode, undefined)
  assert.deepEqual(bench.commands('setRtpMapping').at(-1).mapping.payloadTypes, [
    [120, 120],
    [101, 96],
    [105, 97],
    [107, 98],
    [109, 99],
  ])
})
