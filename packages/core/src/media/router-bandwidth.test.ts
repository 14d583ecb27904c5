// The bandwidth of each viewer: what it reports limits the layers that it is sent, and nothing that others are sent.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeReceiverReport, encodeRtp } from '@parley/protocol'
import { LIMITS } from '../limits.ts'
import { BROWSER_MAPPING } from '../testing/link/video-call.ts'
import { NATIVE_MAPPING } from '../testing/mappings.ts'
import { PlainLane, rembOf, ssrcOf, TARGETS } from '../testing/plain-lane.ts'

const HIGH = ssrcOf(1) + 1
const LOW = ssrcOf(1) + 3
/** Bits per second of the layers: packets of 1,000 bytes. */
const HIGH_RATE = 800_000
const LOW_RATE = 160_000
const STEP = 10

/** Discord client 1 sends two layers; Discord clients 2 and 3 watch. */
class BandwidthLane extends PlainLane {
  readonly #sequences = new Map<number, number>([
    [HIGH, 0],
    [LOW, 0],
  ])
  /** Bytes of video that each viewer was sent, by SSRC. */
  readonly bytes = new Map<string, number>()
  constructor() {
    super()
    for (const peer of [1, 2, 3]) this.connectNative(peer, NATIVE_MAPPING)
    this.listen(2, 3)
    const layers = [
      { ssrc: HIGH, quality: 100, isActive: true },
      { ssrc: LOW, quality: 50, isActive: true },
    ]
    this.command({ kind: 'setRoute', ssrc: HIGH, owner: 1, media: 'video', targets: TARGETS, layers })
    this.io.take()
  }

  /** Both layers for this long, with a keyframe every half second. */
  stream(time: number): void {
    for (const end = this.now + time; this.now < end; ) {
      this.#sendIfDue(HIGH, HIGH_RATE)
      this.#sendIfDue(LOW, LOW_RATE)
      this.wait(STEP)
    }
  }

  /** What a viewer was sent since the last call. */
  takeBytes(peer: number): { high: number; low: number } {
    const take = (ssrc: number) => {
      const key = `${peer} ${ssrc}`
      const bytes = this.bytes.get(key) ?? 0
      this.bytes.delete(key)
      return bytes
    }
    return { high: take(HIGH), low: take(LOW) }
  }

  sequenceOf(ssrc: number): number {
    return this.#sequences.get(ssrc)! - 1
  }

  #sendIfDue(ssrc: number, rate: number): void {
    if (this.now % (8_000_000 / rate) >= STEP) return
    const sequence = this.#sequences.get(ssrc)!
    this.#sequences.set(ssrc, sequence + 1)
    const payload = new Uint8Array(1_000)
    payload[0] = 0x10
    payload[1] = this.now % 500 < 50 ? 0 : 1
    const sent = this.packets(1, encodeRtp({ payloadType: 103, sequence, timestamp: this.now * 90, ssrc, payload }))
    for (const { peer, bytes } of sent)
      if (peer > 1) this.bytes.set(`${peer} ${ssrc}`, (this.bytes.get(`${peer} ${ssrc}`) ?? 0) + bytes.length)
  }
}

test('a viewer that reports little bandwidth is sent the lower layer within a moment; the others’ stays', () => {
  const lane = new BandwidthLane()
  lane.stream(2_000)
  lane.packets(2, rembOf(400_000))
  lane.stream(1_000)
  lane.takeBytes(2)
  lane.takeBytes(3)
  lane.stream(2_000)
  const weak = lane.takeBytes(2)
  const strong = lane.takeBytes(3)
  assert.ok(weak.high === 0 && weak.low > 30_000, JSON.stringify(weak))
  assert.ok(strong.low === 0 && strong.high > 180_000, JSON.stringify(strong))
})

