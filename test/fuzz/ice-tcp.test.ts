// Fuzz: the frames of a TCP connection. Cut anywhere, a stream has the same frames as in one piece, and none is longer than allowed.
import assert from 'node:assert/strict'
import { encodeFrame, FrameReader } from '@parley/protocol'
import { fuzz } from './harness.ts'

const LONGEST = 64

/** The frames of the stream in chunks of `size`, and whether it was read to its end. */
function read(stream: Uint8Array, size: number): { frames: string[]; isWhole: boolean } {
  const reader = new FrameReader(LONGEST)
  const frames: string[] = []
  let isWhole = true
  for (let at = 0; isWhole && at < stream.length; at += size)
    isWhole = reader.read(stream.subarray(at, at + size), frame => {
      assert.ok(frame.length > 0 && frame.length <= LONGEST)
      frames.push(Buffer.from(frame).toString('hex'))
    })
  return { frames, isWhole }
}

const frame = (length: number) => [...encodeFrame(new Uint8Array(length).fill(length))]

fuzz('frames of a TCP connection', {
  covers: ['protocol/webrtc/framing.ts'],
  corpus: [
    Uint8Array.from([...frame(3), ...frame(0), ...frame(64)]),
    Uint8Array.from(frame(65)),
    Uint8Array.of(0xff, 0xff),
  ],
  run(bytes) {
    const whole = read(bytes, bytes.length)
    for (const size of [1, 2, 3, 7]) assert.deepEqual(read(bytes, size), whole)
  },
})
