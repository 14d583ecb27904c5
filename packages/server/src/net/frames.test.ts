import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { WebSocket, WebSocketServer } from 'ws'
import { encodeFrames } from './frames.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

test('the examples of RFC 6455 §5.7', () => {
  assert.equal(hex(encodeFrames(['Hello'])), '810548656c6c6f')
  const bytes = (length: number) => new Uint8Array(length).fill(7)
  assert.equal(hex(encodeFrames([bytes(256)]).subarray(0, 5)), '827e010007')
  assert.equal(hex(encodeFrames([bytes(65_536)]).subarray(0, 11)), '827f000000000001000007')
})

test('a client reads messages of every length, in order', async context => {
  const messages = [0, 1, 125, 126, 127, 65_535, 65_536, 200_000].flatMap(length => [
    'é'.repeat(length >> 1) + 'x'.repeat(length & 1),
    Uint8Array.from({ length }, (_, index) => index),
  ])
  const upgrades = new WebSocketServer({ noServer: true })
  const http = createServer()
  context.after(() => http.close())
  http.on('upgrade', (request, stream, head) =>
    upgrades.handleUpgrade(request, stream, head, socket => {
      stream.write(encodeFrames(messages))
      socket.close(1000)
    }),
  )
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const client = new WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}`)
  const received: string[] = []
  client.on('message', (data, isBinary) => received.push(isBinary ? hex(data as Buffer) : `text ${data}`))
  await once(client, 'close')
  assert.deepEqual(
    received,
    messages.map(message => (typeof message === 'string' ? `text ${message}` : hex(message))),
  )
})
