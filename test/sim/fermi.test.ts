// Spacebar's web client (Fermi) in a call: from joining to the camera and ten minutes on.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VoiceOp } from '@parley/protocol'
import { connect, NodeBench } from '../../packages/core/src/testing/node-bench.ts'
import { FermiClient } from './fermi-client.ts'

const MINUTE = 60_000

/** A node with WebRTC whose handshakes are never completed: the story is about signalling. */
function scene() {
  const accept = () => assert.fail('no client sends DTLS')
  const bench = new NodeBench({ dtls: { fingerprint: 'sha-256 01:02', accept } })
  const backend = bench.backend()
  const clients: FermiClient[] = []
  const fermi = (userId: string) => {
    const client = new FermiClient(bench, backend.join(userId), 1_000_000 * (clients.length + 1))
    clients.push(client)
    return client
  }
  const advance = (duration: number) => {
    const until = bench.now + duration
    for (;;) {
      const next = Math.min(bench.node.deadline, ...clients.map(({ deadline }) => deadline))
      if (next > until) break
      bench.advance(Math.max(0, next - bench.now))
      for (const client of clients) client.tick(bench.now)
    }
    bench.advance(until - bench.now)
  }
  return { bench, backend, fermi, advance }
}

test('two clients join, learn each other’s SSRCs and speaking, and stay connected for ten minutes', () => {
  const { fermi, advance } = scene()
  const ana = fermi('1')
  advance(2_000)
  const ben = fermi('2')
  advance(3_000)
  assert.deepEqual([ana.closed, ben.closed], [undefined, undefined])
  assert.match(ana.sdp ?? '', /^m=audio 50000 ICE\/SDP\n/)
  assert.deepEqual([[...ana.audio.keys()], [...ben.audio.keys()]], [['2'], ['1']])
  ben.speak(true)
  assert.equal(ana.speaking.get('2'), true)
  ben.speak(false)
  assert.equal(ana.speaking.get('2'), false)
  advance(10 * MINUTE)
  assert.deepEqual([ana.closed, ben.closed], [undefined, undefined])
  assert.ok(ana.heartbeats > 40)
})

test('a camera is announced to the other client, forwarded under the SSRCs of the node, and announced as off', () => {
  const { bench, fermi, advance } = scene()
  const ana = fermi('1')
  const ben = fermi('2')
  advance(3_000)
  ana.setCamera(true)
  advance(1_000)
  const ssrc = ben.video.get('1')
  assert.ok(ssrc !== undefined)
  const mapped = new Map(bench.commands('mapSsrc').map(({ clientSsrc, ssrc }) => [clientSsrc, ssrc]))
  assert.deepEqual([mapped.get(1_000_007), mapped.get(1_000_009)], [ssrc, ssrc + 1])
  const route = bench.commands('setRoute').findLast(command => command.ssrc === ssrc)
  const viewers = bench.commands('addTarget').filter(({ targets }) => targets === route?.targets)
  assert.equal(viewers.length, 2, 'both clients receive video')
  ana.setCamera(false)
  assert.ok(bench.commands('removeRoute').some(command => command.ssrc === ssrc))
  advance(10 * MINUTE)
  assert.deepEqual([ana.closed, ben.closed], [undefined, undefined])
})

test('a client that joins while a camera is on receives it', () => {
  const { fermi, advance } = scene()
  const ana = fermi('1')
  advance(3_000)
  ana.setCamera(true)
  const ben = fermi('2')
  advance(3_000)
  assert.ok(ben.video.has('1'))
})

test('a Discord client of version 8 and this client learn each other’s audio, and its camera is sent to viewers only', () => {
  const { bench, backend, fermi, advance } = scene()
  const ana = fermi('1')
  advance(2_000)
  const bot = connect(bench, backend.join('2'), '8')
  const { ssrc } = bot.last(VoiceOp.Ready)
  bot.send(VoiceOp.Speaking, { speaking: 1, delay: 0, ssrc })
  advance(2_000)
  assert.equal(ana.audio.get('2'), ssrc)
  assert.equal(ana.speaking.get('2'), true)
  ana.speak(true)
  assert.equal(bot.last(VoiceOp.Speaking).speaking, 1)
  ana.setCamera(true)
  assert.deepEqual(bot.ops(VoiceOp.Video), [], 'a client without video is not sent op 12')
  assert.equal(ana.closed, undefined)
})
