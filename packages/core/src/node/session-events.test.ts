// The log lines of a session: its start and its end, with what the lane measured.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VoiceClose } from '@parley/protocol'
import { connect, NodeBench } from '../testing/node-bench.ts'

function scene() {
  const bench = new NodeBench()
  const backend = bench.backend()
  const credentials = backend.join('7')
  const lines = (event: string) => bench.notes.filter(note => note.event === event).map(({ fields }) => fields!)
  return { bench, lines, ana: connect(bench, credentials), peer: bench.commands('addPeer').at(-1).peer as number }
}

test('one line at the end of a session says who, from where, how long, why, and how its packets arrived', () => {
  const { bench, lines, ana, peer } = scene()
  assert.equal(lines('voice.connected')[0]!.took, 0)
  bench.advance(10_000)
  ana.drop(1000)
  assert.deepEqual(lines('voice.disconnected'), [])
  const reported = { loss: 0.0123, roundTrip: 41.26 }
  bench.laneEvent({ kind: 'peerEnded', quality: { peer, packets: 980, lost: 20, jitter: 3.14, reported } })
  bench.laneEvent({ kind: 'peerEnded', quality: { peer, packets: 980, lost: 20, jitter: 3, reported } })
  assert.deepEqual(lines('voice.disconnected'), [
    {
      backend: 'main',
      channel: '500',
      user: '7',
      version: 8,
      address: '192.0.2.1',
      code: 1000,
      reason: 'closed by the client',
      transport: 'udp',
      duration: 10,
      packets: 980,
      lost: 20,
      loss: 0.02,
      jitter: 3.1,
      reportedLoss: 0.012,
      roundTrip: 41.3,
    },
  ])
})

test('if the lane is lost, the line has what it last reported', () => {
  const { bench, lines, peer } = scene()
  bench.laneEvent({ kind: 'qualities', qualities: [{ peer, packets: 50, lost: 0, jitter: 1, reported: undefined }] })
  assert.equal(bench.node.inspect().sessions[0]!.quality?.packets, 50)
  bench.input(now => bench.node.laneLost(0, 'a test', now))
  const [line] = lines('voice.disconnected')
  assert.equal(line?.code, VoiceClose.ServerCrashed)
  assert.equal(line?.packets, 50)
})

test('lanes are asked for the quality of their peers every five seconds', () => {
  const { bench } = scene()
  for (let second = 0; second < 10; second++) {
    bench.input(now => bench.node.measured({ eventLoopLag: 0 }, now))
    bench.now += 1_000
  }
  assert.equal(bench.commands('report').length, 10)
  assert.equal(bench.commands('reportPeers').length, 2)
})

test('a client above its bit rate is one line a minute, and each packet counts for its backend', () => {
  const { bench, lines, peer } = scene()
  for (let second = 0; second < 61; second++) {
    bench.laneEvent({ kind: 'overBitrate', peer, member: 2, channel: 1 })
    bench.advance(1_000)
  }
  assert.deepEqual(
    lines('voice.over_bitrate').map(({ user, overMember, overChannel }) => [user, overMember, overChannel]),
    [
      ['7', 2, 1],
      ['7', 120, 60],
    ],
  )
  assert.equal(bench.node.inspect().backends[0]?.overBitrate, 183)
})
