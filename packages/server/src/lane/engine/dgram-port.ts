// UDP sockets of Node.js as one datagram port. Node.js reports no local address of a datagram and sends from the address that the
// system selects, so there is one socket per local address.
import { createSocket, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'
import { LIMITS, type SocketAddress } from '@parley/core'
import type { DatagramPort, Destination, OnDatagram } from './portable-engine.ts'

export interface DgramPortOptions {
  /** Address to listen on. Default: all, of IPv4 and, if the system supports it, IPv6. */
  ip?: string | undefined
  /** 0 selects a free port. */
  port: number
  /** Addresses besides those of the machine's interfaces, such as announced ones. Those that are not local are ignored. */
  addresses?: readonly string[] | undefined
  onDatagram: OnDatagram
}

/** Sockets of one port. A machine with more addresses is served on the first of them. */
const MOST_SOCKETS = 64
/** Free port numbers that are tried until one is free on every address. */
const PORT_TRIES = 16

/** Opens bound sockets. Rejects with the system's error if the address is not available. */
export async function openDgramPort(options: DgramPortOptions): Promise<DatagramPort> {
  const { ip, port, addresses = [], onDatagram } = options
  if (ip !== undefined && ip !== '0.0.0.0' && ip !== '::') return new DgramPort([await bind(ip, port)], onDatagram)
  const local = [...new Set([...interfaceAddresses(ip === '0.0.0.0'), ...addresses])].slice(0, MOST_SOCKETS)
  for (let tries = port === 0 ? PORT_TRIES : 1; tries > 0; tries--) {
    const sockets = await bindAll(local, port)
    if (sockets !== undefined) return new DgramPort(sockets, onDatagram)
  }
  throw Object.assign(new Error(`UDP port ${port} is in use on an address of this machine`), { code: 'EADDRINUSE' })
}

/** IPv4 first: datagrams to an address that none came from leave from the first socket of its family. */
function interfaceAddresses(isIpv4Only: boolean): string[] {
  const all = Object.values(networkInterfaces()).flatMap(addresses => addresses ?? [])
  // Not link-local: such an address needs an interface, and is never given to clients.
  const usable = all.filter(({ address }) => !/^fe[89ab]/i.test(address)).map(({ address }) => address)
  const four = usable.filter(address => !isIPv6(address))
  return isIpv4Only ? four : [...four, ...usable.filter(isIPv6)]
}

/** One socket per address on one port number; undefined if another program has that number on one of them. */
async function bindAll(addresses: readonly string[], port: number): Promise<Socket[] | undefined> {
  const sockets: Socket[] = []
  for (const address of addresses) {
    try {
      const socket = await bind(address, sockets[0]?.address().port ?? port)
      sockets.push(socket)
    } catch (error) {
      // Not an address of this machine, or of a family that it lacks.
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT') continue
      for (const socket of sockets) socket.close()
      if (code === 'EADDRINUSE') return undefined
      throw error
    }
  }
  return sockets.length > 0 ? sockets : [await bind('0.0.0.0', port)]
}

/** Destinations are addresses already and bypass the resolver. */
const lookup =
  (family: 4 | 6) => (host: string, _options: unknown, done: (error: null, ip: string, family: number) => void) =>
    done(null, host, family)

function bind(ip: string, port: number): Promise<Socket> {
  const isIpv6 = isIPv6(ip)
  const socket = createSocket({ type: isIpv6 ? 'udp6' : 'udp4', ipv6Only: isIpv6, lookup: lookup(isIpv6 ? 6 : 4) })
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
  /** A local address's number is its place here, counted from 1. */
  readonly #sockets: readonly Socket[]
  readonly #isIpv6: readonly boolean[]
  #isClosed = false
  #failed = 0
  /** View of the last datagram, reused for copies of the same place and length. */
  #view: Uint8Array = new Uint8Array(0)
  readonly #sent = (error: Error | null): void => {
    if (error !== null) this.#failed++
  }

  constructor(sockets: readonly Socket[], onDatagram: OnDatagram) {
    this.port = sockets[0]!.address().port
    this.#sockets = sockets
    this.#isIpv6 = sockets.map(socket => socket.address().family === 'IPv6')
    for (const [index, socket] of sockets.entries()) {
      enlargeBuffers(socket)
      socket.on('message', (bytes, from) => onDatagram(bytes, from.address, from.port, index + 1))
      socket.on('error', () => this.#failed++)
    }
  }

  get unsent(): number {
    if (this.#isClosed) return 0
    let unsent = 0
    for (const socket of this.#sockets) unsent += socket.getSendQueueCount()
    return unsent
  }
  get failed(): number {
    return this.#failed
  }

  /** The socket to send from: the named one, or the first of the address family. */
  destination({ ip, port }: SocketAddress, local: number): Destination {
    const isIpv6 = isIPv6(ip)
    const isNamed = this.#isIpv6[local - 1] === isIpv6
    return { ip, port, local: isNamed ? local : this.#isIpv6.indexOf(isIpv6) + 1 }
  }

  send(bytes: Uint8Array, offset: number, length: number, to: Destination): void {
    const socket = this.#sockets[to.local - 1]
    if (this.#isClosed || to.port === 0 || socket === undefined) {
      this.#failed++
      return
    }
    const view = this.#view
    if (view.buffer !== bytes.buffer || view.byteOffset !== bytes.byteOffset + offset || view.length !== length)
      this.#view = bytes.subarray(offset, offset + length)
    try {
      socket.send(this.#view, to.port, to.ip, this.#sent)
    } catch {
      this.#failed++
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await Promise.all(this.#sockets.map(socket => new Promise<void>(resolve => socket.close(resolve))))
  }
}

/** As far as the system permits; if it refuses, its default sizes stay. */
function enlargeBuffers(socket: Socket): void {
  try {
    socket.setRecvBufferSize(LIMITS.socketBuffer)
    socket.setSendBufferSize(LIMITS.socketBuffer)
  } catch {
    return
  }
}
