// Asking real STUN servers on loopback.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { encodeStunResponse, type StunMac } from '@parley/protocol'
import { publicAddress } from './public-address.ts'

const mac: StunMac = (key, bytes, length) => createHmac('sha1', key).update(bytes.subarray(0, length)).digest()
const MAPPED = Uint8Array.of(203, 0, 113, 7)

/** Returns `host:port`. `answer` may be undefined: the request is lost. */
async function server(t: TestContext, answer: (request: Buffer) => Uint8Array | undefined): Promise<string> {
  const socket = createSocket('udp4')
  socket.on('message', (request, { address, port }) => {
    const response = answer(request)
    if (response !== undefined) socket.send(response, port, address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  t.after(() => socket.close())
  return `127.0.0.1:${socket.address().port}`
}

const mapped = (request: Uint8Array) => encodeStunResponse(request, MAPPED, 4_711, Buffer.from('key'), mac)

test('the address is that of the first server that answers, also if a request is lost', async t => {
  let requests = 0
  const lossy = await server(t, request => (++requests > 1 ? mapped(request) : undefined))
  assert.equal(await publicAddress(['[', lossy], 5), '203.0.113.7')
  assert.ok(requests >= 2)
})

test('an answer to another request, or of IPv6, is not an address', async t => {
  const other = await server(t, request => mapped(Buffer.concat([request.subarray(0, 8), Buffer.alloc(12)])))
  const ipv6 = await server(t, request => encodeStunResponse(request, new Uint8Array(16), 1, Buffer.from('key'), mac))
  const good = await server(t, mapped)
  const [first, second] = await Promise.all([publicAddress([other], 5), publicAddress([ipv6, good], 5)])
  assert.deepEqual([first, second], [undefined, '203.0.113.7'])
  assert.equal(await publicAddress([]), undefined)
})
