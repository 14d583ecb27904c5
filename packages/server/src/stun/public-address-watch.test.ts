// A node's public address over time, asked of real STUN servers on loopback.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { test } from 'node:test'
import { encodeStunResponse, type StunMac } from '@parley/protocol'
import { PublicAddressWatch } from './public-address-watch.ts'

const mac: StunMac = (key, bytes, length) => createHmac('sha1', key).update(bytes.subarray(0, length)).digest()

test('each change of the address is reported once', async t => {
  const answers = [7, 7, 8, 8, 7]
  const socket = createSocket('udp4')
  let requests = 0
  socket.on('message', (request, { address, port }) => {
    const last = answers[Math.min(requests++, answers.length - 1)]!
    const mapped = Uint8Array.of(203, 0, 113, last)
    socket.send(encodeStunResponse(request, mapped, 1, Buffer.from('key'), mac), port, address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  t.after(() => socket.close())
  const events: string[] = []
  await new Promise<void>(resolve => {
    const watch = new PublicAddressWatch(
      [`127.0.0.1:${socket.address().port}`],
      {
        changed: address => {
          events.push(address)
          if (events.length === 3) resolve()
        },
        unanswered: () => events.push('unanswered'),
      },
      20,
    )
    t.after(() => watch.close())
  })
  assert.deepEqual(events, ['203.0.113.7', '203.0.113.8', '203.0.113.7'])
})
