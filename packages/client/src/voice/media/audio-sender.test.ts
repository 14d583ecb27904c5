// RTP packets of one audio source: numbering, silence, pauses, wrap-around.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeRtp } from '@parley/protocol'
import { AudioSender } from './audio-sender.ts'

const FRAME = Uint8Array.of(1, 2, 3)
const read = (bytes: Uint8Array) => decodeRtp(bytes)!

test('sequence and timestamp advance and wrap', () => {
  const sender = new AudioSender(4001, 0xffff_ffff)
  const packets = [960, 2_880, 960].map(samples => read(sender.packet(FRAME, samples, 0)))
  assert.deepEqual(
    packets.map(({ sequence, timestamp }) => [sequence, timestamp]),
    [
      [0xffff, 0xffff_ffff],
      [0, 959],
      [1, 3_839],
    ],
  )
  assert.ok(packets.every(packet => packet.payloadType === 120 && packet.ssrc === 4001 && !packet.marker))
  assert.deepEqual(packets[0]?.payload, FRAME)
})

test('a talkspurt ends with five frames of silence', () => {
  const sender = new AudioSender(4001, 0)
  const packets = sender.end(0).map(read)
  assert.deepEqual(
    packets.map(packet => packet.sequence),
    [0, 1, 2, 3, 4],
  )
  for (const { payload } of packets) assert.deepEqual([...payload], [0xf8, 0xff, 0xfe])
})

test('the timestamp advances during a pause, the sequence does not', () => {
  const sender = new AudioSender(4001, 0)
  sender.end(1_000)
  const { sequence, timestamp } = read(sender.packet(FRAME, 960, 3_000))
  assert.deepEqual([sequence, timestamp], [5, 2_000 * 48])
  assert.equal(read(sender.packet(FRAME, 960, 9_000)).timestamp, 2_000 * 48 + 960, 'late frames are not a pause')
})
