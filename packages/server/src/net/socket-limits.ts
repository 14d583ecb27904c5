// Limits on sockets, in all and per address: half-open ones before the upgrade, WebSockets after it.
import type { Socket } from 'node:net'
import { LIMITS, networkOf } from '@parley/core'
import { SERVER_LIMITS } from '../limits.ts'
import { addressText } from './address.ts'

/** A count per network. */
class Tally {
  readonly #counts = new Map<string, number>()
  of(network: string): number {
    return this.#counts.get(network) ?? 0
  }
  add(network: string, change: 1 | -1): void {
    const count = this.of(network) + change
    if (count > 0) this.#counts.set(network, count)
    else this.#counts.delete(network)
  }
}

export interface SocketLimitOptions {
  halfOpen: number
  halfOpenPerAddress: number
  gatewayPerAddress: number
  lvsp: number
}

/** LVSP has a margin above the core's limit, because the core selects which connection to close. */
const DEFAULTS: SocketLimitOptions = {
  halfOpen: SERVER_LIMITS.maxHalfOpen,
  halfOpenPerAddress: SERVER_LIMITS.maxHalfOpenPerAddress,
  gatewayPerAddress: LIMITS.connectionsPerAddress,
  lvsp: LIMITS.lvspConnections * 4,
}

export class SocketLimits {
  readonly #limits: SocketLimitOptions
  /** Behind a proxy all TCP connections share the proxy's address, so the limit per address does not apply to them. */
  readonly #behindProxy: boolean
  readonly #halfOpen = new Map<string, { socket: Socket; network: string }>()
  readonly #halfOpenOf = new Tally()
  readonly #gatewayOf = new Tally()
  #lvsp = 0
  /** Refused sockets, by reason. */
  readonly refused = { halfOpen: 0, halfOpenPerAddress: 0, gatewayPerAddress: 0, lvsp: 0 }

  constructor(behindProxy: boolean, limits: SocketLimitOptions = DEFAULTS) {
    this.#behindProxy = behindProxy
    this.#limits = limits
  }

  get halfOpen(): number {
    return this.#halfOpen.size
  }

  /** A TCP connection was accepted. Above the limit of its address it is closed; above the total limit the oldest is. */
  accepted(socket: Socket): void {
    const key = keyOf(socket)
    const network = networkOf(addressText(socket.remoteAddress))
    const crowded = !this.#behindProxy && this.#halfOpenOf.of(network) >= this.#limits.halfOpenPerAddress
    if (crowded) this.refused.halfOpenPerAddress++
    // The address is absent if the peer has already closed.
    if (crowded || network === '') return void socket.destroy()
    if (this.#halfOpen.size >= this.#limits.halfOpen) this.#dropOldest()
    this.#halfOpen.set(key, { socket, network })
    this.#halfOpenOf.add(network, 1)
    socket.once('close', () => {
      if (this.#halfOpen.get(key)?.socket === socket) this.#settle(key)
    })
  }

  /** The TCP connection became a WebSocket. Under TLS `socket` may be the TLS socket around the accepted one. */
  upgraded(socket: Socket): void {
    this.#settle(keyOf(socket))
  }

  /** Reserves a place for a WebSocket until `release`, or returns the HTTP status to refuse it with. */
  admit(protocol: 'gateway' | 'lvsp', address: string): { release(): void } | { status: 429 | 503 } {
    if (protocol === 'lvsp') {
      if (this.#lvsp >= this.#limits.lvsp) return this.#refuse('lvsp', 503)
      this.#lvsp++
      return { release: () => void this.#lvsp-- }
    }
    const network = networkOf(address)
    if (this.#gatewayOf.of(network) >= this.#limits.gatewayPerAddress) return this.#refuse('gatewayPerAddress', 429)
    this.#gatewayOf.add(network, 1)
    return { release: () => this.#gatewayOf.add(network, -1) }
  }

  /** Destroys half-open connections. */
  close(): void {
    for (const { socket } of this.#halfOpen.values()) socket.destroy()
  }

  #refuse<Status extends 429 | 503>(reason: keyof SocketLimitOptions, status: Status): { status: Status } {
    this.refused[reason]++
    return { status }
  }

  #dropOldest(): void {
    const [oldest] = this.#halfOpen
    if (oldest === undefined) return
    this.refused.halfOpen++
    this.#settle(oldest[0])
    oldest[1].socket.destroy()
  }

  #settle(key: string): void {
    const entry = this.#halfOpen.get(key)
    if (entry === undefined) return
    this.#halfOpen.delete(key)
    this.#halfOpenOf.add(entry.network, -1)
  }
}

const keyOf = (socket: Socket) => `${socket.localPort} ${socket.remoteAddress} ${socket.remotePort}`
