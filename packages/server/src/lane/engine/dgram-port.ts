// A UDP socket of Node.js as a datagram port.
import { createSocket, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import { LIMITS, type SocketAddress } from '@parley/core'
import type { DatagramPort, OnDatagram } from './datagram-port.ts'

export interface DgramPortOptions {
  /** Where to listen; without it on all addresses, of IPv4 and, where the system has it, of IPv6. */
  ip?: string | undefined
  /** 0: any free one. */
  port: number
  onDatagram: OnDatagram
}

/** Opens a bound socket. Rejects with the system's error if the address cannot be had. */
export async function openDgramPort(options: DgramPortOptions): Promise<DatagramPort> {
  if (options.ip !== undefined) return new DgramPort(await bind(options.ip, options.port), options.onDatagram)
  const socket = await bind('::', options.port).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'EADDRINUSE' || cause.code === 'EACCES') throw cause
    return bind('0.0.0.0', options.port)
  })
  return new DgramPort(socket, options.onDatagram)
}

/** Destinations are addresses already, and are given to the socket without the detour over the resolver. */
const lookup =
  (family: 4 | 6) => (host: string, _options: unknown, done: (error: null, ip: string, family: number) => void) =>
    done(null, host, family)

function bind(ip: string, port: number): Promise<Socket> {
  const isIpv6 = isIPv6(ip)
  const socket = createSocket({ type: isIpv6 ? 'udp6' : 'udp4', ipv6Only: false, lookup: lookup(isIpv6 ? 6 : 4) })
  return new Promise((resolve, reject) => {
    socket.once('error', cause => {
      socket.close()
      reject(cause)
    })
    socket.bind({ address: ip, port }, () => {
      socket.removeAllListeners('error')
      resolve(socket)
    })
  })
}

class DgramPort implements DatagramPort {
  readonly port: number
  readonly #socket: Socket
  readonly #isIpv6: boolean
  #isClosed = false
  #failed = 0
  /** The last datagram as a view: copies for many targets lie at the same place and are equally long. */
  #view: Uint8Array = new Uint8Array(0)
  readonly #sent = (error: Error | null): void => {
    if (error !== null) this.#failed++
  }

  constructor(socket: Socket, onDatagram: OnDatagram) {
    const { port, family } = socket.address()
    this.port = port
    this.#socket = socket
    this.#isIpv6 = family === 'IPv6'
    enlargeBuffers(socket)
    socket.on('message', (bytes, from) => onDatagram(bytes, from.address, from.port))
    socket.on('error', () => this.#failed++)
  }

  get unsent(): number {
    return this.#isClosed ? 0 : this.#socket.getSendQueueCount()
  }
  get failed(): number {
    return this.#failed
  }

  /** A socket of both families takes IPv4 in its mapped form only. */
  destination({ ip, port }: SocketAddress): SocketAddress {
    return { ip: this.#isIpv6 && !isIPv6(ip) ? `::ffff:${ip}` : ip, port }
  }

  send(bytes: Uint8Array, offset: number, length: number, to: SocketAddress): void {
    if (this.#isClosed || to.port === 0) {
      this.#failed++
      return
    }
    const view = this.#view
    if (view.buffer !== bytes.buffer || view.byteOffset !== bytes.byteOffset + offset || view.length !== length)
      this.#view = bytes.subarray(offset, offset + length)
    try {
      this.#socket.send(this.#view, to.port, to.ip, this.#sent)
    } catch {
      this.#failed++
    }
  }

  close(): Promise<void> {
    if (this.#isClosed) return Promise.resolve()
    this.#isClosed = true
    return new Promise(resolve => this.#socket.close(resolve))
  }
}

/** As much as the system grants. Where it refuses, its own sizes stay. */
function enlargeBuffers(socket: Socket): void {
  try {
    socket.setRecvBufferSize(LIMITS.socketBuffer)
    socket.setSendBufferSize(LIMITS.socketBuffer)
  } catch {
    return
  }
}
