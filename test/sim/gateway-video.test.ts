// Messages to video senders about wants (op 15), and to viewers about senders (op 12).
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NodeBench } from '../../packages/core/src/testing/node-bench.ts'
import { Caller, codecs, DATA, videoScene } from './video-caller.ts'

const DELAY = { update: 250, less: 2_000, better: 10_000 }

test('a new client may send video; a sender without viewers receives want 0, and want 100 at once when a viewer joins', () => {
  const { bench, join } = videoScene()
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
  const { bench, join } = videoScene()
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
  const { bench, join } = videoScene()
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
  const { bench, join } = videoScene()
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
  const { bench, join } = videoScene()
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
  const { bench, join } = videoScene()
  const [ana, ben, cleo] = [join('1'), join('2'), join('3')]
  ben.socket.send(15, { any: 100, pixelCounts: { [ana.video]: 230_400.5, [ana.audio]: 7 } })
  cleo.socket.send(15, { any: 100, pixelCounts: { [ana.video]: 921_600 } })
  ana.show(100, 50)
  bench.advance(0)
  const wants = { any: 100, [ana.video]: 100, [ana.video + 2]: 0, pixelCounts: { [ana.video]: 921_600 } }
  assert.deepEqual(ana.wants(), [{ any: 100 }, wants])
})

test('every Video declaration is answered, including a repeated one', () => {
  const { bench, join } = videoScene()
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
  const { join } = videoScene()
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
  const { bench, backend, join } = videoScene()
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
  const { bench, join } = videoScene()
  const ana = join('1', codecs('VP8'), '4')
  join('2')
  ana.show(100)
  bench.advance(10_000)
  assert.deepEqual(ana.wants(), [])
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

test('no deadline remains after a call with video', () => {
  const { bench, backend, join } = videoScene()
  const before = bench.node.inspect().deadlines
  const [ana, ben] = [join('1'), join('2', codecs('VP8'))]
  ana.show(100)
  ben.show(100)
  bench.advance(DELAY.update)
  backend.info(2, { channel_id: '500', guild_id: '100' })
  assert.equal(bench.node.inspect().deadlines, before)
})
