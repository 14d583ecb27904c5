// UDP datagrams that authenticate nothing: random bytes, and RTP headers with the SSRCs of members, from many ports.
import { randomFillSync } from 'node:crypto'
import { RTP_SSRC } from '@parley/protocol'
import { DatagramSocket, SEND_BATCH, SOCKET_SIZE } from '../../../packages/server/src/lane/engine/datagram-socket.ts'
import { Native } from '../../../packages/server/src/lane/engine/native-calls.ts'
import { NativeMemory } from '../../../packages/server/src/lane/engine/native-memory.ts'
import { nameOf } from '../../floor/socket-name.ts'
import type { Flood, FloodStart } from '../flood-process.ts'
import { GatewaySession } from './gateway-session.ts'

const SOCKETS = 16
const LENGTH = 120
const RTP_FIRST_BYTE = 0x80
const OPUS = 120
const RANDOM = 16
/** Milliseconds between bursts, and what a generator that was late makes up for. */
const INTERVAL = 1
const LONGEST_CATCH_UP = 20

export async function floodGarbage({ extent, endpoint, ssrcs, members }: FloodStart): Promise<Flood> {
  const loaded = await Native.load()
  if (!loaded.ok) throw new Error(loaded.reason)
  const session = await GatewaySession.open(endpoint, members[0]!)
  const name = nameOf('127.0.0.1', session.port)
  const senders = Array.from({ length: SOCKETS }, () => {
    const memory = new NativeMemory(loaded.value, SOCKET_SIZE + 4096)
    return { memory, socket: new DatagramSocket(loaded.value, memory, { ip: '127.0.0.1', port: 0 }) }
  })
  let count = 0
  const burst = ({ memory, socket }: (typeof senders)[number]) => {
    for (let sent = 0; sent < SEND_BATCH; sent++, count++) {
      const at = socket.claim()
      randomFillSync(memory.bytes, at, RANDOM)
      if (count % 2 === 0) {
        memory.bytes[at] = RTP_FIRST_BYTE
        memory.bytes[at + 1] = OPUS
        memory.view.setUint32(at + RTP_SSRC, ssrcs[count % ssrcs.length] ?? 0)
      }
      socket.queue(LENGTH, name)
    }
    socket.flush()
  }
  let turn = 0
  let due = 0
  let last = performance.now()
  const timer = setInterval(() => {
    const now = performance.now()
    due += (Math.min(now - last, LONGEST_CATCH_UP) * extent.garbagePerSecond) / 1_000
    last = now
    for (; due >= SEND_BATCH; due -= SEND_BATCH) burst(senders[turn++ % SOCKETS]!)
  }, INTERVAL)
  return {
    count: () => count,
    close() {
      clearInterval(timer)
      session.close()
      for (const { socket } of senders) socket.close()
    },
  }
}
