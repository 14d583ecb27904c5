// What a connected, silent session costs in memory: a node full of them, its resident size before and after.
import { LvspClient } from '@parley/client'
import { VoiceOp } from '@parley/protocol'
import { WebSocket } from 'ws'
import { NodeProcess, SECRET } from './node-process.ts'

const USERS_PER_CHANNEL = 25
/** At once: joins are cheap, but not all at the same moment. */
const IN_FLIGHT = 50
/** The node takes so many connections of one address; loopback has many addresses. */
const PER_ADDRESS = 1_000
const SETTLE = 3_000

export interface SessionMemory {
  sessions: number
  /** Resident bytes per session, everything included. */
  bytesPerSession: number
}

export async function benchSessionMemory(sessions: number): Promise<SessionMemory> {
  const node = await NodeProcess.start(`capacity.sessions=${sessions * 2}`)
  const backend = new LvspClient({ url: node.lvspUrl, secret: SECRET })
  await backend.connect()
  // The first channel warms the node up: code that is compiled once is no session's.
  const sockets = await fill(node, backend, 0, USERS_PER_CHANNEL)
  await settle(sockets)
  const before = await node.residentBytes()
  sockets.push(...(await fill(node, backend, USERS_PER_CHANNEL, sessions)))
  await settle(sockets)
  const after = await node.residentBytes()
  const open = sockets.filter(socket => socket.readyState === WebSocket.OPEN).length
  const { sessions: known } = Object.fromEntries([['sessions', (await node.metrics()).get('parley_sessions')]])
  for (const socket of sockets) socket.terminate()
  await backend.close()
  await node.stop()
  if (open !== sessions + USERS_PER_CHANNEL || known !== open)
    throw new Error(`${open} of ${sessions} sessions stayed, ${known} known`)
  return { sessions, bytesPerSession: (after - before) / sessions }
}

async function fill(node: NodeProcess, backend: LvspClient, from: number, count: number): Promise<WebSocket[]> {
  const sockets: WebSocket[] = []
  let next = from
  const worker = async () => {
    while (next < from + count) sockets.push(await join(node, backend, next++))
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker))
  return sockets
}

async function join(node: NodeProcess, backend: LvspClient, index: number): Promise<WebSocket> {
  const channelId = String(1_000 + Math.floor(index / USERS_PER_CHANNEL))
  const userId = String(index + 1)
  const { sessionId, token } = await backend.createVoiceState({ userId, channelId, guildId: channelId })
  const localAddress = `127.0.0.${1 + Math.floor(index / PER_ADDRESS)}`
  const socket = new WebSocket(`ws://${node.endpoint}/?v=8`, { localAddress, perMessageDeflate: false })
  return new Promise((resolve, reject) => {
    const send = (op: number, d: object) => socket.send(JSON.stringify({ op, d }))
    socket.on('error', reject)
    socket.on('close', code => reject(new Error(`a session was closed with ${code}`)))
    socket.on('open', () =>
      send(VoiceOp.Identify, { server_id: channelId, user_id: userId, session_id: sessionId, token }),
    )
    socket.on('message', data => {
      const { op, d } = JSON.parse(String(data))
      if (op === VoiceOp.Ready)
        send(VoiceOp.SelectProtocol, { protocol: 'udp', data: { address: d.ip, port: 9, mode: d.modes[0] } })
      if (op === VoiceOp.SessionDescription) resolve(socket)
    })
  })
}

/** Everyone acknowledges what he has, as clients do, and the node gets time to collect its garbage. */
async function settle(sockets: readonly WebSocket[]): Promise<void> {
  for (const socket of sockets) socket.send(JSON.stringify({ op: VoiceOp.Heartbeat, d: { t: 1, seq_ack: 3 } }))
  await new Promise(resolve => setTimeout(resolve, SETTLE))
}
