// A port for a process that has to be given one: it is restarted on the same port, or cannot choose one itself.
import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise(resolve => server.close(resolve))
  return port
}

/** The first of so many UDP ports in a row, below those that systems give to outgoing sockets. */
export async function freeUdpPorts(count: number): Promise<number> {
  for (;;) {
    const first = randomInt(20_000, 32_000)
    const sockets = Array.from({ length: count }, () => createSocket('udp4'))
    const bound = sockets.map(
      (socket, index) =>
        new Promise<boolean>(resolve => {
          socket.once('error', () => resolve(false))
          socket.bind(first + index, '127.0.0.1', () => resolve(true))
        }),
    )
    const areFree = (await Promise.all(bound)).every(Boolean)
    for (const socket of sockets) socket.close()
    if (areFree) return first
  }
}
