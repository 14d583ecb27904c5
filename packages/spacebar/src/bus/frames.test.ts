import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { LIMITS } from '../limits.ts'
import { FrameError, FrameReader, frameOf } from './frames.ts'

const read = (chunks: readonly Buffer[]) => {
  const frames: string[] = []
  const reader = new FrameReader(frame => frames.push(frame.toString()))
  for (const chunk of chunks) reader.push(chunk)
  return { frames, reader }
}
const header = (length: number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(length)
  return bytes
}

test('frames are the same however the stream is cut', () => {
  fc.assert(
    fc.property(fc.array(fc.string()), fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }), (texts, sizes) => {
      const stream = Buffer.concat(texts.map(text => frameOf(text)))
      const chunks: Buffer[] = []
      for (let at = 0, i = 0; at < stream.length; i++) {
        const size = sizes[i % sizes.length]!
        chunks.push(stream.subarray(at, at + size))
        at += size
      }
      assert.deepEqual(
        read(chunks).frames,
        texts.map(text => JSON.stringify(text)),
      )
    }),
  )
})

test('a frame that is too long is skipped, and the next one is read', () => {
  const long = Buffer.concat([header(LIMITS.frame + 1), Buffer.alloc(LIMITS.frame + 1)])
  const stream = Buffer.concat([frameOf('a'), long, frameOf('b')])
  const { frames, reader } = read([stream.subarray(0, 1_000), stream.subarray(1_000, 5_000), stream.subarray(5_000)])
  assert.deepEqual(frames, ['"a"', '"b"'])
  assert.equal(reader.skipped, 1)
})

test('a length that no Spacebar sends is an error', () => {
  assert.throws(() => read([header(LIMITS.frameClaim + 1)]), FrameError)
})
