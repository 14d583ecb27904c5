// Heap growth of the router: `node --expose-gc … router-heap.ts PACKETS` prints JSON.
import { Router, SLOT } from '@parley/core'
import { encodeDiscoveryRequest, encodeRtp } from '@parley/protocol'
import { addDatagram, makeBatch, PLAIN_TAG, PlainIo } from '../../packages/core/src/testing/plain-io.ts'
import { printHeapGrowth } from './heap-growth.ts'

const PEERS = 10
const BATCH = 50
/** Packets until V8 has optimised the code: Node.js 24 boxes numbers during the first half million. */
const WARM_UP = 800_000

const ssrcOf = (peer: number) => 1000 + peer * 8
const addressOf = (peer: number) => [0, 0, 0xffff, 0x0a00_0000 + peer, 5000 + peer]

function makeChannel(io: PlainIo): Router {
  const router = new Router(io)
  router.command({ kind: 'openTargets', targets: 1 }, 0)
  for (let peer = 1; peer <= PEERS; peer++) {
    const batch = makeBatch()
    const key = new Uint8Array(32).fill(peer)
    const ssrc = ssrcOf(peer)
    addDatagram(batch, encodeDiscoveryRequest(ssrc), addressOf(peer))
    router.command({ kind: 'addPeer', peer, ssrcs: Int32Array.from({ length: 8 }, (_, index) => ssrc + index) }, 0)
    router.receive(batch, 0)
    router.command({ kind: 'protectPeer', peer, protection: 'aead_aes256_gcm_rtpsize', key, nonceStart: 0 }, 0)
    router.command({ kind: 'addTarget', targets: 1, peer }, 0)
    const sealedOnly = peer % 2 === 0
    router.command({ kind: 'limitBitrate', peer, group: 1, member: 1e9, channel: 1e10 }, 0)
    router.command({ kind: 'setRoute', ssrc, owner: peer, media: 'audio', targets: 1, sealedOnly }, 0)
  }
  return router
}

/** Feeds batches with increasing sequences, a ping and a keepalive. Frames end like encrypted ones. `now` advances for reports. */
function run(router: Router, packets: number, start: number): number {
  let now = start
  for (let sent = 0; sent < packets; sent += BATCH) {
    batch.count = BATCH + 2
    for (let slot = 0; slot < BATCH; slot++) {
      const sequence = ++sequences[slot % PEERS]! & 0xffff
      batch.view.setUint16(slot * SLOT + 2, sequence)
      batch.view.setUint32(slot * SLOT + 4, sequence * 960)
      batch.lengths[slot] = lengths[slot]!
    }
    router.receive(batch, now)
    now += 20
    if (now >= router.deadline) router.tick(now)
  }
  return now
}

const io = new PlainIo(false)
const router = makeChannel(io)
const sequences = new Int32Array(PEERS)
const batch = makeBatch()
for (let slot = 0; slot < BATCH; slot++) {
  const peer = (slot % PEERS) + 1
  const plain = encodeRtp({
    payloadType: 120,
    sequence: 0,
    timestamp: 0,
    ssrc: ssrcOf(peer),
    payload: Uint8Array.of(...new Uint8Array(117), 0x0c, 0xfa, 0xfa),
  })
  addDatagram(batch, Uint8Array.from([...plain, ...new Uint8Array(PLAIN_TAG).fill(peer)]), addressOf(peer))
}
addDatagram(batch, Uint8Array.of(0x13, 0x37, 0xca, 0xfe, 0, 0, 0, 1), addressOf(1))
addDatagram(batch, new Uint8Array(9), addressOf(1))
const lengths = batch.lengths.slice()

let now = 0
const route = (packets: number) => {
  now = run(router, packets, now)
}
printHeapGrowth(io, route, WARM_UP, () => router.takeEvents())
