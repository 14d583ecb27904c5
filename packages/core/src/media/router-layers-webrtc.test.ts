// Layers towards a WebRTC viewer: one SSRC, whose numbers continue when the layer changes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeRtp, encodeRtp, VIDEO_PAYLOAD_TYPES, VideoPayload } from '@parley/protocol'
import type { Sent } from '../testing/plain-io.ts'
import { hex, PlainLane, ssrcOf, TARGETS, unhex } from '../testing/plain-lane.ts'

const MAPPING = {
  payloadTypes: [
    [120, 111],
    [105, 96],
    [106, 97],
    [107, 98],
    [108, 99],
  ],
  extensions: {},
} as const
const HIGH = ssrcOf(1) + 1
const LOW = ssrcOf(1) + 3
const payload = new VideoPayload()

interface Numbers {
  ssrc: number
  sequence: number
  timestamp: number
  picture: number
  tl0: number
}

function numbersOf({ bytes }: Sent, type: number): Numbers {
  const { ssrc, sequence, timestamp, payload: data } = decodeRtp(bytes)!
  payload.parse(new DataView(data.buffer, data.byteOffset, data.length), 0, data.length, type)
  const { pictureId = -1, tl0 = -1 } = payload.descriptor ?? {}
  return { ssrc, sequence, timestamp, picture: pictureId, tl0 }
}

