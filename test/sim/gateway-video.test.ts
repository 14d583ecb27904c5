// Messages to video senders about wants (op 15) and the codec to use (op 14), and to viewers about senders (op 12).
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type BenchBackend, type BenchSocket, NodeBench } from '../../packages/core/src/testing/node-bench.ts'

const DELAY = { update: 250, less: 2_000, better: 10_000 }

interface CodecFields {
  encode?: boolean
  decode?: boolean
}
/** A client's codecs in order of preference, with the payload types of Discord clients. */
const codecs = (...names: (string | [string, CodecFields])[]) => [
  { name: 'opus', type: 'audio', priority: 1000, payload_type: 120 },
  ...names.map((name, index) => ({
    ...{ name: typeof name === 'string' ? name : name[0], type: 'video', priority: (index + 1) * 1000 },
    ...{ payload_type: 101 + 2 * index, rtx_payload_type: 102 + 2 * index },
    ...(typeof name === 'string' ? {} : name[1]),
  })),
]

const DATA = { address: '192.0.2.1', port: 40_000, mode: 'aead_aes256_gcm_rtpsize' }

class Caller {
  readonly socket: BenchSocket
  readonly userId: string
  readonly audio: number
  readonly video: number

  constructor(bench: NodeBench, backend: BenchBackend, userId: string, listed: unknown[], version = '9') {
    const { channel_id: _, ...identify } = backend.join(userId)
    this.userId = userId
    this.socket = bench.client(version).send(0, { ...identify, video: true })
    this.socket.send(1, { protocol: 'udp', data: DATA, codecs: listed })
    this.audio = this.socket.last(2).ssrc
    this.video = this.audio + 1
  }

  /** Declares one layer per quality; none turns the camera off. */
  show(...qualities: number[]): void {
    const streams = qualities.map((quality, index) => {
      const ssrc = this.video + 2 * index
      return { type: 'video', rid: String(quality), ssrc, rtx_ssrc: ssrc + 1, active: true, quality }
    })
    const isOn = qualities.length > 0
    this.socket.send(12, {
      audio_ssrc: this.audio,
      video_ssrc: isOn ? this.video : 0,
      rtx_ssrc: isOn ? this.video + 1 : 0,
      streams,
    })
  }

  /** Wants received since the last call. */
  wants(): object[] {
    return this.#take(15)
  }
  receivedCodecs(): string[] {
    return this.#take(14).map(({ video_codec }: { video_codec: string }) => video_codec)
  }

  // biome-ignore lint/suspicious/noExplicitAny: what a test reads of a message is checked by its assertions
  #take(op: number): any[] {
    const taken = this.socket.ops(op).map(({ d }) => d)
    const rest = this.socket.received.filter(message => message.op !== op)
    this.socket.received.splice(0, Infinity, ...rest)
    return taken
  }
}

function scene() {
  const bench = new NodeBench()
  const backend = bench.backend()
  const join = (userId: string, listed = codecs('H264', 'VP8'), version = '9') =>
    new Caller(bench, backend, userId, listed, version)
  return { bench, backend, join }
}

test('a new client may send video; a sender without viewers receives want 0, and want 100 at once when a viewer joins', () => {
  const { bench, join } = scene()
  const ana = join('1')
  assert.deepEqual(ana.wants(), [{ any: 100 }])
  ana.show(100)
  bench.advance(0)
  assert.deepEqual(ana.wants(), [{ any: 0, [ana.video]: 0 }])
  bench.advance(DELAY.update)
  const ben = join('2')
  bench.advance(0)
  assert.deepEqual(ana.wants(), [{ any: 100, [ana.video]: 100 }])
  bench.advance(DELAY.update)
  ben.socket.drop(1000)
  bench.advance(DELAY.less - 1)
  assert.deepEqual(ana.wants(), [])
  bench.advance(1)
  assert.deepEqual(ana.wants(), [{ any: 0, [ana.video]: 0 }])
  bench.advance(60_000)
  assert.deepEqual(ana.wants(), [])
})

