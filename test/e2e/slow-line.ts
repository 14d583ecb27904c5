// A TCP proxy that delays all bytes, in order, and can be cut. Media does not pass through it.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface SlowLine {
  /** `host:port` of the proxy. */
  readonly endpoint: string
  /** Ends all connections, as a network failure does; new ones get no answer before `repair`. */
  cut(): void
  repair(): void
  close(): Promise<void>
}

/** Opens a proxy to `endpoint` that delays each byte by `delay` milliseconds in each direction. */
export async function openSlowLine(endpoint: string, delay: number): Promise<SlowLine> {
  const { hostname, port } = new URL(`ws://${endpoint}`)
  const sockets = new Set<Socket>()
  const lead = (from: Socket, to: Socket) => {
    sockets.add(from)
    from.on('data', bytes => setTimeout(() => to.writable && to.write(bytes), delay))
    from.on('error', () => to.destroy())
    from.on('close', () => setTimeout(() => to.destroy(), delay))
  }
  const forward = (near: Socket) => {
    const far = connect(Number(port), hostname)
    lead(near, far)
    lead(far, near)
  }
  let waiting: Socket[] | undefined
  const server = createServer(near => (waiting === undefined ? forward(near) : waiting.push(near)))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const cut = () => {
    waiting ??= []
    for (const socket of sockets) socket.destroy()
    sockets.clear()
  }
  const repair = () => {
    for (const near of waiting ?? []) forward(near)
    waiting = undefined
  }
  return {
    endpoint: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut,
    repair,
    close: async () => {
      cut()
      for (const socket of waiting ?? []) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
