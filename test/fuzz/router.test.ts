// Fuzz: a lane that receives arbitrary datagrams. It never throws, sends only to peers, and never amplifies.
import assert from 'node:assert/strict'
import { Router } from '@parley/core'
import { encodeDiscoveryRequest, encodeReceiverReport, encodeRtp } from '@parley/protocol'
import { addDatagram, makeBatch, PLAIN_TAG, PlainIo } from '../../packages/core/src/testing/plain-io.ts'
import { sealedWith } from '../../packages/core/src/testing/plain-lane.ts'
import { fuzz } from './harness.ts'

const PEERS = [1, 2, 3]
const ssrcOf = (peer: number) => 1000 + peer * 8
const tag = (peer: number) => new Uint8Array(PLAIN_TAG).fill(peer)
const sealed = (peer: number, plain: Uint8Array) => Uint8Array.from([...plain, ...tag(peer)])
const opus = (peer: number, sequence: number) =>
  encodeRtp({ payloadType: 120, sequence, timestamp: sequence * 960, ssrc: ssrcOf(peer), payload: new Uint8Array(40) })

const io = new PlainIo()
const router = new Router(io)
let now = 0
router.command({ kind: 'openTargets', targets: 1 }, now)
for (const peer of PEERS) {
  const ssrcs = Int32Array.from({ length: 8 }, (_, index) => ssrcOf(peer) + index)
  router.command({ kind: 'addPeer', peer, ssrcs }, now)
  const protection = 'aead_aes256_gcm_rtpsize'
  router.command({ kind: 'protectPeer', peer, protection, key: new Uint8Array(32).fill(peer), nonceStart: 0 }, now)
  router.command({ kind: 'addTarget', targets: 1, peer }, now)
  router.command({ kind: 'setRoute', ssrc: ssrcOf(peer), owner: peer, media: 'audio', targets: 1 }, now)
  router.command({ kind: 'setRoute', ssrc: ssrcOf(peer) + 1, owner: peer, media: 'video', targets: 1 }, now)
}

const batch = makeBatch()
const before = { in: 0, out: 0 }

fuzz('a lane keeps its invariants on arbitrary datagrams', {
  covers: ['core/media/ingress.ts', 'core/media/rtcp-input.ts', 'core/media/address/discovery.ts'],
  corpus: [
    ...PEERS.flatMap(peer => [1, 2, 500, 40_000].map(sequence => sealed(peer, opus(peer, sequence)))),
    ...PEERS.flatMap(peer => [1, 2, 3, 4, 5].map(nonce => sealedWith(nonce, peer, opus(peer, nonce % 3)))),
    ...PEERS.map(peer => sealed(peer, encodeReceiverReport(ssrcOf(peer), []))),
    ...PEERS.map(peer => encodeDiscoveryRequest(ssrcOf(peer))),
    Uint8Array.of(0x13, 0x37, 0xca, 0xfe, 0, 0, 0, 1),
    new Uint8Array(8),
    new Uint8Array(3000).fill(0x80),
  ],
  run(bytes) {
    now += 7
    batch.count = 0
    // The first bytes choose the source address, so that mutations change it too.
    const port = (bytes[1] ?? 0) & 3
    addDatagram(batch, bytes, [0, 0, 0xffff, 0x0a00_0000 + ((bytes[3] ?? 0) & 3), port])
    addDatagram(batch, bytes, [-1, bytes.length, 0, -1, 0xffff])
    router.receive(batch, now)
    router.tick(now)
    checkSent(bytes.length)
    checkEvents()
  },
})

function checkSent(requestLength: number): void {
  for (const { peer, bytes } of io.take()) {
    assert.ok(peer === 0 || PEERS.includes(peer))
    assert.ok(peer !== 0 || bytes.length <= requestLength, 'a response is longer than its request')
    if (peer !== 0 && bytes[1]! < 192) assert.equal(bytes[0]! & 0x2f, 0, 'padding or CSRCs left')
  }
}

function checkEvents(): void {
  router.command({ kind: 'report' }, now)
  for (const event of router.takeEvents()) {
    if (event.kind !== 'counters') continue
    const { datagramsIn, packetsOut, packetsIn } = event.counters
    assert.equal(datagramsIn, before.in + 2)
    assert.ok(packetsOut >= before.out && packetsIn <= datagramsIn)
    before.in = datagramsIn
    before.out = packetsOut
  }
  const { peers, addresses, routes } = router.inspect()
  assert.deepEqual([peers, routes], [3, 6])
  assert.ok(addresses <= 3)
}
