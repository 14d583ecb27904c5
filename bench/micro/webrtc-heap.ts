// Heap growth of the router with packets of WebRTC clients: `node --expose-gc … webrtc-heap.ts PACKETS` prints JSON.
import { type RtpMappingDescription, SLOT } from '@parley/core'
import { encodeRtp } from '@parley/protocol'
import { BROWSER_TYPES } from '../../packages/core/src/testing/mappings.ts'
import { addDatagram, makeBatch, PlainIo } from '../../packages/core/src/testing/plain-io.ts'
import { checkOf, PlainLane, sealed, ssrcOf } from '../../packages/core/src/testing/plain-lane.ts'
import { printHeapGrowth } from './heap-growth.ts'

const BROWSERS = [1, 2, 3, 4, 5]
const NATIVES = [6, 7, 8, 9, 10]
const MAPPING: RtpMappingDescription = {
  payloadTypes: BROWSER_TYPES,
  extensions: { audioLevel: 1, transportSequence: 3 },
}
const PER_BATCH = 50
/** Milliseconds between batches. */
const STEP = 2
const wordsOf = (peer: number) => [0, 0, 0xffff, 0x0a00_0000 + peer, 5_000]
const ownOf = (peer: number) => 0x2a00_0000 + peer * 4

const io = new PlainIo(false)
const lane = new PlainLane(undefined, io)
for (const peer of BROWSERS) lane.connectWebrtcPeer(peer, MAPPING)
for (const peer of NATIVES) lane.connectNative(peer)
lane.listen(...BROWSERS, ...NATIVES)
lane.routeAudio(...BROWSERS)
for (const peer of BROWSERS) {
  lane.routeVideo(peer, ownOf(peer) + 1)
  lane.command({ kind: 'mapSsrc', peer, clientSsrc: ownOf(peer), ssrc: ssrcOf(peer) })
}

/** Audio and video packets, alternating, with transport-wide sequence numbers. */
const batch = makeBatch()
for (let slot = 0; slot < PER_BATCH; slot++) {
  const peer = BROWSERS[slot % BROWSERS.length]!
  const isVideo = slot % 2
  const extension = { profile: 0xbede, elements: Uint8Array.of(0x10, 0xb2, 0x31, 0, 0, 0, 0, 0) }
  const payload = new Uint8Array(isVideo ? 1_000 : 120)
  // A keyframe of VP8, because viewers whose bandwidth permits a source again start with one.
  payload[0] = 0x10
  const own = { payloadType: isVideo ? 96 : 111, ssrc: ownOf(peer) + isVideo }
  addDatagram(batch, sealed(peer, encodeRtp({ ...own, sequence: 0, timestamp: 0, payload, extension })), wordsOf(peer))
}
const plain = batch.bytes.slice()
const lengths = batch.lengths.slice()
const sequences = new Int32Array(32)
const transport = new Int32Array(32)

/** One video packet in two hundred arrives out of order. */
function run(packets: number): void {
  for (let sent = 0; sent < packets; sent += PER_BATCH) {
    batch.bytes.set(plain)
    batch.count = PER_BATCH
    for (let slot = 0; slot < PER_BATCH; slot++) {
      const peer = BROWSERS[slot % BROWSERS.length]!
      const stream = peer * 2 + (slot % 2)
      const sequence = ++sequences[stream]! & 0xffff
      batch.view.setUint16(slot * SLOT + 2, (slot % 2 === 1 && sequence % 200 < 2 ? sequence ^ 1 : sequence) & 0xffff)
      batch.view.setUint32(slot * SLOT + 4, sequence * 960)
      batch.view.setUint16(slot * SLOT + 19, ++transport[peer]! & 0xffff)
      batch.lengths[slot] = lengths[slot]!
    }
    lane.router.receive(batch, lane.now)
    lane.now += STEP
    if (lane.now >= lane.router.deadline) lane.router.tick(lane.now)
    if (lane.now % 5_000 === 0) check()
  }
}

function check(): void {
  for (const peer of BROWSERS) {
    const asked = makeBatch()
    addDatagram(asked, checkOf(peer), wordsOf(peer))
    lane.router.receive(asked, lane.now)
  }
}

// V8 allocates while it still optimizes: Node.js 24 takes three times as many packets for that as Node.js 20.
const WARM_UP = 340_000
printHeapGrowth(io, run, WARM_UP, () => lane.router.takeEvents())