test('a sender receives the highest want of its viewers: increases at once, decreases after a delay', () => {
  const { bench, join } = scene()
  const [ana, ben, cleo] = [join('1'), join('2'), join('3')]
  ana.show(100)
  bench.advance(0)
  ana.wants()
  ben.socket.send(15, { any: 100, [ana.video]: 50 })
  cleo.socket.send(15, { any: 0, [ana.video]: 20 })
  bench.advance(DELAY.update + DELAY.less)
  assert.deepEqual(ana.wants(), [{ any: 50, [ana.video]: 50 }])
  bench.advance(DELAY.update)
  cleo.socket.send(15, { any: 80 })
  bench.advance(0)
  assert.deepEqual(ana.wants(), [{ any: 80, [ana.video]: 80 }])
})

test('a brief drop of a want is not sent to the sender', () => {
  const { bench, join } = scene()
  const [ana, ben] = [join('1'), join('2')]
  ana.show(100)
  bench.advance(DELAY.update)
  ana.wants()
  for (let round = 0; round < 10; round++) {
    ben.socket.send(15, { any: 100, [ana.video]: 0 })
    bench.advance(DELAY.less - DELAY.update - 1)
    ben.socket.send(15, { any: 100 })
    bench.advance(DELAY.update + 1)
  }
  assert.deepEqual(ana.wants(), [])
})

test('increasing wants are sent at most four times a second', () => {
  const { bench, join } = scene()
  const [ana, ben] = [join('1'), join('2')]
  ben.socket.send(15, { any: 1 })
  ana.show(100)
  bench.advance(DELAY.update)
  ana.wants()
  for (let want = 1; want <= 100; want++) {
    ben.socket.send(15, { any: want })
    bench.advance(10)
  }
  bench.advance(DELAY.update)
  const wants = ana.wants()
  assert.ok(wants.length >= 4 && wants.length <= 5, `${wants.length} times`)
  assert.deepEqual(wants.at(-1), { any: 100, [ana.video]: 100 })
})

test('a new viewer triggers a keyframe request', () => {
  const { bench, join } = scene()
  const requested = () => bench.commands('askKeyframe').map(({ ssrc }) => ssrc)
  const [ana, ben] = [join('1'), join('2')]
  ana.show(100)
  assert.deepEqual(requested(), [], 'a new stream starts with a keyframe')
  join('3')
  assert.deepEqual(requested(), [ana.video])
  ben.socket.send(15, { any: 100, [ana.video]: 50 })
  assert.deepEqual(requested(), [ana.video], 'an existing viewer needs no keyframe')
  ben.socket.send(15, { any: 0 })
  ben.socket.send(15, { any: 0, [ana.video]: 1 })
  assert.deepEqual(requested(), [ana.video, ana.video])
})

test('layers that are not forwarded receive want 0, and pixel counts are sent to the sender', () => {
  const { bench, join } = scene()
  const [ana, ben, cleo] = [join('1'), join('2'), join('3')]
  ben.socket.send(15, { any: 100, pixelCounts: { [ana.video]: 230_400.5, [ana.audio]: 7 } })
  cleo.socket.send(15, { any: 100, pixelCounts: { [ana.video]: 921_600 } })
  ana.show(100, 50)
  bench.advance(0)
  const wants = { any: 100, [ana.video]: 100, [ana.video + 2]: 0, pixelCounts: { [ana.video]: 921_600 } }
  assert.deepEqual(ana.wants(), [{ any: 100 }, wants])
})

test('every Video declaration is answered, including a repeated one', () => {
  const { bench, join } = scene()
  const [ana, ben] = [join('1'), join('2')]
  ana.wants()
  ben.socket.clear()
  for (let round = 0; round < 3; round++) {
    ana.show(100)
    bench.advance(DELAY.update)
    assert.deepEqual(ana.wants(), [{ any: 100, [ana.video]: 100 }])
  }
  assert.equal(ben.socket.ops(12).length, 1, 'viewers receive changes only')
  ana.show(60)
  assert.equal(ben.socket.last(12).streams[0].quality, 60)
})

