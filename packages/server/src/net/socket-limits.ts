// Who may hold how many sockets: half-open ones before the upgrade, WebSockets after it.
import type { Socket } from 'node:net'
import { LIMITS, networkOf } from '@parley/core'
import { SOCKET_LIMITS } from '../limits.ts'
import { plainAddress } from './address.ts'

/** How many of something each network has. */
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

export interface AdmissionLimits {
  halfOpen: number
  halfOpenPerAddress: number
  gatewayPerAddress: number
  lvsp: number
}

/** LVSP has room beyond what the core holds, because the core knows better which connection is the one too many. */
export const ADMISSION_LIMITS: AdmissionLimits = {
  halfOpen: SOCKET_LIMITS.halfOpen,
  halfOpenPerAddress: SOCKET_LIMITS.halfOpenPerAddress,
  gatewayPerAddress: LIMITS.connectionsPerAddress,
  lvsp: LIMITS.lvspConnections * 4,
}

export class SocketLimits {
  readonly #limits: AdmissionLimits
  /** Behind a proxy every TCP connection is the proxy's, so it has no limit of its own there. */
  readonly #behindProxy: boolean
  readonly #halfOpen = new Map<string, { socket: Socket; network: string }>()
  readonly #halfOpenOf = new Tally()
  readonly #gatewayOf = new Tally()
  #lvsp = 0
  /** Sockets that were turned away, by reason. */
  readonly refused = { halfOpen: 0, halfOpenPerAddress: 0, gatewayPerAddress: 0, lvsp: 0 }

  constructor(behindProxy: boolean, limits: AdmissionLimits = ADMISSION_LIMITS) {
    this.#behindProxy = behindProxy
    this.#limits = limits
  }

  get halfOpen(): number {
    return this.#halfOpen.size
  }

  /** A TCP connection was accepted. One that is too many for its address goes; one too many in all ends the oldest. */
  accepted(socket: Socket): void {
    const key = keyOf(socket)
    const network = networkOf(plainAddress(socket.remoteAddress))
    const crowded = !this.#behindProxy && this.#halfOpenOf.of(network) >= this.#limits.halfOpenPerAddress
    if (crowded) this.refused.halfOpenPerAddress++
    // An address is absent when the other side has gone before we looked.
    if (crowded || network === '') return void socket.destroy()
    if (this.#halfOpen.size >= this.#limits.halfOpen) this.#dropOldest()
    this.#halfOpen.set(key, { socket, network })
    this.#halfOpenOf.add(network, 1)
    socket.once('close', () => {
      if (this.#halfOpen.get(key)?.socket === socket) this.#settle(key)
    })
  }

  /** The TCP connection became a WebSocket. Under TLS `socket` may be the one wrapped around the accepted one. */
  upgraded(socket: Socket): void {
    this.#settle(keyOf(socket))
  }

  /** Takes a place for a WebSocket until `release`; otherwise says with which HTTP status it is refused. */
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

  /** Ends what is half-open. */
  close(): void {
    for (const { socket } of this.#halfOpen.values()) socket.destroy()
  }

  #refuse<Status extends 429 | 503>(reason: keyof AdmissionLimits, status: Status): { status: Status } {
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
