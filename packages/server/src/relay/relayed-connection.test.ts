// Two WebSockets joined, on loopback: contents, close codes, a side that does not read.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { WebSocket } from 'ws'
import { backendPing } from '../net/frames.ts'
import { webSocketServer } from '../net/websocket.ts'
import { RelayedConnection } from './relayed-connection.ts'
import { Shares } from './shares.ts'

const ROOMY = { connections: 9, connectionsPerBackend: 9, bytes: 1e9, bytesPerBackend: 1e9, bytesPerAddress: 1e9 }

/** A server, and the sockets of a connection to it: that of the dialing side and that of the server. */
async function connected(t: TestContext): Promise<[WebSocket, WebSocket]> {
  const upgrades = webSocketServer()
  const server = createServer()
  t.after(() => server.close())
  const accepted = new Promise<WebSocket>(resolve => {
    server.on('upgrade', (request, socket, head) => upgrades.handleUpgrade(request, socket, head, resolve))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const dialing = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/`, {
    perMessageDeflate: false,
  })
  t.after(() => dialing.terminate())
  await once(dialing, 'open')
  return [dialing, await accepted]
}

/** client – relay – owner. `near` and `far` are the relay's own sockets. */
async function joined(
  t: TestContext,
  first: readonly string[] = [],
  bounds?: { held: number; stall: number },
  shares = new Shares(() => ROOMY),
) {
  const [client, near] = await connected(t)
  const [far, owner] = await connected(t)
  far.pause()
  let ends = 0
  const relayed = new RelayedConnection(near, far, first, shares.open('192.0.2.1')!, () => ends++, bounds)
  return { client, near, far, owner, relayed, shares, ends: () => ends }
}

const message = async (socket: WebSocket) => (await once(socket, 'message')) as [Buffer, boolean]
const closing = async (socket: WebSocket) => {
  const [code, reason] = (await once(socket, 'close')) as [number, Buffer]
  return [code, reason.toString()]
}

test('messages arrive unchanged in both directions, those first that were read before', async t => {
  const { client, owner } = await joined(t, ['{"op":0, "d" : 1}'])
  assert.deepEqual(await message(owner), [Buffer.from('{"op":0, "d" : 1}'), false])
  for (const [from, to] of [
    [client, owner],
    [owner, client],
  ] as const) {
    from.send('{"op":3,"d":18446744073709551615}')
    assert.deepEqual(await message(to), [Buffer.from('{"op":3,"d":18446744073709551615}'), false])
    const bytes = Uint8Array.from({ length: 70_000 }, (_, index) => index)
    from.send(bytes)
    assert.deepEqual(await message(to), [Buffer.from(bytes), true])
  }
})

test('close codes and reasons pass in both directions, and so does a lost connection', async t => {
  for (const side of ['client', 'owner'] as const) {
    const other = side === 'client' ? 'owner' : 'client'
    for (const [close, expected] of [
      [(socket: WebSocket) => socket.close(4014, 'moved'), [4014, 'moved']],
      [(socket: WebSocket) => socket.close(1000), [1000, '']],
      [(socket: WebSocket) => socket.close(), [1005, '']],
      [(socket: WebSocket) => socket.terminate(), [1006, '']],
    ] as const) {
      const scene = await joined(t)
      const closed = closing(scene[other])
      close(scene[side])
      assert.deepEqual(await closed, expected)
      assert.equal(scene.ends(), 1)
    }
  }
})

test('what was sent before a close arrives before it', async t => {
  const { client, owner } = await joined(t)
  const received: string[] = []
  client.on('message', data => received.push(data.toString()))
  for (let index = 0; index < 100; index++) owner.send(String(index))
  owner.close(4006, 'replaced')
  assert.deepEqual(await closing(client), [4006, 'replaced'])
  assert.deepEqual(
    received,
    Array.from({ length: 100 }, (_, index) => String(index)),
  )
})

test('a side that does not read stops the other one, and receives everything once it reads', async t => {
  const { client, near, owner } = await joined(t)
  const length = 32 * 1024
  const count = 600
  client.pause()
  let mostHeld = 0
  near.on('pong', () => {})
  const watch = setInterval(() => {
    mostHeld = Math.max(mostHeld, near.bufferedAmount)
  }, 1)
  t.after(() => clearInterval(watch))
  for (let index = 0; index < count; index++) owner.send(Buffer.alloc(length, index))
  // The owner's own socket is what fills.
  await new Promise<void>(resolve => {
    const check = () => (near.bufferedAmount > 64 * 1024 ? resolve() : setImmediate(check))
    check()
  })
  assert.ok(owner.bufferedAmount > 0, 'the owner waits')
  const received: number[] = []
  const all = new Promise<void>(resolve => {
    client.on('message', data => {
      received.push((data as Buffer)[0]!)
      if (received.length === count) resolve()
    })
  })
  client.resume()
  await all
  assert.deepEqual(
    received,
    Array.from({ length: count }, (_, index) => index & 0xff),
  )
  assert.ok(mostHeld <= 64 * 1024 + 2 * length, `the relay held ${mostHeld} bytes`)
})

test('a side that never reads ends both connections', async t => {
  const { client, owner, ends } = await joined(t, [], { held: 1_024, stall: 50 })
  client.pause()
  const closed = closing(owner)
  const more = () => {
    if (owner.readyState === WebSocket.OPEN) owner.send(Buffer.alloc(256 * 1024), () => setImmediate(more))
  }
  more()
  assert.equal((await closed)[0], 1006)
  assert.equal(ends(), 1)
})

test('a relay that stops lets the client resume, and the owner keep the session', async t => {
  const { client, owner, relayed } = await joined(t)
  const both = Promise.all([closing(client), closing(owner)])
  relayed.close(4015, 'the relay is stopping')
  assert.deepEqual(await both, [
    [4015, 'the relay is stopping'],
    [1006, ''],
  ])
})

test('a connection counts for the backend that its node names, and ends if that has its share', async t => {
  const shares = new Shares(() => ({ ...ROOMY, connectionsPerBackend: 1 }))
  const first = await joined(t, [], undefined, shares)
  assert.equal(shares.open('192.0.2.2'), undefined, 'the share of those that have not authenticated')
  first.owner.ping(backendPing('main'))
  first.owner.send('a message after it')
  await message(first.client)
  const second = await joined(t, [], undefined, shares)
  second.owner.ping('another ping')
  second.owner.ping(backendPing('main'))
  assert.deepEqual(await closing(second.client), [1013, 'too many relayed connections of this backend'])
  assert.equal(second.ends(), 1)
  first.client.close()
  await closing(first.owner)
  assert.equal(shares.size, 0)
})

test('a connection whose address has too many unsent bytes is read only as the other side reads', async t => {
  const shares = new Shares(() => ({ ...ROOMY, bytesPerAddress: 1_000 }))
  const { client, owner, near } = await joined(t, [], { held: 1 << 30, stall: 60_000 }, shares)
  owner.pause()
  const messages = 500
  for (let index = 0; index < messages; index++) client.send(Buffer.alloc(20_000))
  const isPaused = async () => {
    while (!near.isPaused) await new Promise(resolve => setImmediate(resolve))
  }
  await isPaused()
  let received = 0
  owner.on('message', () => received++)
  owner.resume()
  while (received < messages) await once(owner, 'message')
  client.close()
  await closing(owner)
  assert.equal(shares.size, 0)
})
