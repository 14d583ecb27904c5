// Early frames: delivered in order once they can be opened, or dropped.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OPUS_SILENCE } from '@parley/protocol'
import { EarlyFrames } from './early-frames.ts'
import type { ReceivedFrame } from './media.ts'

const frame = (ssrc: number, sequence: number, payload: Iterable<number> = [0xfc, sequence]): ReceivedFrame => ({
  ssrc,
  sequence,
  timestamp: sequence * 960,
  payload: Uint8Array.from(payload),
})

/** Opens frames of some SSRCs, and records which. */
function opener(...ssrcs: number[]) {
  const received: string[] = []
  const open = ({ ssrc, sequence }: ReceivedFrame) => {
    if (ssrcs.includes(ssrc)) received.push(`${ssrc}:${sequence}`)
    return ssrcs.includes(ssrc)
  }
  return { received, open }
}

test('frames that can be opened are delivered once, in order of arrival', () => {
  const early = new EarlyFrames()
  for (const [ssrc, sequence] of [
    [1, 7],
    [2, 4],
    [1, 8],
  ] as const)
    early.keep(frame(ssrc, sequence), 0)
  const { received, open } = opener(1)
  early.retry(open, 10)
  early.retry(open, 20)
  assert.deepEqual(received, ['1:7', '1:8'])
  const other = opener(2)
  early.retry(other.open, 30)
  assert.deepEqual(other.received, ['2:4'])
})

test('a frame is dropped after one second', () => {
  const early = new EarlyFrames()
  early.keep(frame(1, 1), 0)
  early.keep(frame(1, 2), 500)
  const { received, open } = opener(1)
  early.retry(open, 1_000)
  assert.deepEqual(received, ['1:2'])
})

test('silence waits for the frames of its own talkspurt only', () => {
  const early = new EarlyFrames()
  const silence = frame(1, 2, OPUS_SILENCE)
  early.keep(frame(1, 1), 0)
  assert.ok(early.mustWait(silence, 10))
  assert.ok(!early.mustWait(frame(2, 2, OPUS_SILENCE), 10))
  assert.ok(!early.mustWait(frame(1, 2), 10), 'a frame that can be opened does not wait for one that cannot')
  assert.ok(!early.mustWait(silence, 1_000), 'the frame before it has expired')
  early.keep(silence, 10)
  const received: number[] = []
  let hasKey = false
  const open = ({ sequence }: ReceivedFrame) => {
    if (sequence === 1 && !hasKey) return false
    received.push(sequence)
    return true
  }
  early.retry(open, 20)
  assert.deepEqual(received, [])
  hasKey = true
  early.retry(open, 30)
  assert.deepEqual(received, [1, 2])
})

test('a flood of frames that cannot be opened is bounded; the oldest are dropped first', () => {
  const early = new EarlyFrames()
  for (let sequence = 0; sequence < 1_000; sequence++) early.keep(frame(1, sequence), 0)
  const { received, open } = opener(1)
  early.retry(open, 1)
  assert.deepEqual([received.length, received[0], received.at(-1)], [200, '1:800', '1:999'])
})
