// The end of a WebRTC client's talkspurt: five silence frames for listeners, and consistent numbers after them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeRtcp, decodeRtp, encodeRtp, writeSenderReport } from '@parley/protocol'
import type { RtpMappingDescription } from '../../lane/commands.ts'
import { LIMITS } from '../../limits.ts'
import type { Sent } from '../../testing/plain-io.ts'
import { hex, PlainLane, ssrcOf } from '../../testing/plain-lane.ts'

const MAPPING: RtpMappingDescription = { payloadTypes: [[120, 111]], extensions: { audioLevel: 1 } }
const OWN = 0xcafe_0001
const { talkspurtGap } = LIMITS

const opus = (sequence: number, timestamp = sequence * 960) =>
  encodeRtp({ payloadType: 111, sequence, timestamp, ssrc: OWN, payload: Uint8Array.of(1, 2, 3, 4), marker: true })

/** Discord client 2 and WebRTC client 3 receive WebRTC client 1. */
function makeLane() {
  const lane = new PlainLane()
  for (const peer of [1, 3]) lane.connectWebrtcPeer(peer, MAPPING)
  lane.connectNative(2)
  lane.listen(1, 2, 3)
  lane.routeAudio(1, 2, 3)
  lane.command({ kind: 'mapSsrc', peer: 1, clientSsrc: OWN, ssrc: ssrcOf(1) })
  return lane
}

/** Sequence, timestamp and payload of the packets to a listener. */
const frames = (sent: readonly Sent[], listener = 2) =>
  sent
    .filter(({ peer, bytes }) => peer === listener && (bytes[1]! < 192 || bytes[1]! > 223))
    .map(({ bytes }) => decodeRtp(bytes)!)
    .map(({ sequence, timestamp, payload }) => `${sequence} ${timestamp} ${hex(payload)}`)
const silence = (from: number, timestamp: number) =>
  Array.from({ length: 5 }, (_, frame) => `${from + frame} ${timestamp + frame * 960} f8fffe`)

test('a talkspurt ends with five silence frames, and the next one continues after them', () => {
  const lane = makeLane()
  assert.deepEqual(frames(lane.packets(1, opus(7), opus(8))), ['7 6720 01020304', '8 7680 01020304'])
  assert.deepEqual(frames(lane.wait(talkspurtGap - 1)), [])
  assert.deepEqual(frames(lane.wait(1)), silence(9, 8_640))
  const later = frames(lane.packets(1, opus(9, 100_000), opus(10, 100_960)))
  assert.deepEqual(later, ['14 100000 01020304', '15 100960 01020304'])
  assert.deepEqual(frames(lane.wait(talkspurtGap)), silence(16, 101_920))
  assert.deepEqual(frames(lane.packets(1, opus(11, 200_000))), ['21 200000 01020304'])
})

test('other WebRTC clients receive the silence frames in their own RTP mapping', () => {
  const lane = makeLane()
  lane.packets(1, opus(1))
  const sent = lane.wait(talkspurtGap).filter(({ peer }) => peer === 3)
  assert.equal(sent.length, 5)
  assert.deepEqual([decodeRtp(sent[0]!.bytes)!.payloadType, decodeRtp(sent[0]!.bytes)!.ssrc], [111, ssrcOf(1)])
})

test('no silence is added while frames arrive, nor to the audio of Discord clients', () => {
  const lane = makeLane()
  for (let sequence = 0; sequence < 20; sequence++) {
    assert.equal(frames(lane.packets(1, opus(sequence))).length, 1)
    assert.deepEqual(frames(lane.wait(talkspurtGap - 1)), [])
    lane.check(3)
  }
  lane.wait(1)
  const native = (sequence: number) =>
    encodeRtp({ payloadType: 120, sequence, timestamp: 5, ssrc: ssrcOf(2), payload: Uint8Array.of(9) })
  assert.equal(frames(lane.packets(2, native(1)), 3).length, 1)
  assert.deepEqual(frames(lane.wait(10 * talkspurtGap), 3), [])
  assert.deepEqual(frames(lane.packets(2, native(2)), 3), ['2 5 09'])
})

