// Probes of a node from outside: TCP and TLS, the voice gateway's Hello, UDP, the clock.
import { createSocket } from 'node:dgram'
import { lookup } from 'node:dns/promises'
import { isIPv6 } from 'node:net'
import { PING_REQUEST, PING_RESPONSE } from '@parley/protocol'
import { WebSocket } from 'ws'
import { SERVER_LIMITS } from '../limits.ts'

/** An answer of the gateway: undefined if Hello arrived, else why not. */
export function probeGateway(url: string): Promise<string | undefined> {
  return new Promise(resolve => {
    const socket = new WebSocket(`${url}?v=8`, { handshakeTimeout: SERVER_LIMITS.probeTimeout, maxPayload: 64 * 1024 })
    const timer = setTimeout(() => end('no Hello arrived in time'), SERVER_LIMITS.probeTimeout)
    const end = (reason: string | undefined) => {
      clearTimeout(timer)
      socket.terminate()
      resolve(reason)
    }
    socket.once('message', data => {
      const isHello = /"heartbeat_interval":\d/.test(String(data).slice(0, 256))
      end(isHello ? undefined : 'the first message is not Hello')
    })
    socket.once('error', ({ message }) => end(message))
    socket.once('close', code => end(`the connection was closed with ${code}`))
  })
}

/** Whether a lane answers a ping at the address. Several are sent, as some may be lost. */
export async function probeMedia(host: string, port: number): Promise<boolean> {
  const { address } = await lookup(host)
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4')
  return new Promise(resolve => {
    const ping = Buffer.alloc(8)
    ping.writeUInt32BE(PING_REQUEST, 0)
    const send = () => socket.send(ping, port, address, () => {})
    const repeat = setInterval(send, SERVER_LIMITS.probeTimeout / 5)
    const timer = setTimeout(() => end(false), SERVER_LIMITS.probeTimeout)
    const end = (isAnswered: boolean) => {
      clearInterval(repeat)
      clearTimeout(timer)
      socket.close()
      resolve(isAnswered)
    }
    socket.on('message', answer => {
      if (answer.length === 8 && answer.readUInt32BE(0) === PING_RESPONSE) end(true)
    })
    socket.on('error', () => end(false))
    send()
  })
}

export interface HttpAnswer {
  readonly status: number
  /** Of the node's clock, in milliseconds since 1970. */
  readonly date: number
  readonly text: string
}

/** An answer over HTTP, or why there is none. */
export async function probeHttp(url: string): Promise<HttpAnswer | string> {
  try {
    const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(SERVER_LIMITS.probeTimeout) })
    const text = (await response.text()).slice(0, 200)
    return { status: response.status, date: Date.parse(response.headers.get('date') ?? ''), text }
  } catch (error) {
    const { cause, message } = error as Error & { cause?: { code?: string; message?: string } }
    return cause?.code ?? cause?.message ?? message
  }
}
