// Connections that send messages of 64 kB as fast as they are read: to the voice gateway and to LVSP before they have identified,
// and to the voice gateway after that. Each is opened again when it is closed.
import { WebSocket } from 'ws'
import type { Flood, FloodStart } from '../flood-process.ts'

const LENGTH = 64_000
/** Messages that wait in a socket. */
const WAITING = 2
const POLL = 2

/** A heartbeat with a long array of small objects, which is slow to parse. */
const MESSAGE = JSON.stringify({
  op: 3,
  d: { t: 1, seq_ack: 0, x: Array.from({ length: LENGTH / 8 }, () => ({ a: 1 })) },
})

export async function floodJson({ extent, endpoint, members }: FloodStart): Promise<Flood> {
  const sockets: WebSocket[] = []
  let count = 0
  let isClosed = false
  const open = (index: number) => {
    if (isClosed) return
    const path = index % 3 === 0 ? 'lvsp' : '?v=8'
    const socket = new WebSocket(`ws://${endpoint}/${path}`, { localAddress: `127.0.3.${1 + (index % 200)}` })
    sockets[index] = socket
    socket.on('error', () => {})
    const member = index % 3 === 1 ? members[index % members.length] : undefined
    if (member !== undefined) socket.once('open', () => socket.send(JSON.stringify({ op: 0, d: member })))
    socket.once('close', () => setTimeout(() => open(index), POLL))
  }
  for (let index = 0; index < extent.jsonSockets; index++) open(index)
  const timer = setInterval(() => {
    for (const socket of sockets) {
      // Of a socket that the node has destroyed nothing is buffered.
      for (let sent = 0; sent < WAITING && socket.bufferedAmount < WAITING * LENGTH; sent++) {
        if (socket.readyState !== WebSocket.OPEN) break
        socket.send(MESSAGE)
        count++
      }
    }
  }, POLL)
  return {
    count: () => count,
    close() {
      isClosed = true
      clearInterval(timer)
      for (const socket of sockets) socket.terminate()
    },
  }
}
