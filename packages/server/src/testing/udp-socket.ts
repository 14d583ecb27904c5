// A UDP client of a test.
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import type { TestContext } from 'node:test'

/** A socket on a free port of loopback, closed after the test. */
export async function openSocket(context: TestContext): Promise<Socket> {
  const socket = createSocket('udp4')
  context.after(() => void socket.close())
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return socket
}

/** Sends a datagram to a port of loopback; resolves with the next datagram that the socket receives. */
export async function ask(socket: Socket, port: number, bytes: Uint8Array): Promise<Buffer> {
  const reply = once(socket, 'message') as Promise<[Buffer]>
  socket.send(bytes, port, '127.0.0.1')
  return (await reply)[0]
}