test('timestamps that paused with the talkspurt are shifted past the silence, also in sender reports', () => {
  const lane = makeLane()
  lane.packets(1, opus(1, 960))
  assert.deepEqual(frames(lane.wait(talkspurtGap)), silence(2, 1_920))
  assert.deepEqual(frames(lane.packets(1, opus(2, 1_920), opus(3, 2_880))), ['7 6720 01020304', '8 7680 01020304'])
  const report = new Uint8Array(28)
  writeSenderReport(new DataView(report.buffer), 0, { ssrc: OWN, time: 1, timestamp: 2_880, packets: 3, octets: 9 })
  lane.packets(1, report)
  const wait = LIMITS.senderReportInterval - talkspurtGap
  const sent = lane.wait(wait).find(({ peer, bytes }) => peer === 3 && bytes[1] === 200)
  const [sender] = decodeRtcp(sent!.bytes)!
  assert.ok(sender?.kind === 'senderReport')
  assert.equal(sender.timestamp, 7_680 + 48 * wait)
})

test('a reordered packet keeps its sequence, and one that arrives after its silence is dropped', () => {
  const lane = makeLane()
  lane.packets(1, opus(1), opus(3))
  assert.deepEqual(frames(lane.packets(1, opus(2))), ['2 1920 01020304'])
  lane.packets(1, opus(5))
  lane.wait(talkspurtGap)
  assert.deepEqual(frames(lane.packets(1, opus(4))), [])
  assert.deepEqual(lane.drops(), { replayed: 1 })
  const later = frames(lane.packets(1, opus(7, 90_000), opus(6, 89_040)))
  assert.deepEqual(later, ['12 90000 01020304', '11 89040 01020304'])
})

test('sequences wrap correctly within the silence frames', () => {
  const lane = makeLane()
  lane.packets(1, opus(65_533, 0))
  const sequences = frames(lane.wait(talkspurtGap)).map(frame => frame.split(' ')[0])
  assert.deepEqual(sequences, ['65534', '65535', '0', '1', '2'])
  assert.deepEqual(frames(lane.packets(1, opus(65_534, 90_000))), ['3 90000 01020304'])
})

test('a muted or removed speaker sends no silence, and a new source continues the numbers', () => {
  const lane = makeLane()
  lane.packets(1, opus(1))
  lane.command({ kind: 'removeRoute', ssrc: ssrcOf(1), silence: false })
  assert.deepEqual(frames(lane.wait(talkspurtGap)), [])
  lane.routeAudio(1)
  lane.packets(1, opus(2))
  lane.wait(talkspurtGap)
  lane.command({ kind: 'mapSsrc', peer: 1, clientSsrc: 5, ssrc: ssrcOf(1) })
  const another = encodeRtp({ payloadType: 111, sequence: 40, timestamp: 7, ssrc: 5, payload: Uint8Array.of(6) })
  assert.deepEqual(frames(lane.packets(1, another)), ['8 25920 06'])
  lane.command({ kind: 'removePeer', peer: 1 })
  assert.deepEqual(frames(lane.wait(talkspurtGap)), [])
})

test('probes leave no gap in the sequences, and a packet reordered past a probe is dropped if its sequence may be in use', () => {
  const lane = makeLane()
  const probe = (sequence: number) =>
    encodeRtp({ payloadType: 111, sequence, timestamp: sequence * 960, ssrc: OWN, payload: Uint8Array.of() })
  assert.deepEqual(frames(lane.packets(1, probe(5), opus(6))), ['6 5760 01020304'])
  assert.deepEqual(frames(lane.packets(1, probe(7), probe(8), opus(9))), ['7 8640 01020304'])
  assert.deepEqual(frames(lane.packets(1, opus(11), opus(10))), ['9 10560 01020304', '8 9600 01020304'])
  assert.deepEqual(frames(lane.packets(1, probe(13), opus(12), opus(14))), ['11 13440 01020304'])
  assert.deepEqual(frames(lane.wait(talkspurtGap)), silence(12, 14_400))
  assert.deepEqual(frames(lane.packets(1, probe(15), opus(16, 100_000))), ['17 100000 01020304'])
})
