// Tells the connections of one TCP port apart by their first byte: ICE-TCP frames, TLS, HTTP.
import type { Server, Socket } from 'node:net'
import { SERVER_LIMITS } from '../limits.ts'

/**
 * A frame begins with its length, and a check has less than 2048 bytes, so that the first byte is below this. TLS begins with 0x16
 * (RFC 8446 §5.1), HTTP with a letter.
 */
const FRAME_BELOW = 8

/**
 * Passes connections whose first byte is that of a frame to `framed`, all others to the server's own listeners, with every byte unread.
 * One that sends nothing is closed after `firstByteTimeout`. Call it before other listeners of `connection` are added.
 */
export function divideConnections(server: Server, framed: (socket: Socket) => void): void {
  const own = server.rawListeners('connection')
  server.removeAllListeners('connection')
  server.on('connection', (socket: Socket) => {
    awaitFirstByte(socket, first => {
      if (first < FRAME_BELOW) framed(socket)
      else for (const listener of own) listener.call(server, socket)
    })
  })
}

/** Calls `then` with the first byte, which stays unread. A connection that ends before is destroyed. */
function awaitFirstByte(socket: Socket, then: (first: number) => void): void {
  const settle = () => {
    socket.setTimeout(0)
    socket.off('timeout', destroy).off('error', destroy).off('end', destroy).off('readable', look)
  }
  const destroy = () => {
    settle()
    socket.destroy()
  }
  const look = () => {
    const chunk = socket.read() as Buffer | null
    if (chunk === null) return
    settle()
    socket.unshift(chunk)
    then(chunk[0]!)
  }
  socket.setTimeout(SERVER_LIMITS.firstByteTimeout)
  socket.on('timeout', destroy).on('error', destroy).on('end', destroy).on('readable', look)
}
