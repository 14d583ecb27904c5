// Limits on sockets, in all and per address: half-open ones before the upgrade, WebSockets after it.
import type { Socket } from 'node:net'
import { LIMITS, networkOf, ok, type Result, refused } from '@parley/core'
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
}

const DEFAULTS: SocketLimitOptions = {
  halfOpen: SERVER_LIMITS.maxHalfOpen,
  halfOpenPerAddress: SERVER_LIMITS.maxHalfOpenPerAddress,
  gatewayPerAddress: LIMITS.connectionsPerAddress,
}

export class SocketLimits {
  readonly #limits: SocketLimitOptions
  /** Behind a proxy all TCP connections share the proxy's address, so the limit per address does not apply to them. */
  readonly #behindProxy: boolean
  readonly #halfOpen = new Map<string, { socket: Socket; network: string }>()
  readonly #halfOpenOf = new Tally()
  readonly #gatewayOf = new Tally()
  /** Refused sockets, by reason. */
  readonly refused = { halfOpen: 0, halfOpenPerAddress: 0, gatewayPerAddress: 0 }

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

  /**
   * Reserves a place for a WebSocket of the voice gateway; the value releases it. LVSP needs none: the core closes unidentified
   * connections above its limits, so that they cannot keep a backend out.
   */
  admitGateway(address: string): Result<() => void, 'gatewayPerAddress'> {
    const network = networkOf(address)
    if (this.#gatewayOf.of(network) >= this.#limits.gatewayPerAddress) {
      this.refused.gatewayPerAddress++
      return refused('gatewayPerAddress')
    }
    this.#gatewayOf.add(network, 1)
    return ok(() => this.#gatewayOf.add(network, -1))
  }

  /** Destroys half-open connections. */
  close(): void {
    for (const { socket } of this.#halfOpen.values()) socket.destroy()
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
