// Video on a lane: kept and sent again, keyframes asked for once, arrivals told to browsers.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeRtp, encodeRtp, type RtpPacket } from '@parley/protocol'
import { hex, PlainLane, ssrcOf, TARGETS, unhex } from '../../../../test/contract/plain-lane.ts'
import { LIMITS } from '../limits.ts'
import type { FormDescription } from './lane.ts'

/** VP8 and its rtx, as the sender and as the receiver number them. */
const SENDER: FormDescription = {
  payloadTypes: [
    [120, 111],
    [105, 96],
    [106, 97],
  ],
  extensions: { transportSequence: 3 },
}
const RECEIVER: FormDescription = {
  payloadTypes: [
    [120, 109],
    [105, 120],
    [106, 124],
  ],
  extensions: {},
}
const OWN_VIDEO = 0xcafe_0001
const OWN_RTX = OWN_VIDEO + 1
const VIDEO = ssrcOf(1) + 1
const u32 = (value: number) => value.toString(16).padStart(8, '0')

/** A lane on which browser 1 sends video to browser 2; browser 3 is there, and not to see it. */
class VideoLane extends PlainLane {
  constructor() {
    super()
    this.connectBrowser(1, SENDER)
    this.connectBrowser(2, RECEIVER)
    this.connectBrowser(3, RECEIVER)
    this.listen(2)
    this.routeVideo(1, OWN_VIDEO)
  }
  send(sequence: number, more: Partial<RtpPacket> = {}) {
    return this.packets(1, video(sequence, more))
  }
  /** A NACK of the receiver for one packet, and by `bits` for those after it. */
  nack(peer: number, sequence: number, bits = 0) {
    const asked = `${u32(sequence).slice(4)}${bits.toString(16).padStart(4, '0')}`
    return this.packets(peer, unhex(`81cd0003 00000009 ${u32(VIDEO)} ${asked}`))
  }
}

const video = (sequence: number, more: Partial<RtpPacket> = {}) =>
  encodeRtp({
    payloadType: 96,
    sequence,
    timestamp: sequence * 3_000,
    ssrc: OWN_VIDEO,
    payload: Uint8Array.of(0x10, 2, sequence & 0xff),
    marker: true,
    ...more,
  })
/** As a browser sends it again. */
const again = (rtxSequence: number, sequence: number, more: Partial<RtpPacket> = {}) =>
  video(rtxSequence, {
    payloadType: 97,
    ssrc: OWN_RTX,
    payload: Uint8Array.of(sequence >> 8, sequence & 0xff, 0x10, 2, sequence & 0xff),
    ...more,
  })

test('video has the node’s SSRC and the receiver’s type, and keeps its marker', () => {
  const lane = new VideoLane()
  const [sent, ...rest] = lane.send(7)
  assert.equal(rest.length, 0)
  const packet = decodeRtp(sent!.bytes)!
  assert.deepEqual([sent!.peer, packet.ssrc, packet.payloadType, packet.sequence], [2, VIDEO, 120, 7])
  assert.equal(packet.marker, true)
})

test('what a receiver lost it gets again: the next SSRC, its own rtx type, the packet’s sequence before its payload', () => {
  const lane = new VideoLane()
  for (const sequence of [65_534, 65_535, 0, 1]) lane.send(sequence)
  const sent = lane.nack(2, 65_535, 0b10)
  assert.deepEqual(
    sent.map(({ peer, bytes }) => {
      const { ssrc, payloadType, sequence, timestamp, payload } = decodeRtp(bytes)!
      return [peer, ssrc, payloadType, sequence, timestamp, hex(payload)]
    }),
    [
      [2, VIDEO + 1, 124, 0, 65_535 * 3_000, 'ffff1002ff'],
      [2, VIDEO + 1, 124, 1, 3_000, '0001100201'],
    ],
  )
})

test('what the node itself lost it asks of the source, by the source’s own SSRC, and then has it for who asks again', () => {
  const lane = new VideoLane()
  lane.send(1)
  lane.send(4)
  const [asked, ...rest] = lane.nack(2, 2, 1)
  assert.equal(rest.length, 0)
  assert.equal(asked!.peer, 1)
  assert.equal(hex(asked!.bytes), `81cd000300000001${u32(OWN_VIDEO)}00020001`)
  assert.equal(lane.nack(2, 2, 1).length, 0, 'not more often than every few milliseconds')
  assert.deepEqual(lane.packets(1, again(0, 2)), [])
  lane.now += LIMITS.nackInterval
  const [repaired, askedAgain] = lane.nack(2, 2, 1)
  assert.equal(hex(decodeRtp(repaired!.bytes)!.payload), '0002100202')
  assert.equal(hex(askedAgain!.bytes), `81cd000300000001${u32(OWN_VIDEO)}00030000`)
})

