// Numbers of one stream towards one receiver.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Peers } from '../address/peers.ts'
import { ReceiveStream } from './receive-stream.ts'
import { SendStream } from './send-stream.ts'
import { SendStreams } from './send-streams.ts'

function makePeers() {
  const peers = new Peers()
  const [sender, receiver] = [1, 2].map(
    peer => peers.add({ kind: 'addPeer', peer, ssrcs: Int32Array.of(1000 + peer * 8) })!,
  )
  receiver!.isWebrtc = true
  const makeReachable = () => {
    receiver!.isProtected = true
    peers.nominate(receiver!, Int32Array.of(0, 0, 0xffff, 1, 1, 0), 0, 0)
  }
  return { peers, sender: sender!, receiver: receiver!, makeReachable }
}

const webrtcStream = (first: number) => new SendStream(makePeers().receiver, first)

test('sequences start in the lower half, so that both ends agree on the rollover counter when the first packets are lost', () => {
  const upper = webrtcStream(65_530)
  assert.deepEqual(
    [65_530, 65_535, 0, 3].map(sequence => upper.next(sequence, 0)),
    [32_762, 32_767, 32_768, 32_771],
  )
  const lower = webrtcStream(30_000)
  assert.equal(lower.next(30_000, 0), 30_000)
})

test('a stream that starts over continues behind the newest packet, and reordering keeps its place', () => {
  const stream = webrtcStream(1_000)
  const numbers = [1_000, 1_003, 1_001, 3, 4, 2].map(sequence => stream.next(sequence, 0))
  assert.deepEqual(numbers, [1_000, 1_003, 1_001, 1_004, 1_005, 1_003])
  assert.equal(stream.toStream(1_005), 4)
  assert.equal(stream.toReceiver(4), 1_005)
})

test('what a receiver calls a packet leads back to it, whatever the sender does with its sequences', () => {
  fc.assert(
    fc.property(fc.nat(0xffff), fc.array(fc.nat(0xffff), { maxLength: 100, size: 'max' }), (first, jumps) => {
      const stream = webrtcStream(first)
      for (const sequence of [first, ...jumps]) {
        const number = stream.next(sequence, 0)
        assert.ok(number >= 0 && number <= 0xffff)
        assert.equal(stream.toStream(number), sequence)
      }
    }),
  )
})

test('a receiver that cannot be reached has no send stream, and one with a new key gets another', () => {
  const { peers, sender, receiver, makeReachable } = makePeers()
  const streams = new SendStreams(peers)
  const stream = new ReceiveStream(1008, sender, true)
  assert.equal(streams.forPacket(stream, 2, 40_000), undefined)
  makeReachable()
  const first = streams.forPacket(stream, 2, 40_000)
  assert.ok(first !== undefined)
  assert.equal(streams.forPacket(stream, 2, 40_001), first)
  peers.unbind(receiver)
  assert.equal(streams.forPacket(stream, 2, 40_002), undefined)
  makeReachable()
  assert.equal(streams.forPacket(stream, 2, 40_003), first)
  streams.receiverEnded(2)
  assert.equal(streams.size, 0)
  assert.notEqual(streams.forPacket(stream, 2, 40_004), first)
  streams.streamEnded(stream)
  assert.equal(streams.size, 0)
})

test('a client over UDP gets a send stream for retransmissions only, in which nothing is renumbered', () => {
  const { peers, sender, receiver, makeReachable } = makePeers()
  receiver.isWebrtc = false
  makeReachable()
  const streams = new SendStreams(peers)
  const stream = new ReceiveStream(1009, sender, false)
  assert.equal(streams.forRetransmission(stream, receiver)!.toStream(65_000), 65_000)
  receiver.isWebrtc = true
  assert.equal(streams.forRetransmission(new ReceiveStream(1010, sender, false), receiver), undefined)
})

test('a stream that a receiver missed for a cycle continues behind what it was sent', () => {
  const stream = webrtcStream(1_000)
  assert.deepEqual([stream.next(1_000, 0), stream.next(1_001, 20)], [1_000, 1_001])
  assert.deepEqual([stream.next(990, 1_400_000), stream.next(991, 1_400_020)], [1_002, 1_003])
})
