// Heap growth of two lanes of one channel: `node --expose-gc … rings-heap.ts PACKETS` prints JSON. The first opens packets of a speaker
// without listeners there, the second sends each to nine listeners.
import { PacketRing, Router, SLOT } from '@parley/core'
import { encodeDiscoveryRequest, encodeRtp } from '@parley/protocol'
import { addDatagram, makeBatch, PLAIN_TAG, PlainIo } from '../../packages/core/src/testing/plain-io.ts'
import { printHeapGrowth } from './heap-growth.ts'

const LISTENERS = 9
const BATCH = 50
/** See router-heap.ts. */
const WARM_UP = 800_000
const SPEAKER = 100
const HOME = 0
const AWAY = 1

const ssrcOf = (peer: number) => 1000 + peer * 8
const ssrcs = (peer: number) => Int32Array.from({ length: 8 }, (_, index) => ssrcOf(peer) + index)
const addressOf = (peer: number) => [0, 0, 0xffff, 0x0a00_0000 + peer, 5000 + peer, 0]

function join(router: Router, peer: number): void {
  const batch = makeBatch()
  addDatagram(batch, encodeDiscoveryRequest(ssrcOf(peer)), addressOf(peer))
  router.command({ kind: 'addPeer', peer, ssrcs: ssrcs(peer) }, 0)
  router.receive(batch, 0)
  const key = new Uint8Array(32).fill(peer)
  router.command({ kind: 'protectPeer', peer, protection: 'aead_aes256_gcm_rtpsize', key, nonceStart: 0 }, 0)
}

const io = new PlainIo(false)
const home = new Router(new PlainIo(false))
const away = new Router(io)
const memory = new SharedArrayBuffer(PacketRing.size)
// As between threads: an uptime in milliseconds, with a fraction.
const options = { clockOffset: 3_000_000.25 }
home.addOutput(AWAY, new PacketRing(memory, options))
away.addInput(HOME, new PacketRing(memory, options))

const route = { kind: 'setRoute', ssrc: ssrcOf(SPEAKER), owner: SPEAKER, media: 'audio', targets: 1 } as const
for (const router of [home, away]) router.command({ kind: 'openTargets', targets: 1 }, 0)
join(home, SPEAKER)
home.command({ ...route, lanes: [AWAY] }, 0)
away.command({ kind: 'addPeer', peer: SPEAKER, ssrcs: ssrcs(SPEAKER), lane: HOME }, 0)
away.command(route, 0)
for (let peer = 1; peer <= LISTENERS; peer++) {
  join(away, peer)
  away.command({ kind: 'addTarget', targets: 1, peer }, 0)
}

const batch = makeBatch()
const plain = encodeRtp({
  payloadType: 120,
  sequence: 0,
  timestamp: 0,
  ssrc: ssrcOf(SPEAKER),
  payload: new Uint8Array(120),
})
for (let slot = 0; slot < BATCH; slot++)
  addDatagram(batch, Uint8Array.from([...plain, ...new Uint8Array(PLAIN_TAG).fill(SPEAKER)]), addressOf(SPEAKER))
const lengths = batch.lengths.slice()
let sequence = 0
let now = 0

function run(packets: number): void {
  for (let sent = 0; sent < packets; sent += BATCH) {
    for (let slot = 0; slot < BATCH; slot++) {
      sequence++
      batch.view.setUint16(slot * SLOT + 2, sequence & 0xffff)
      batch.view.setUint32(slot * SLOT + 4, sequence * 960)
      batch.lengths[slot] = lengths[slot]!
    }
    home.receive(batch, now)
    away.receiveCrossed(64, now)
    now += 20
    if (now >= home.deadline) home.tick(now)
    if (now >= away.deadline) away.tick(now)
  }
}

printHeapGrowth(io, run, WARM_UP, () => [...home.takeEvents(), ...away.takeEvents()])
