// What senders of video are told of their viewers (op 15) and of the codec to use (op 14), and viewers of senders (op 12).
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type BenchBackend, type BenchSocket, NodeBench } from '../../packages/core/src/testing/node-bench.ts'

const DELAY = { update: 250, less: 2_000, better: 10_000 }

interface CodecWords {
  encode?: boolean
  decode?: boolean
}
/** A client's codecs, the first the best, numbered as native clients number them. */
const codecs = (...names: (string | [string, CodecWords])[]) => [
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

  /** What it was told since it last asked. */
  wants(): object[] {
    return this.#take(15)
  }
  codecsTold(): string[] {
    return this.#take(14).map(({ video_codec }: { video_codec: string }) => video_codec)
  }

  // biome-ignore lint/suspicious/noExplicitAny: what a test reads of a message is checked by its assertions
  #take(op: number): any[] {
    const told = this.socket.ops(op).map(({ d }) => d)
    const rest = this.socket.received.filter(message => message.op !== op)
    this.socket.received.splice(0, Infinity, ...rest)
    return told
  }
}

function scene() {
  const bench = new NodeBench()
  const backend = bench.backend()
  const join = (userId: string, listed = codecs('H264', 'VP8'), version = '9') =>
    new Caller(bench, backend, userId, listed, version)
  return { bench, backend, join }
}

