// Limits on sockets, in all and per address: half-open ones before the upgrade, WebSockets after it.
import type { Socket } from 'node:net'
import { LIMITS, NetworkCounts, ok, type Result, refused } from '@parley/core'
import { SERVER_LIMITS } from '../limits.ts'
import { addressText } from './address.ts'

interface HalfOpenBounds {
  readonly most: number
  /** Infinity where addresses say nothing, such as behind a proxy, whose address all share. */
  readonly perAddress: number
}

/** Refused sockets, by reason: above `most`, and above `perAddress`. */
interface RefusedHalfOpen {
  halfOpen: number
  halfOpenPerAddress: number
}

/** Sockets that have not shown yet what they are for. */
export class HalfOpenSockets {
  readonly #bounds: HalfOpenBounds
  /** Oldest first. */
  readonly #sockets = new Map<string, { readonly socket: Socket; readonly address: string }>()
  readonly #perAddress = new NetworkCounts()
  readonly #refused: RefusedHalfOpen

  /** `refused` is counted up. */
  constructor(bounds: HalfOpenBounds, refused: RefusedHalfOpen = { halfOpen: 0, halfOpenPerAddress: 0 }) {
    this.#bounds = bounds
    this.#refused = refused
  }

  get size(): number {
    return this.#sockets.size
  }

  /** A TCP connection was accepted. Above the limit of its address it is closed; above the total limit the oldest is. */
  accepted(socket: Socket): void {
    const key = keyOf(socket)
    const address = addressText(socket.remoteAddress)
    const crowded = this.#perAddress.of(address) >= this.#bounds.perAddress
    if (crowded) this.#refused.halfOpenPerAddress++
    // The address is absent if the peer has already closed.
    if (crowded || address === '') return void socket.destroy()
    if (this.#sockets.size >= this.#bounds.most) this.#dropOldest()
    this.#sockets.set(key, { socket, address })
    this.#perAddress.add(address)
    socket.once('close', () => {
      if (this.#sockets.get(key)?.socket === socket) this.#remove(key)
    })
  }

  /** It is no longer half-open. Under TLS `socket` may be the TLS socket around the accepted one. */
  settled(socket: Socket): void {
    this.#remove(keyOf(socket))
  }

  /** Destroys all. */
  close(): void {
    for (const { socket } of this.#sockets.values()) socket.destroy()
  }

  #dropOldest(): void {
    const [oldest] = this.#sockets
    if (oldest === undefined) return
    this.#refused.halfOpen++
    this.#remove(oldest[0])
    oldest[1].socket.destroy()
  }

  #remove(key: string): void {
    const entry = this.#sockets.get(key)
    if (entry === undefined) return
    this.#sockets.delete(key)
    this.#perAddress.remove(entry.address)
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
  readonly #halfOpen: HalfOpenSockets
  readonly #gateways = new NetworkCounts()
  /** Refused sockets, by reason. */
  readonly refused = { halfOpen: 0, halfOpenPerAddress: 0, gatewayPerAddress: 0 }

  /** Behind a proxy all TCP connections share the proxy's address, so the limit per address does not apply to half-open ones. */
  constructor(behindProxy: boolean, limits: SocketLimitOptions = DEFAULTS) {
    const perAddress = behindProxy ? Infinity : limits.halfOpenPerAddress
    this.#halfOpen = new HalfOpenSockets({ most: limits.halfOpen, perAddress }, this.refused)
    this.#limits = limits
  }

  get halfOpen(): number {
    return this.#halfOpen.size
  }

  /** A TCP connection was accepted. */
  accepted(socket: Socket): void {
    this.#halfOpen.accepted(socket)
  }

  /** The TCP connection became a WebSocket. */
  upgraded(socket: Socket): void {
    this.#halfOpen.settled(socket)
  }

  /**
   * Reserves a place for a WebSocket of the voice gateway; the value releases it. LVSP needs none: the core closes unidentified
   * connections above its limits, so that they cannot keep a backend out.
   */
  admitGateway(address: string): Result<() => void, 'gatewayPerAddress'> {
    if (this.#gateways.of(address) >= this.#limits.gatewayPerAddress) {
      this.refused.gatewayPerAddress++
      return refused('gatewayPerAddress')
    }
    this.#gateways.add(address)
    return ok(() => this.#gateways.remove(address))
  }

  /** Destroys half-open connections. */
  close(): void {
    this.#halfOpen.close()
  }
}

const keyOf = (socket: Socket) => `${socket.localPort} ${socket.remoteAddress} ${socket.remotePort}`
