// Video on a lane: packet cache and retransmission, keyframe requests, transport feedback.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeRtp } from '@parley/protocol'
import { again, OWN_VIDEO, u32, VIDEO, VideoLane, video } from '../../../../test/contract/video-lane.ts'
import type { RtpMappingDescription } from '../lane/commands.ts'
import { LIMITS } from '../limits.ts'
import { hex, TARGETS, unhex } from '../testing/plain-lane.ts'

test('video is forwarded with the node SSRC, the receiver’s payload type and its marker', () => {
  const lane = new VideoLane()
  const [sent, ...rest] = lane.send(7)
  assert.equal(rest.length, 0)
  const packet = decodeRtp(sent!.bytes)!
  assert.deepEqual([sent!.peer, packet.ssrc, packet.payloadType, packet.sequence], [2, VIDEO, 120, 7])
  assert.equal(packet.marker, true)
})

test('a NACK is answered on the RTX SSRC, with the receiver’s RTX payload type and the original sequence before the payload', () => {
  const lane = new VideoLane()
  for (let index = 65_534; index < 65_538; index++) lane.send(index & 0xffff, { timestamp: index * 3_000 })
  // The receiver's sequences started in the lower half.
  const sent = lane.nack(2, 32_767, 0b10)
  assert.deepEqual(
    sent.map(({ peer, bytes }) => {
      const { ssrc, payloadType, sequence, timestamp, payload } = decodeRtp(bytes)!
      return [peer, ssrc, payloadType, sequence, timestamp, hex(payload)]
    }),
    [
      [2, VIDEO + 1, 124, 0, 65_535 * 3_000, '7fff1002ff'],
      [2, VIDEO + 1, 124, 1, 65_537 * 3_000, '8001100201'],
    ],
  )
})

test('empty retransmissions and duplicates are not forwarded', () => {
  const lane = new VideoLane()
  lane.send(1)
  assert.deepEqual(lane.packets(1, again(0, 1, { payload: Uint8Array.of(0, 1), padding: 100 })), [])
  assert.deepEqual(lane.packets(1, again(1, 1)), [])
  assert.deepEqual(lane.packets(1, again(2, 1, { payload: new Uint8Array(0), padding: 255 })), [])
})

test('Discord clients with video have their own RTP mapping in both directions', () => {
  const lane = new VideoLane()
  const mapping: RtpMappingDescription = {
    payloadTypes: [
      [120, 120],
      [105, 101],
      [106, 102],
    ],
    extensions: { audioLevel: 1, videoOrientation: 4, playoutDelay: 6, speaker: 9 },
  }
  lane.connectNative(4, mapping)
  lane.listen(4)
  lane.routeVideo(4)
  const elements = Uint8Array.of(0x40, 3, 0x90, 4)
  const packet = video(9, { payloadType: 101, ssrc: 1033, extension: { profile: 0xbede, elements } })
  const [toBrowser, ...others] = lane.packets(4, packet)
  assert.equal(others.length, 0)
  assert.deepEqual([toBrowser!.peer, decodeRtp(toBrowser!.bytes)!.payloadType], [2, 120])
  const toNative = lane.send(1).find(({ peer }) => peer === 4)
  assert.equal(decodeRtp(toNative!.bytes)!.payloadType, 101)
  assert.equal(lane.packets(4, video(10, { payloadType: 96, ssrc: 1033 })).length, 0)
  const [repaired] = lane.nack(4, 1)
  assert.deepEqual([repaired!.peer, decodeRtp(repaired!.bytes)!.payloadType], [4, 102])
})

test('NACK and keyframe requests are accepted only from receivers of the video', () => {
  const lane = new VideoLane()
  lane.send(1)
  assert.deepEqual(lane.nack(3, 1), [])
  assert.deepEqual(lane.packets(3, unhex(`81ce0002 00000009 ${u32(VIDEO)}`)), [])
})

test('keyframe requests to the source are limited to one per interval', () => {
  const lane = new VideoLane()
  lane.send(1)
  const loss = unhex(`81ce0002 00000009 ${u32(VIDEO)}`)
  const intra = unhex(`84ce0004 00000009 00000000 ${u32(VIDEO)} 01000000`)
  const [request, ...rest] = lane.packets(2, loss)
  assert.deepEqual([request!.peer, hex(request!.bytes), rest.length], [1, `81ce000200000001${u32(OWN_VIDEO)}`, 0])
  assert.deepEqual(lane.packets(2, intra), [])
  lane.now += LIMITS.keyframeInterval
  assert.equal(lane.packets(2, intra).length, 1)
})

test('a command requests a keyframe unless one was requested within the interval', () => {
  const lane = new VideoLane()
  lane.send(1)
  const ask = () => {
    lane.command({ kind: 'askKeyframe', ssrc: VIDEO }, { kind: 'askKeyframe', ssrc: 999 })
    return lane.io.take()
  }
  const [request, ...rest] = ask()
  assert.deepEqual([request!.peer, hex(request!.bytes), rest.length], [1, `81ce000200000001${u32(OWN_VIDEO)}`, 0])
  assert.deepEqual(ask(), [])
  lane.now += LIMITS.keyframeInterval
  assert.equal(ask().length, 1)
})

test('retransmissions to a receiver are limited per second', () => {
  const lane = new VideoLane()
  lane.send(1)
  let answered = 0
  for (let count = 0; count < LIMITS.retransmissionsPerSecond + 50; count++) answered += lane.nack(2, 1).length
  assert.equal(answered, LIMITS.retransmissionsPerSecond)
})

test('transport feedback is sent to a WebRTC client at intervals, and only for new packets', () => {
  const lane = new VideoLane()
  const withSequence = (sequence: number) => ({
    extension: { profile: 0xbede, elements: Uint8Array.of(0x31, sequence >> 8, sequence & 0xff, 0) },
  })
  lane.send(1, withSequence(500))
  lane.now += 10
  lane.send(2, withSequence(502))
  assert.ok(lane.router.deadline <= lane.now + LIMITS.transportFeedbackInterval)
  const sent = lane.wait(LIMITS.transportFeedbackInterval)
  assert.equal(sent.length, 1)
  assert.equal(sent[0]!.peer, 1)
  const bytes = sent[0]!.bytes
  const view = new DataView(bytes.buffer)
  assert.deepEqual([bytes[0]! & 31, bytes[1], view.getUint32(8)], [15, 205, OWN_VIDEO])
  assert.deepEqual([view.getUint16(12), view.getUint16(14)], [500, 3])
  // Packet status of 500, 501 and 502: small delta, not received, small delta.
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

test('a removed route releases its packet cache', () => {
  const lane = new VideoLane()
  lane.send(1)
  lane.command({ kind: 'removeRoute', ssrc: VIDEO, silence: false })
  lane.command({ kind: 'setRoute', ssrc: VIDEO, owner: 1, media: 'video', targets: TARGETS })
  assert.deepEqual(lane.nack(2, 1), [])
})
