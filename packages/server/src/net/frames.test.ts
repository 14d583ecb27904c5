import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Writable } from 'node:stream'
import { test } from 'node:test'
import * as ws from 'ws'
import { encodeFrames } from './frames.ts'

/** The library’s decoder of frames, which its types leave out. */
const { Receiver } = ws as unknown as {
  Receiver: new (options: { isServer: boolean; maxPayload: number }) => Writable
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

test('the examples of RFC 6455 §5.7', () => {
  assert.equal(hex(encodeFrames(['Hello'])), '810548656c6c6f')
  const bytes = (length: number) => new Uint8Array(length).fill(7)
  assert.equal(hex(encodeFrames([bytes(256)]).subarray(0, 5)), '827e010007')
  assert.equal(hex(encodeFrames([bytes(65_536)]).subarray(0, 11)), '827f000000000001000007')
})

test('a client reads messages of every length, in order', async () => {
  const messages = [0, 1, 125, 126, 127, 65_535, 65_536, 200_000].flatMap(length => [
    'é'.repeat(length >> 1) + 'x'.repeat(length & 1),
    Uint8Array.from({ length }, (_, index) => index),
  ])
  const receiver = new Receiver({ isServer: false, maxPayload: 1_000_000 })
  const received: string[] = []
  receiver.on('message', (data: Buffer, isBinary: boolean) => received.push(isBinary ? hex(data) : `text ${data}`))
  receiver.end(encodeFrames(messages))
  await once(receiver, 'finish')
  assert.deepEqual(
    received,
    messages.map(message => (typeof message === 'string' ? `text ${message}` : hex(message))),
  )
})
