import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeFrame, FrameReader } from './framing.ts'

const FRAMES = [Uint8Array.of(1), Uint8Array.from({ length: 300 }, (_, index) => index & 0xff), Uint8Array.of(7, 8, 9)]
const STREAM = Uint8Array.from(FRAMES.flatMap(frame => [...encodeFrame(frame)]))

function read(chunks: readonly Uint8Array[], longest = 2_048) {
  const frames: Uint8Array[] = []
  const reader = new FrameReader(longest)
  const isWhole = chunks.every(chunk => reader.read(chunk, frame => void frames.push(frame)))
  return { frames: frames.map(frame => [...frame]), isWhole }
}

test('a frame begins with its length in two bytes, the higher one first', () => {
  assert.deepEqual([...encodeFrame(Uint8Array.of(5, 6))], [0, 2, 5, 6])
  assert.deepEqual([...encodeFrame(new Uint8Array(300))].slice(0, 2), [1, 44])
})

test('wherever a stream is cut, its frames are the same', () => {
  const expected = FRAMES.map(frame => [...frame])
  assert.deepEqual(read([STREAM]).frames, expected)
  assert.deepEqual(read([...STREAM].map(byte => Uint8Array.of(byte))).frames, expected)
  for (let cut = 0; cut <= STREAM.length; cut++)
    assert.deepEqual(read([STREAM.subarray(0, cut), STREAM.subarray(cut)]).frames, expected, `cut at ${cut}`)
})

test('a frame without content is skipped', () => {
  assert.deepEqual(read([Uint8Array.of(0, 0, 0, 0, 0, 1, 9)]), { frames: [[9]], isWhole: true })
})

test('a length above the limit ends the reading, before a byte of the frame is kept', () => {
  assert.deepEqual(read([Uint8Array.of(0, 1, 5, 0xff, 0xff, 1, 2)], 2_048), { frames: [[5]], isWhole: false })
  assert.equal(read([Uint8Array.of(0xff), Uint8Array.of(0xff)]).isWhole, false)
  assert.equal(read([Uint8Array.of(0, 3, 1, 2, 3)], 2).isWhole, false)
})