test('retransmissions without anything in them, and of what never was, are not passed on', () => {
  const lane = new VideoLane()
  lane.send(1)
  assert.deepEqual(lane.packets(1, again(0, 1, { payload: Uint8Array.of(0, 1), padding: 100 })), [])
  assert.deepEqual(lane.packets(1, again(1, 1)), [])
  assert.deepEqual(lane.packets(1, again(2, 1, { payload: new Uint8Array(0), padding: 255 })), [])
})

test('native clients with video have numbers of their own too, both ways', () => {
  const lane = new VideoLane()
  const form: FormDescription = {
    payloadTypes: [
      [120, 120],
      [105, 101],
      [106, 102],
    ],
    extensions: { audioLevel: 1, videoOrientation: 4, playoutDelay: 6, speaker: 9 },
  }
  lane.connectNative(4, form)
  lane.listen(4)
  lane.routeVideo(4)
  const elements = Uint8Array.of(0x40, 3, 0x90, 4)
  const own = video(9, { payloadType: 101, ssrc: 1033, extension: { profile: 0xbede, elements } })
  const [toBrowser, ...others] = lane.packets(4, own)
  assert.equal(others.length, 0)
  assert.deepEqual([toBrowser!.peer, decodeRtp(toBrowser!.bytes)!.payloadType], [2, 120])
  const toNative = lane.send(1).find(({ peer }) => peer === 4)
  assert.equal(decodeRtp(toNative!.bytes)!.payloadType, 101)
  assert.equal(lane.packets(4, video(10, { payloadType: 96, ssrc: 1033 })).length, 0)
  const [repaired] = lane.nack(4, 1)
  assert.deepEqual([repaired!.peer, decodeRtp(repaired!.bytes)!.payloadType], [4, 102])
})

test('only who is sent the video may ask something of it', () => {
  const lane = new VideoLane()
  lane.send(1)
  assert.deepEqual(lane.nack(3, 1), [])
  assert.deepEqual(lane.packets(3, unhex(`81ce0002 00000009 ${u32(VIDEO)}`)), [])
})

test('of many requests for a keyframe one reaches the source, in a while the next', () => {
  const lane = new VideoLane()
  lane.send(1)
  const loss = unhex(`81ce0002 00000009 ${u32(VIDEO)}`)
  const intra = unhex(`84ce0004 00000009 00000000 ${u32(VIDEO)} 01000000`)
  const [asked, ...rest] = lane.packets(2, loss)
  assert.deepEqual([asked!.peer, hex(asked!.bytes), rest.length], [1, `81ce000200000001${u32(OWN_VIDEO)}`, 0])
  assert.deepEqual(lane.packets(2, intra), [])
  lane.now += LIMITS.keyframeInterval
  assert.equal(lane.packets(2, intra).length, 1)
})

test('a receiver that asks for everything again and again is answered up to a bound', () => {
  const lane = new VideoLane()
  lane.send(1)
  let answered = 0
  for (let count = 0; count < LIMITS.retransmissionsPerSecond + 50; count++) answered += lane.nack(2, 1).length
  assert.equal(answered, LIMITS.retransmissionsPerSecond)
})

test('a browser is told when its packets came, soon and together, and again only about new ones', () => {
  const lane = new VideoLane()
  const withSequence = (sequence: number) => ({
    extension: { profile: 0xbede, elements: Uint8Array.of(0x31, sequence >> 8, sequence & 0xff, 0) },
  })
  lane.send(1, withSequence(500))
  lane.now += 10
  lane.send(2, withSequence(502))
  assert.ok(lane.router.deadline <= lane.now + LIMITS.transportFeedbackInterval)
  const told = lane.wait(LIMITS.transportFeedbackInterval)
  assert.equal(told.length, 1)
  assert.equal(told[0]!.peer, 1)
  const bytes = told[0]!.bytes
  const view = new DataView(bytes.buffer)
  assert.deepEqual([bytes[0]! & 31, bytes[1], view.getUint32(8)], [15, 205, OWN_VIDEO])
  assert.deepEqual([view.getUint16(12), view.getUint16(14)], [500, 3])
  // Status of 500, 501, 502: small delta, missing, small delta.
  assert.equal(view.getUint16(20), 0xc000 | (1 << 12) | (0 << 10) | (1 << 8))
  assert.equal(bytes[23], 40)
  assert.deepEqual(
    lane.wait(1_000).filter(({ bytes }) => bytes[1] === 205),
    [],
  )
  lane.send(3, withSequence(5_000))
  const [next] = lane.wait(LIMITS.transportFeedbackInterval).filter(({ bytes }) => bytes[1] === 205)
  assert.equal(new DataView(next!.bytes.buffer).getUint16(12), 5_000)
})

test('a route that ends takes what was kept with it', () => {
  const lane = new VideoLane()
  lane.send(1)
  lane.command({ kind: 'removeRoute', ssrc: VIDEO, silence: false })
  lane.command({ kind: 'setRoute', ssrc: VIDEO, owner: 1, media: 'video', targets: TARGETS })
  assert.deepEqual(lane.nack(2, 1), [])
})