test('who comes may send; who then sends to nobody is told so, and told anew as soon as somebody looks', () => {
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

test('the most that a viewer wants is told: more at once, less after a while', () => {
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

test('a viewer who looks away and back in a moment is not told of', () => {
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

test('viewers who want more and more are told of four times a second', () => {
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
  const told = ana.wants()
  assert.ok(told.length >= 4 && told.length <= 5, `${told.length} times`)
  assert.deepEqual(told.at(-1), { any: 100, [ana.video]: 100 })
})

test('whoever begins to look has a keyframe asked for', () => {
  const { bench, join } = scene()
  const asked = () => bench.commands('askKeyframe').map(({ ssrc }) => ssrc)
  const [ana, ben] = [join('1'), join('2')]
  ana.show(100)
  assert.deepEqual(asked(), [], 'what begins, begins with one')
  join('3')
  assert.deepEqual(asked(), [ana.video])
  ben.socket.send(15, { any: 100, [ana.video]: 50 })
  assert.deepEqual(asked(), [ana.video], 'he looked before')
  ben.socket.send(15, { any: 0 })
  ben.socket.send(15, { any: 0, [ana.video]: 1 })
  assert.deepEqual(asked(), [ana.video, ana.video])
})

test('layers that are not forwarded are not wanted, and shown pixels are told', () => {
  const { bench, join } = scene()
  const [ana, ben, cleo] = [join('1'), join('2'), join('3')]
  ben.socket.send(15, { any: 100, pixelCounts: { [ana.video]: 230_400.5, [ana.audio]: 7 } })
  cleo.socket.send(15, { any: 100, pixelCounts: { [ana.video]: 921_600 } })
  ana.show(100, 50)
  bench.advance(0)
  const told = { any: 100, [ana.video]: 100, [ana.video + 2]: 0, pixelCounts: { [ana.video]: 921_600 } }
  assert.deepEqual(ana.wants(), [{ any: 100 }, told])
})

test('every declaration of video is answered, also one that repeats', () => {
  const { bench, join } = scene()
  const [ana, ben] = [join('1'), join('2')]
  ana.wants()
  ben.socket.clear()
  for (let round = 0; round < 3; round++) {
    ana.show(100)
    bench.advance(DELAY.update)
    assert.deepEqual(ana.wants(), [{ any: 100, [ana.video]: 100 }])
  }
  assert.equal(ben.socket.ops(12).length, 1, 'viewers hear of changes only')
  ana.show(60)
  assert.equal(ben.socket.last(12).streams[0].quality, 60)
})

test('a camera is on with a layer that is on, or with none and an SSRC', () => {
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

test('who is deafened, has no video or turned it away looks at nobody', () => {
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

test('below version 5 nothing is told of wants', () => {
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

test('somebody who cannot decode it changes the codec at once, and his leaving only after a while', () => {
  const { bench, join } = scene()
  const ana = join('1', codecs('AV1', 'VP8'))
  const ben = join('2', codecs('AV1', 'H264', 'VP8'))
  bench.advance(1_000)
  assert.deepEqual([ana.codecsTold(), ben.codecsTold()], [[], []])
  const cleo = join('3', codecs('VP8'))
  bench.advance(0)
  assert.deepEqual(ana.socket.last(14), { audio_codec: 'opus', video_codec: 'VP8' })
  assert.deepEqual([ana.codecsTold(), ben.codecsTold(), cleo.codecsTold()], [['VP8'], ['VP8'], []])
  cleo.socket.drop(1000)
  bench.advance(DELAY.better - 1)
  assert.deepEqual([ana.codecsTold(), ben.codecsTold()], [[], []])
  const dan = join('4', codecs('AV1'))
  bench.advance(DELAY.better - DELAY.update)
  assert.deepEqual([ana.codecsTold(), ben.codecsTold()], [['AV1'], ['AV1']], 'nothing but AV1 is good for Dan')
  dan.socket.drop(1000)
  bench.advance(2 * DELAY.better)
  assert.deepEqual([ana.codecsTold(), ben.codecsTold()], [[], []])
})

test('a better codec is told once everything has stayed as it is for ten seconds', () => {
  const { bench, join } = scene()
  const ana = join('1', codecs('AV1', 'VP8'))
  const ben = join('2', codecs('VP8'))
  bench.advance(DELAY.update)
  assert.deepEqual(ana.codecsTold(), ['VP8'])
  ben.socket.drop(1000)
  bench.advance(DELAY.better / 2)
  const cleo = join('3', codecs('AV1', 'VP8'))
  bench.advance(DELAY.better - 1)
  assert.deepEqual(ana.codecsTold(), [])
  bench.advance(1)
  assert.deepEqual([ana.codecsTold(), cleo.codecsTold()], [['AV1'], []])
})

test('where no codec is good for all, each uses his best, and nobody is told so in a hurry', () => {
  const { bench, join } = scene()
  const ana = join('1', codecs('H264', 'VP8'))
  join('2', codecs('VP8'))
  bench.advance(DELAY.update)
  assert.deepEqual(ana.codecsTold(), ['VP8'])
  const cleo = join('3', codecs('AV1'))
  assert.equal(cleo.socket.last(4).video_codec, 'AV1')
  bench.advance(DELAY.better)
  assert.deepEqual(ana.codecsTold(), ['H264'])
  assert.equal(join('4', []).socket.last(4).video_codec, 'H264')
})

test('a client that lists other codecs later changes its own and the others’', () => {
  const { bench, join } = scene()
  const ana = join('1', codecs('AV1', 'VP8'))
  const ben = join('2', codecs('AV1', 'VP8'))
  bench.advance(DELAY.update)
  ben.socket.send(14, { codecs: codecs('VP8') })
  bench.advance(0)
  assert.deepEqual([ana.codecsTold(), ben.codecsTold()], [['VP8'], ['VP8']])
  const form = bench.commands('setForm').at(-1).form
  assert.deepEqual(form.payloadTypes, [
    [120, 120],
    [105, 101],
    [106, 102],
  ])
  ben.socket.send(14, { codecs: [] })
  ana.show(100)
  bench.advance(0)
  assert.deepEqual(ana.wants().at(-1), { any: 0, [ana.video]: 0 }, 'he sees nothing any more')
})

test('a client below version 8 that resumes is told anew what it may have missed', () => {
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

test('codecs with names of other things are no codecs', () => {
  const { bench, join } = scene()
  join('1', codecs('constructor', '__proto__', 'toString'))
  assert.deepEqual(bench.commands('setForm'), [])
})

test('after a call with video no deadline is left', () => {
  const { bench, backend, join } = scene()
  const before = bench.node.inspect().deadlines
  const [ana, ben] = [join('1'), join('2', codecs('VP8'))]
  ana.show(100)
  ben.show(100)
  bench.advance(DELAY.update)
  backend.info(2, { channel_id: '500', guild_id: '100' })
  assert.equal(bench.node.inspect().deadlines, before)
})