test('a camera is on with an active layer, or with an SSRC and no layers', () => {
  const { join } = scene()
  const [ana, ben] = [join('1'), join('2')]
  const { video } = ana
  const layer = { type: 'video', rid: '100', quality: 100, ssrc: video, rtx_ssrc: video + 1 }
  for (const [declared, isOn] of [
    [{ video_ssrc: video, streams: [{ ...layer, active: true }] }, true],
    [{ video_ssrc: video, streams: [{ ...layer, active: false }] }, false],
    [{ video_ssrc: video }, true],
    [{ video_ssrc: 0, streams: [{ ...layer, active: true }] }, false],
    [{ video_ssrc: video, streams: [] }, true],
    [{ video_ssrc: video, streams: [{ ...layer, ssrc: 0, active: true }] }, false],
    [{ audio_ssrc: ana.audio, video_ssrc: video, rtx_ssrc: video + 1, streams: null }, true],
    [{ audio_ssrc: ana.audio }, false],
  ] as const) {
    ana.socket.send(12, declared)
    const { user_id, audio_ssrc, video_ssrc } = ben.socket.last(12)
    assert.deepEqual(
      [user_id, audio_ssrc, video_ssrc],
      ['1', ana.audio, isOn ? video : 0],
      `after ${JSON.stringify(declared)}`,
    )
  }
})

test('a client that is deafened, has no video codecs or wants none is not a viewer', () => {
  const { bench, backend, join } = scene()
  const ana = join('1')
  const ben = join('2')
  join('3', [])
  backend.info(6, { user_id: '2', channel_id: '500', guild_id: '100', deaf: true })
  ana.wants()
  ana.show(100)
  bench.advance(0)
  assert.deepEqual(ana.wants(), [{ any: 0, [ana.video]: 0 }])
  backend.info(6, { user_id: '2', channel_id: '500', guild_id: '100', deaf: false })
  ben.socket.send(15, { any: 0 })
  bench.advance(10_000)
  assert.deepEqual(ana.wants(), [])
})

test('below version 5 no wants are sent', () => {
  const { bench, join } = scene()
  const ana = join('1', codecs('VP8'), '4')
  join('2')
  ana.show(100)
  bench.advance(10_000)
  assert.deepEqual(ana.wants(), [])
})

test('the codec is the sender’s first that all others can decode', () => {
  const { join } = scene()
  const codecOf = (caller: Caller) => caller.socket.last(4).video_codec
  assert.equal(codecOf(join('1', codecs('AV1', 'VP8'))), 'AV1')
  assert.equal(codecOf(join('2', codecs('H264', 'VP8', 'AV1'))), 'VP8')
  const cleo = join('3', codecs(['AV1', { encode: false }], 'H265', ['vp8', { encode: true }]))
  assert.equal(codecOf(cleo), 'vp8')
})

test('a client that cannot decode the codec changes it at once, and its leaving changes it after a delay', () => {
  const { bench, join } = scene()
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
  const { bench, join } = scene()
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
  const { bench, join } = scene()
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
  const { bench, join } = scene()
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

test('a client below version 8 receives codec and wants again after a resume', () => {
  const bench = new NodeBench()
  const backend = bench.backend()
  const credentials = backend.join('1')
  const { channel_id: _, ...identify } = credentials
  const ana = bench.client('7').send(0, { ...identify, video: true })
  ana.send(1, { protocol: 'udp', data: DATA, codecs: codecs('AV1', 'VP8') })
  const video = ana.last(2).ssrc + 1
  ana.send(12, { video_ssrc: video, streams: [{ ssrc: video, active: true }] })
  const ben = new Caller(bench, backend, '2', codecs('AV1', 'VP8'))
  bench.advance(DELAY.update)
  ana.drop()
  ben.socket.send(14, { codecs: codecs('VP8') }).send(15, { any: 40 })
  bench.advance(DELAY.less + DELAY.update)
  const { user_id: __, ...resume } = identify
  const resumed = bench.client('7').send(7, resume)
  bench.advance(DELAY.update)
  assert.equal(resumed.last(14).video_codec, 'VP8')
  assert.deepEqual(resumed.last(15), { any: 40, [video]: 40 })
})

test('codecs named like properties of Object.prototype are ignored', () => {
  const { bench, join } = scene()
  join('1', codecs('constructor', '__proto__', 'toString'))
  assert.deepEqual(bench.commands('setRtpMapping'), [])
})

test('no deadline remains after a call with video', () => {
  const { bench, backend, join } = scene()
  const before = bench.node.inspect().deadlines
  const [ana, ben] = [join('1'), join('2', codecs('VP8'))]
  ana.show(100)
  ben.show(100)
  bench.advance(DELAY.update)
  backend.info(2, { channel_id: '500', guild_id: '100' })
  assert.equal(bench.node.inspect().deadlines, before)
})
