// Heap growth of the router with two layers of a camera, between which WebRTC viewers switch, and of whose frames half of them are sent
// every second one: `node --expose-gc … layers-heap.ts PACKETS` prints JSON.
import { type RtpMappingDescription, SLOT } from '@parley/core'
import { encodeRtp, RtcpType } from '@parley/protocol'
import { BROWSER_TYPES } from '../../packages/core/src/testing/mappings.ts'
import { addDatagram, makeBatch, PlainIo } from '../../packages/core/src/testing/plain-io.ts'
import { checkOf, PlainLane, sealed, ssrcOf, TARGETS } from '../../packages/core/src/testing/plain-lane.ts'
import { printHeapGrowth } from './heap-growth.ts'

const VIEWERS = [2, 3, 4, 5, 6, 7, 8, 9, 10]
const MAPPING: RtpMappingDescription = {
  payloadTypes: BROWSER_TYPES,
  extensions: {},
}
const LAYERS = [ssrcOf(1) + 1, ssrcOf(1) + 3]
const PER_BATCH = 50
/** Milliseconds between batches. The rate is high, because reports and allocations of bandwidth, which allocate, go by the time. */
const STEP = 5
/** Bits per second of a layer: 25 packets per batch. Half of them are of temporal layer 0. */
const RATE = 8_000_000
/** Packets between two changes of every viewer's layer, which allocate: commands, feedback, the allocation of bandwidth. */
const PER_SWITCH = 100_000
const wordsOf = (peer: number) => [0, 0, 0xffff, 0x0a00_0000 + peer, 5_000]

const io = new PlainIo(false)
const lane = new PlainLane(undefined, io)
lane.connectNative(1, MAPPING)
for (const peer of VIEWERS) lane.connectWebrtcPeer(peer, MAPPING)
lane.listen(...VIEWERS)
lane.command({
  kind: 'setRoute',
  ssrc: LAYERS[0]!,
  owner: 1,
  media: 'video',
  targets: TARGETS,
  layers: LAYERS.map((ssrc, index) => ({ ssrc, quality: index === 0 ? 100 : 50, isActive: true })),
})

/** Packets of both layers in turn: an extended VP8 descriptor, then the frame. */
const batch = makeBatch()
for (let slot = 0; slot < PER_BATCH; slot++) {
  const payload = new Uint8Array(200)
  payload.set([0x90, 0xe0, 0x80, 0, 0, (slot >> 1) % 2 === 0 ? 0 : 0x60, 1])
  const packet = encodeRtp({ payloadType: 96, ssrc: LAYERS[slot % 2]!, sequence: 0, timestamp: 0, payload })
  addDatagram(batch, sealed(1, packet), wordsOf(1))
}
const plain = batch.bytes.slice()
const lengths = batch.lengths.slice()
let sequence = 0
let quality = 100

function run(packets: number): void {
  for (let sent = 0; sent < packets; sent += PER_BATCH) {
    if (sent % PER_SWITCH === 0) switchLayers()
    batch.bytes.set(plain)
    batch.count = PER_BATCH
    for (let slot = 0; slot < PER_BATCH; slot++) {
      if (slot % 2 === 0) sequence++
      batch.view.setUint16(slot * SLOT + 2, sequence & 0xffff)
      batch.view.setUint32(slot * SLOT + 4, sequence * 3_000)
      batch.view.setUint16(slot * SLOT + 14, 0x8000 | (sequence & 0x7fff))
      // Each batch begins with a keyframe of both layers.
      batch.bytes[slot * SLOT + 18] = slot < 2 ? 0 : 1
      batch.lengths[slot] = lengths[slot]!
    }
    lane.router.receive(batch, lane.now)
    lane.now += STEP
    if (lane.now >= lane.router.deadline) lane.router.tick(lane.now)
    if (lane.now % 5_000 === 0) check()
  }
}

function switchLayers(): void {
  quality = quality === 100 ? 50 : 100
  for (const peer of VIEWERS) {
    lane.command({ kind: 'setWants', peer, any: quality, wants: [], pixelCounts: [] })
    // Every second viewer is sent fewer frames.
    lane.packets(peer, remb(peer % 2 === 0 ? 4 * RATE : 0.75 * RATE))
  }
}

const EMPTY = new Array<number>(8).fill(0)

/** A viewer's estimate of its bandwidth (draft-alvestrand-rmcat-remb-03 §2.2). */
function remb(bits: number): Uint8Array {
  const exponent = Math.max(0, Math.ceil(Math.log2(bits)) - 18)
  const mantissa = Math.floor(bits / 2 ** exponent)
  const last = [1, (exponent << 2) | (mantissa >> 16), (mantissa >> 8) & 0xff, mantissa & 0xff]
  return Uint8Array.from([0x8f, RtcpType.PayloadFeedback, 0, 5, ...EMPTY, 0x52, 0x45, 0x4d, 0x42, ...last, 0, 0, 0, 1])
}

function check(): void {
  for (const peer of VIEWERS) {
    const asked = makeBatch()
    addDatagram(asked, checkOf(peer), wordsOf(peer))
    lane.router.receive(asked, lane.now)
  }
}

// V8 allocates while it still optimizes: Node.js 24 takes three times as many packets for that as Node.js 20.
const WARM_UP = 1_600_000
printHeapGrowth(io, run, WARM_UP, () => lane.router.takeEvents())
