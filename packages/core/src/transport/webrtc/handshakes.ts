// DTLS handshakes in progress, of all WebRTC clients. Each holds memory and processor time until it ends, so they are bounded in total,
// per address (per /64 in IPv6) and, once the total is reached, to an equal share per backend.
import { LIMITS } from '../../limits.ts'
import { NetworkCounts } from '../../network-of.ts'

/** Whose handshake it is. */
export interface HandshakeOrigin {
  readonly backend: string
  /** The address of the session's WebSocket. */
  readonly remoteAddress: string
}

interface Handshake {
  readonly origin: HandshakeOrigin
  /** Ends the handshake, which then is removed. */
  giveUp(reason: string): void
}

export class Handshakes {
  /** By backend, each oldest first. */
  readonly #backends = new Map<string, Set<Handshake>>()
  readonly #perNetwork = new NetworkCounts()
  #size = 0

  get size(): number {
    return this.#size
  }

  /** False if it has to wait for others of its address or backend. One of the backend with the most makes room for other backends. */
  add(handshake: Handshake): boolean {
    const { backend, remoteAddress } = handshake.origin
    if (this.#backends.get(backend)?.has(handshake) === true) return true
    if (this.#perNetwork.of(remoteAddress) >= LIMITS.handshakesPerAddress) return false
    if (this.#size >= LIMITS.handshakes && !this.#makeRoom(this.#backends.get(backend)?.size ?? 0)) return false
    const others = this.#backends.get(backend) ?? new Set()
    this.#backends.set(backend, others.add(handshake))
    this.#perNetwork.add(remoteAddress)
    this.#size++
    return true
  }

  /** It completed, failed or was closed. */
  remove(handshake: Handshake): void {
    const { backend, remoteAddress } = handshake.origin
    const others = this.#backends.get(backend)
    if (others === undefined || !others.delete(handshake)) return
    this.#size--
    if (others.size === 0) this.#backends.delete(backend)
    this.#perNetwork.remove(remoteAddress)
  }

  /** Ends the oldest handshake of the backend with the most, if that has more than `own`. */
  #makeRoom(own: number): boolean {
    let busiest: ReadonlySet<Handshake> = new Set()
    for (const handshakes of this.#backends.values()) if (handshakes.size > busiest.size) busiest = handshakes
    if (busiest.size <= own) return false
    for (const oldest of busiest) {
      oldest.giveUp('too many handshakes in progress')
      break
    }
    return true
  }
}