test('a viewer that can be sent no layer is sent none, and the layer again a second after its bandwidth rose', () => {
  const lane = new BandwidthLane()
  lane.stream(1_000)
  lane.packets(2, rembOf(100_000))
  lane.stream(1_000)
  lane.takeBytes(2)
  lane.stream(1_000)
  assert.deepEqual(lane.takeBytes(2), { high: 0, low: 0 })
  lane.packets(2, rembOf(2_000_000))
  lane.stream(LIMITS.raiseDelay - 200)
  assert.deepEqual(lane.takeBytes(2), { high: 0, low: 0 })
  lane.stream(1_000)
  assert.ok(lane.takeBytes(2).high > 0)
})

test('a viewer whose receiver reports show heavy loss is sent less', () => {
  const lane = new BandwidthLane()
  for (let second = 0; second < 8; second++) {
    lane.stream(1_000)
    const block = { packetsLost: 0, jitter: 0, lastSenderReport: 0, delay: 0 }
    const highestSequence = lane.sequenceOf(HIGH)
    lane.packets(2, encodeReceiverReport(1, [{ ...block, ssrc: HIGH, fractionLost: 150, highestSequence }]))
  }
  lane.takeBytes(2)
  lane.stream(1_000)
  const { high, low } = lane.takeBytes(2)
  assert.ok(high === 0 && low > 0, `${high} ${low}`)
})

test('a WebRTC client without transport-wide feedback whose reports show heavy loss in a lower layer is sent less', () => {
  const lane = new BandwidthLane()
  lane.connectWebrtcPeer(4, { ...BROWSER_MAPPING, extensions: {} })
  lane.listen(4)
  lane.command({ kind: 'setWants', peer: 4, any: 50, wants: [], pixelCounts: [] })
  for (let second = 0; second < 10; second++) {
    lane.stream(1_000)
    // It knows the first SSRC of the source only, whatever layer it is sent.
    const highestSequence = lane.sequenceOf(LOW)
    const block = { packetsLost: 0, jitter: 0, lastSenderReport: 0, delay: 0 }
    lane.packets(4, encodeReceiverReport(1, [{ ...block, ssrc: HIGH, fractionLost: 150, highestSequence }]))
    if (second === 2) assert.ok(lane.takeBytes(4).low > 0)
  }
  lane.takeBytes(4)
  lane.stream(1_000)
  assert.deepEqual(lane.takeBytes(4), { high: 0, low: 0 })
})

test('the estimate of a viewer is reported with its layers', () => {
  const lane = new BandwidthLane()
  lane.stream(1_000)
  lane.packets(2, rembOf(400_000))
  lane.events()
  lane.stream(1_000)
  const reports = lane.events().flatMap(event => (event.kind === 'layers' ? [event] : []))
  const weak = reports.filter(({ peer }) => peer === 2).at(-1)?.layers[0]
  assert.deepEqual([weak?.estimate, weak?.current, weak?.reason], [400_000, 0, 'bandwidth'])
  lane.command({ kind: 'report' })
  const strong = lane.events().find(event => event.kind === 'layers' && event.peer === 3)
  assert.ok(strong?.kind === 'layers')
  assert.equal('estimate' in strong.layers[0]!, false)
})

test('reports about streams that a peer is not sent change nothing', () => {
  const lane = new BandwidthLane()
  const block = { packetsLost: 0, jitter: 0, lastSenderReport: 0, delay: 0, highestSequence: 100 }
  for (const ssrc of [HIGH, 4_000_000_000, ssrcOf(3)])
    lane.packets(1, encodeReceiverReport(1, [{ ...block, ssrc, fractionLost: 200 }]))
  assert.equal(lane.router.inspect().viewers, 0)
})

test('nothing of a viewer remains after it left', () => {
  const lane = new BandwidthLane()
  lane.packets(2, rembOf(400_000))
  assert.equal(lane.router.inspect().viewers, 1)
  lane.command({ kind: 'removePeer', peer: 2 })
  assert.equal(lane.router.inspect().viewers, 0)
})