/** Discord client 1 sends a camera in two layers; browser 2 watches. */
class WebrtcLane extends PlainLane {
  readonly #codec: 'vp8' | 'vp9'
  /** By layer: its sequence, timestamp and picture id. */
  readonly #state = new Map([
    [HIGH, { sequence: 40_000, timestamp: 1_000_000, picture: 100, tl0: 20 }],
    [LOW, { sequence: 7, timestamp: 77, picture: 0x7ffe, tl0: 250 }],
  ])

  constructor(codec: 'vp8' | 'vp9' = 'vp8') {
    super()
    this.#codec = codec
    this.connectNative(1, MAPPING)
    this.connectWebrtcPeer(2, MAPPING)
    this.listen(2)
    const layers = [
      { ssrc: HIGH, quality: 100, isActive: true },
      { ssrc: LOW, quality: 50, isActive: true },
    ]
    this.command({ kind: 'setRoute', ssrc: HIGH, owner: 1, media: 'video', targets: TARGETS, layers })
    this.io.take()
  }
  want(any: number): void {
    this.command({ kind: 'setWants', peer: 2, any, wants: [], pixelCounts: [] })
    this.io.take()
  }
  /** The next packet of the layer, a picture of its own. */
  packet(ssrc: number, isKeyframe = false): Uint8Array {
    const state = this.#state.get(ssrc)!
    state.sequence = (state.sequence + 1) & 0xffff
    state.timestamp += 3_000
    state.picture = (state.picture + 1) & 0x7fff
    state.tl0 = (state.tl0 + 1) & 0xff
    const { sequence, timestamp, picture, tl0 } = state
    const id = [0x80 | (picture >> 8), picture & 0xff]
    const vp8 = [0x90, 0xe0, ...id, tl0, 0, isKeyframe ? 0 : 1, 9]
    const vp9 = [isKeyframe ? 0xa8 : 0xe8, ...id, 0, tl0, 9]
    const data = Uint8Array.from(this.#codec === 'vp8' ? vp8 : vp9)
    const payloadType = this.#codec === 'vp8' ? 96 : 98
    return encodeRtp({ payloadType, sequence, timestamp, ssrc, payload: data, marker: true })
  }
  /** Sends the next packet 33 ms later. */
  send(ssrc: number, isKeyframe = false): Numbers[] {
    this.now += 33
    return this.toViewer(this.packet(ssrc, isKeyframe))
  }
  toViewer(...packets: Uint8Array[]): Numbers[] {
    const sent = this.packets(1, ...packets).filter(({ peer }) => peer === 2)
    return sent.map(each => numbersOf(each, VIDEO_PAYLOAD_TYPES[this.#codec]!))
  }
}

for (const codec of ['vp8', 'vp9'] as const)
  test(`a viewer gets the layers of ${codec} under one SSRC, with numbers that continue at each switch`, () => {
    const lane = new WebrtcLane(codec)
    const sent = [...lane.send(HIGH, true), ...lane.send(HIGH)]
    lane.want(50)
    sent.push(...lane.send(HIGH), ...lane.send(LOW), ...lane.send(LOW, true), ...lane.send(HIGH), ...lane.send(LOW))
    lane.want(100)
    sent.push(...lane.send(LOW), ...lane.send(HIGH, true), ...lane.send(HIGH))
    const [first] = sent
    assert.equal(sent.length, 8)
    for (const [index, numbers] of sent.entries()) {
      assert.equal(numbers.ssrc, HIGH)
      assert.equal(numbers.sequence, first!.sequence + index)
      assert.equal(numbers.picture, first!.picture + index)
      assert.equal(numbers.tl0, first!.tl0 + index)
      const step = index === 0 ? 3_000 : (numbers.timestamp - sent[index - 1]!.timestamp) | 0
      assert.ok(step >= 3_000 && step <= 3_000 * 4, `packet ${index} steps by ${step}`)
    }
  })

test('a packet that is requested again has the numbers that the viewer was sent, before and after a switch', () => {
  const lane = new WebrtcLane()
  const before = [...lane.send(HIGH, true), ...lane.send(HIGH)]
  lane.want(50)
  const after = [...lane.send(LOW, true), ...lane.send(LOW)]
  for (const numbers of [...before, ...after]) {
    const request = `81cd0003 00000009 ${HIGH.toString(16).padStart(8, '0')} ${numbers.sequence.toString(16).padStart(4, '0')}0000`
    const [again, ...rest] = lane.packets(2, unhex(request))
    assert.equal(rest.length, 0)
    const { ssrc, timestamp, payload: data } = decodeRtp(again!.bytes)!
    assert.deepEqual([again!.peer, ssrc, timestamp >>> 0], [2, HIGH + 1, numbers.timestamp >>> 0])
    assert.equal(hex(data).slice(0, 4), numbers.sequence.toString(16).padStart(4, '0'))
    payload.parse(new DataView(data.buffer, data.byteOffset + 2, data.length - 2), 0, data.length - 2, 105)
    assert.equal(payload.descriptor?.pictureId, numbers.picture)
  }
})

test('a keyframe request of the viewer asks for the layer that it is sent', () => {
  const lane = new WebrtcLane()
  lane.send(HIGH, true)
  lane.want(50)
  lane.send(LOW, true)
  lane.now += 1_000
  const [request] = lane.packets(2, unhex(`81ce0002 00000009 ${HIGH.toString(16).padStart(8, '0')}`))
  assert.equal(hex(request!.bytes), `81ce000200000001${LOW.toString(16).padStart(8, '0')}`)
})

test('a late packet of the layer keeps its place, and one from before the switch is dropped', () => {
  const lane = new WebrtcLane()
  lane.send(HIGH, true)
  const late = lane.packet(HIGH)
  const [next] = lane.send(HIGH)
  const [reordered] = lane.toViewer(late)
  assert.equal(reordered!.sequence, next!.sequence - 1)
  lane.want(50)
  const early = lane.packet(LOW)
  const [first] = lane.send(LOW, true)
  assert.equal(first!.sequence, next!.sequence + 1)
  assert.deepEqual(lane.toViewer(early), [])
})

test('layers of a browser are known by the rids in their packets, and their retransmissions by the repaired rid', () => {
  const lane = new PlainLane()
  lane.connectWebrtcPeer(1, { ...MAPPING, extensions: { rid: 10, repairedRid: 11 } })
  lane.connectNative(3, MAPPING)
  lane.listen(3)
  const layers = [
    { ssrc: HIGH, quality: 100, isActive: true },
    { ssrc: LOW, quality: 50, isActive: true },
  ]
  lane.command({ kind: 'setRoute', ssrc: HIGH, owner: 1, media: 'video', targets: TARGETS, layers })
  const send = (
    ssrc: number,
    sequence: number,
    id: number,
    rid: string,
    payloadType = 96,
    data = [0x10, 0, sequence],
  ) => {
    const elements = Uint8Array.of(id << 4, rid.charCodeAt(0), 0, 0)
    const more = id === 0 ? {} : { extension: { profile: 0xbede, elements } }
    const packet = { payloadType, sequence, timestamp: sequence * 3_000, ssrc, marker: true, ...more }
    const sent = lane.packets(1, encodeRtp({ ...packet, payload: Uint8Array.from(data) }))
    return sent
      .filter(({ peer }) => peer === 3)
      .map(({ bytes }) => [decodeRtp(bytes)!.ssrc, decodeRtp(bytes)!.sequence])
  }
  assert.deepEqual(send(0xaaaa, 1, 10, 'h'), [[HIGH, 1]])
  assert.deepEqual(send(0xaaaa, 4, 0, ''), [[HIGH, 4]], 'later packets need not name it')
  assert.deepEqual(send(0xbbbb, 1, 10, 'l'), [], 'the other layer')
  assert.deepEqual(send(0xcccc, 1, 10, 'x'), [], 'an unknown rid')
  assert.deepEqual(send(0xdddd, 9, 11, 'h', 97, [0, 2, 0x10, 0, 2]), [[HIGH, 2]], 'a retransmission')
  assert.deepEqual(send(0xeeee, 5, 10, 'h'), [], 'another stream with a rid in use')
})
