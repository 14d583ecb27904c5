// TCP connections that begin an upgrade and never complete it, from many loopback addresses. Each is opened again when it is closed.
import { connect, type Socket } from 'node:net'
import type { Flood, FloodStart } from '../flood-process.ts'

/** Connections per source address, below the limit of an address. */
const PER_ADDRESS = 500
const BEGINNING = 'GET /?v=8 HTTP/1.1\r\nHost: node\r\n'
/** Connections that are opened at once. */
const BURST = 200
const PAUSE = 10

export async function floodHalfOpen({ extent, endpoint }: FloodStart): Promise<Flood> {
  const [host = '', port = ''] = endpoint.split(':')
  const sockets = new Set<Socket>()
  let opened = 0
  let isClosed = false
  const open = (index: number) => {
    if (isClosed) return
    const localAddress = `127.0.2.${1 + Math.floor(index / PER_ADDRESS)}`
    const socket = connect({ host, port: Number(port), localAddress })
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('connect', () => {
      opened++
      socket.write(BEGINNING)
    })
    socket.once('close', () => {
      sockets.delete(socket)
      setTimeout(() => open(index), PAUSE)
    })
  }
  for (let index = 0; index < extent.halfOpen; index++) {
    open(index)
    if (index % BURST === 0) await new Promise(resolve => setTimeout(resolve, PAUSE))
  }
  return {
    count: () => opened,
    open: () => [...sockets].filter(({ connecting }) => !connecting).length,
    close() {
      isClosed = true
      for (const socket of sockets) socket.destroy()
    },
  }
}
