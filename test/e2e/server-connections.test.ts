// WebSockets and their limits: sizes, rates, slow readers, unresponsive peers, floods.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { IncomingMessage } from 'node:http'
import { connect, Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { queryObjects, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Opening } from '@parley/core'
import { createServer } from '@parley/server'
import { WebSocket } from 'ws'
import { SERVER_LIMITS } from '../../packages/server/src/limits.ts'
import type { NodeNote } from '../../packages/server/src/monitoring/notes.ts'
import { blockListOf } from '../../packages/server/src/net/address.ts'
import { Listener } from '../../packages/server/src/net/http.ts'
import { SocketLimits } from '../../packages/server/src/net/socket-limits.ts'
import { Connections, webSocketServer } from '../../packages/server/src/net/websocket.ts'
import { until } from './until.ts'

/** A listener that records the inputs it would pass to the core. */
async function adapter(
  t: TestContext,
  {
    pingInterval,
    halfOpen,
    authenticates = true,
  }: { pingInterval?: number; halfOpen?: [number, number]; authenticates?: boolean } = {},
) {
  const opened: [number, Opening][] = []
  const messages: { connection: number; data: string | Uint8Array }[] = []
  const closed: [number, number][] = []
  const notes: NodeNote[] = []
  const connections: Connections = new Connections(
    {
      connectionOpened: (connection, opening) => {
        opened.push([connection, opening])
        if (authenticates) connections.authenticated(connection, 'main')
      },
      messageReceived: (connection, data) => void messages.push({ connection, data }),
      connectionClosed: (connection, code) => void closed.push([connection, code]),
    },
    note => void notes.push(note),
    pingInterval,
  )
  const [total = 100, perAddress = 100] = halfOpen ?? []
  const socketLimits = new SocketLimits(false, {
    halfOpen: total,
    halfOpenPerAddress: perAddress,
    gatewayPerAddress: 3,
  })
  const listener = await Listener.open({
    host: '127.0.0.1',
    port: 0,
    root: 'gateway',
    tls: undefined,
    behindProxy: false,
    metricsFrom: blockListOf([]),
  })
  listener.serve({ connections, socketLimits, version: '0', unready: () => undefined, metrics: async () => '' })
  t.after(async () => {
    const listening = listener.close()
    socketLimits.close()
    await connections.shutdown(1001, '', 100)
    await listening
  })
  const url = `ws://127.0.0.1:${listener.port}/`
  return { url, port: listener.port, connections, socketLimits, opened, messages, closed, notes }
}

async function dial(t: TestContext, url: string, options: object = {}): Promise<WebSocket> {
  const socket = new WebSocket(url, options)
  t.after(() => socket.terminate())
  socket.on('error', () => {})
  await once(socket, 'open')
  return socket
}

test('a frame of 1 MB closes its own connection only, with 1009', async t => {
  const server = await createServer()
  t.after(() => server.close())
  for (const path of ['?v=8', 'lvsp']) {
    const socket = await dial(t, server.url + path)
    socket.send(Buffer.alloc(1_000_000))
    const [code] = await once(socket, 'close')
    assert.equal(code, 1009)
  }
  const other = await dial(t, `${server.url}?v=8`)
  other.send('{"op":3,"d":1}')
  const [ack] = await once(other, 'message')
  assert.match(String(ack), /"op":[68]/)
})

test('a text message of 5 KiB before Identify reaches the core, which closes the connection with its own code', async t => {
  const server = await createServer()
  t.after(() => server.close())
  const socket = await dial(t, `${server.url}?v=8`)
  socket.send(JSON.stringify({ op: 3, d: 'x'.repeat(5 * 1024) }))
  const [code] = await once(socket, 'close')
  assert.equal(code, 4002)
})

test('text and binary messages arrive in order, and each close is reported once', async t => {
  const { url, opened, messages, closed } = await adapter(t)
  const socket = await dial(t, `${url}?v=9`)
  socket.send('ä')
  socket.send(new Uint8Array([1, 2]))
  socket.close(4000)
  await once(socket, 'close')
  await until('the close', () => closed.length > 0)
  assert.deepEqual(opened, [
    [1, { protocol: 'gateway', version: '9', remoteAddress: '127.0.0.1', localAddress: '127.0.0.1' }],
  ])
  assert.deepEqual(
    messages.map(({ data }) => data),
    ['ä', new Uint8Array([1, 2])],
  )
  assert.equal(Buffer.isBuffer(messages[1]!.data), false)
  assert.deepEqual(closed, [[1, 4000]])
})

test('a connection closed by the node receives code and reason, and its later messages are ignored', async t => {
  const { url, connections, messages, closed } = await adapter(t)
  const socket = await dial(t, url)
  const ended = once(socket, 'close')
  connections.close(1, 4006, `${'ü'.repeat(100)}`)
  connections.close(1, 4009, 'again')
  connections.send(1, 'too late')
  socket.send('too late')
  const [code, reason] = await ended
  assert.equal(code, 4006)
  assert.equal(String(reason), 'ü'.repeat(61))
  await until('the close', () => closed.length > 0)
  assert.deepEqual(messages, [])
})

test('a client that goes on sending after the node closed it is disconnected', async t => {
  const { url, connections, messages, closed } = await adapter(t)
  const socket = await dial(t, url)
  const ended = once(socket, 'close')
  // Not the answer of ws, which would end the connection.
  socket.pause()
  connections.close(1, 4021, 'too many messages')
  const start = performance.now()
  for (let sent = 0; sent < 100; sent++) socket.send('x'.repeat(60_000))
  await until('the close', () => closed.length > 0)
  assert.ok(performance.now() - start < SERVER_LIMITS.closeTimeout, 'before the close timeout')
  assert.deepEqual(messages, [])
  socket.resume()
  await ended
})

test('messages caused by one input leave in one write per connection', async t => {
  const { connections } = await adapter(t)
  const writes: string[] = []
  const record = (text: string, done: () => void) => {
    writes.push(text)
    done()
  }
  const stream = new Duplex({
    read() {},
    write: (chunk, _encoding, done) => record(String(chunk), done),
    writev: (chunks, done) => record(chunks.map(({ chunk }) => String(chunk)).join(''), done),
  })
  t.after(() => stream.destroy())
  const headers = {
    upgrade: 'websocket',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'sec-websocket-version': '13',
  }
  const request = Object.assign(new IncomingMessage(new Socket()), { method: 'GET', headers })
  webSocketServer().handleUpgrade(request, stream, Buffer.alloc(0), socket => {
    connections.accept(socket, stream, { protocol: 'lvsp', remoteAddress: '192.0.2.1' })
  })
  await until('the response to the upgrade', () => writes.length === 1)
  for (const message of ['first', 'second', 'third']) connections.send(1, message)
  connections.flush()
  await until('the messages', () => writes.length > 1)
  assert.equal(writes.length, 2)
  assert.match(writes[1]!, /first.*second.*third/s)
})

test('a client that does not read is disconnected before its buffer grows beyond the limit', async t => {
  const { url, connections, closed, notes } = await adapter(t)
  const socket = await dial(t, url)
  socket.pause()
  const message = 'x'.repeat(64 * 1024)
  let sent = 0
  await until('the end of the connection', () => {
    for (let i = 0; i < 16 && closed.length === 0; i++, sent++) connections.send(1, message)
    connections.flush()
    return closed.length > 0
  })
  assert.deepEqual(closed, [[1, 1006]])
  assert.ok(notes.some(({ event }) => event === 'connection.slow'))
  assert.equal(connections.totals.slow, 1)
  assert.ok(sent * message.length < 64 * 1024 * 1024)
})

test('a client that reads can receive more than the buffer limit in total', async t => {
  const { url, connections, closed } = await adapter(t)
  const socket = await dial(t, url)
  let received = 0
  socket.on('message', data => {
    received += String(data).length
  })
  for (let i = 1; i <= 200; i++) {
    connections.send(1, 'x'.repeat(64 * 1024))
    connections.flush()
    if (i % 10 === 0) await until('the client to catch up', () => received === i * 64 * 1024)
  }
  assert.deepEqual(closed, [])
})

test('a backend that does not answer pings is disconnected; one that answers stays without sending messages', async t => {
  const { url, connections, closed, notes } = await adapter(t, { pingInterval: 30 })
  const deaf = await dial(t, `${url}lvsp`, { autoPong: false })
  const quiet = await dial(t, `${url}lvsp`)
  let pings = 0
  quiet.on('ping', () => pings++)
  const [code] = await once(deaf, 'close')
  assert.equal(code, 1006)
  await until('more pings', () => pings > 4)
  assert.deepEqual(closed, [[1, 1006]])
  assert.equal(connections.totals.unresponsive, 1)
  assert.ok(notes.some(({ event }) => event === 'connection.unresponsive'))
})

test('voice clients are not pinged, because they send heartbeats', async t => {
  const { url } = await adapter(t, { pingInterval: 10 })
  const voice = await dial(t, url)
  const backend = await dial(t, `${url}lvsp`)
  let voicePings = 0
  voice.on('ping', () => voicePings++)
  for (let i = 0; i < 3; i++) await once(backend, 'ping')
  assert.equal(voicePings, 0)
})

test('a flooding connection does not delay the others', async t => {
  const { url, messages } = await adapter(t)
  const flooding = await dial(t, url)
  const polite = await dial(t, url)
  for (let i = 0; i < 5_000; i++) flooding.send('x')
  polite.send('please')
  await until('the flood', () => messages.length === 5_001)
  const place = messages.findIndex(({ data }) => data === 'please')
  assert.ok(place < 2_500, `arrived after ${place} messages of the flooding connection`)
})

test('a connection that has not authenticated may send 32 KiB, even within one frame', async t => {
  const { url, closed } = await adapter(t, { authenticates: false })
  const small = await dial(t, url)
  small.send('x'.repeat(30_000))
  const large = await dial(t, url)
  large.send('x'.repeat(200_000))
  const [code] = await once(large, 'close')
  assert.equal(code, 1009)
  await until('the close', () => closed.length === 1)
  assert.deepEqual(closed, [[2, 1009]])
  assert.equal(small.readyState, WebSocket.OPEN)
})

test('a connection whose first message authenticates it may send the rest at once', async t => {
  const { url, connections, messages } = await adapter(t, { authenticates: false })
  const backend = await dial(t, `${url}lvsp`)
  for (let i = 0; i < 1_000; i++) backend.send('x'.repeat(1_000))
  await until('the first message', () => messages.length > 0)
  connections.authenticated(1, 'main')
  await until('all messages', () => messages.length === 1_000)
})

test('a backend beyond its rate is read at that rate and loses no message', async t => {
  const { url, messages } = await adapter(t)
  const backend = await dial(t, `${url}lvsp`)
  const start = performance.now()
  for (let i = 0; i < 6_000; i++) backend.send('x'.repeat(1_000))
  await until('all messages', () => messages.length === 6_000)
  assert.ok(performance.now() - start >= 900)
})

test('a backend that sends long messages is read as if it had sent more of them', async t => {
  const { url, messages } = await adapter(t)
  const backend = await dial(t, `${url}lvsp`)
  const start = performance.now()
  for (let i = 0; i < 200; i++) backend.send('x'.repeat(60_000))
  await until('all messages', () => messages.length === 200)
  assert.ok(performance.now() - start >= 1_900)
})

test('the number of WebSockets per address is limited until one closes', async t => {
  const { url, socketLimits, closed } = await adapter(t)
  const [first] = [await dial(t, url), await dial(t, url), await dial(t, url)]
  assert.equal(await refusal(url), 429)
  assert.equal(socketLimits.refused.gatewayPerAddress, 1)
  const elsewhere = await dial(t, url, { localAddress: '127.0.0.2' })
  assert.equal(elsewhere.readyState, WebSocket.OPEN)
  first.close()
  await until('the close', () => closed.length === 1)
  await dial(t, url)
})

async function refusal(url: string): Promise<number | undefined> {
  const socket = new WebSocket(url)
  socket.on('error', () => {})
  const [, response] = await once(socket, 'unexpected-response')
  socket.terminate()
  return response.statusCode
}

test('a refused upgrade leaves no socket, even if the peer keeps its side open', async t => {
  const { port, socketLimits } = await adapter(t)
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  t.after(() => socket.destroy())
  socket.on('error', () => {})
  socket.write('GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
  const [answer] = await once(socket, 'data')
  assert.match(String(answer), /^HTTP\/1.1 404 /)
  await until('the end of the socket', () => socketLimits.halfOpen === 0)
})

test('a request that offers another protocol than WebSocket is answered as if it did not', async t => {
  const server = await createServer()
  t.after(() => server.close())
  const ask = async (requestLine: string, upgrade: string) => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
    t.after(() => socket.destroy())
    socket.write(`${requestLine} HTTP/1.1\r\nHost: node\r\nConnection: Upgrade, HTTP2-Settings\r\n`)
    socket.write(`Upgrade: ${upgrade}\r\nHTTP2-Settings: AAEAAEAA\r\n\r\n`)
    return text(socket)
  }
  assert.match(await ask('GET /livez', 'h2c'), /^HTTP\/1\.1 200 OK\r\n.*connection: close\r\n.*alive\n/is)
  assert.match(await ask('GET /metrics', 'h2c'), /^HTTP\/1\.1 200 OK\r\n.*\nparley_health [\d.]+\n/s)
  assert.match(await ask('GET /', 'TLS/1.0'), /^HTTP\/1\.1 200 OK\r\n.*This is Parley/s)
  assert.match(await ask('POST /livez', 'h2c'), /^HTTP\/1\.1 405 /)
  assert.match(await ask('GET /livez', 'websocket'), /^HTTP\/1\.1 404 /)
})

test('ten thousand half-open sockets stay within their limits, do not block a client and time out', async t => {
  const { url, port, socketLimits } = await adapter(t, { halfOpen: [500, 50] })
  const flood: Socket[] = []
  const timedOut = new Set<Socket>()
  t.after(() => {
    for (const socket of flood) socket.destroy()
  })
  for (let address = 1; address <= 125; address++) {
    await Promise.all(Array.from({ length: 80 }, () => halfOpen(port, `127.0.1.${address}`, flood, timedOut)))
    await until('all sockets to be accepted or refused', () => socketLimits.refused.halfOpenPerAddress === address * 30)
    assert.ok(socketLimits.halfOpen <= 500)
  }
  // On a slow machine the first ones time out during the flood.
  await until('all sockets to be open, closed for others or timed out', () => {
    const { halfOpen, refused } = socketLimits
    return halfOpen <= 500 && refused.halfOpen > 0 && halfOpen + refused.halfOpen + timedOut.size === 125 * 50
  })
  await dial(t, url)
  await until('the timeout of all sockets', () => socketLimits.halfOpen === 0)
})

/** Sends half of a request, so that the server has to wait. Resolves when the socket is connected or refused. */
function halfOpen(port: number, localAddress: string, flood: Socket[], timedOut: Set<Socket>): Promise<void> {
  return new Promise(resolve => {
    const socket = connect({ port, host: '127.0.0.1', localAddress }, () => {
      socket.write('GET / HTTP/1.1\r\n')
      resolve()
    })
    socket.on('error', () => resolve())
    socket.on('data', bytes => String(bytes).startsWith('HTTP/1.1 408') && timedOut.add(socket))
    flood.push(socket)
  })
}

test('an open connection does not retain its upgrade request', async t => {
  const { url, opened } = await adapter(t)
  const client = new WebSocket(`${url}?v=8`)
  await once(client, 'open')
  await until('the connection', () => opened.length === 1)
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  await until('the collection of all requests', () => {
    collect()
    return queryObjects(IncomingMessage, { format: 'count' }) === 0
  })
  client.terminate()
})
