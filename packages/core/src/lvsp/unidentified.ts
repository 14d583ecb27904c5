// LVSP connections that have not identified. Any host can open them, so they are bounded in total and per address (per /64 in IPv6), and
// a new one closes an older one instead of being refused: held connections cannot keep a backend out.
import { LIMITS } from '../limits.ts'
import { networkOf } from '../network-of.ts'

interface Unidentified {
  readonly origin: { readonly remoteAddress: string }
  /** Closes the connection, which then is removed. */
  dismiss(reason: string, now: number): void
}

/**
 * Networks from which a backend authenticated before are never the busiest: a flood from elsewhere does not close their
 * connections.
 */
export class UnidentifiedConnections {
  /** Of each network oldest first. */
  readonly #networks = new Map<string, Set<Unidentified>>()
  /** Networks of which backends identified, least recent first. */
  readonly #known = new Set<string>()
  #size = 0

  get size(): number {
    return this.#size
  }

  /** At the limit of its address the oldest of that address is closed, at the total limit the oldest of the busiest address. */
  add(connection: Unidentified, now: number): void {
    const network = networkOf(connection.origin.remoteAddress)
    const count = this.#networks.get(network)?.size ?? 0
    if (count >= LIMITS.lvspUnidentifiedPerAddress) this.#dismissOldest(network, now)
    else if (this.#size >= LIMITS.lvspUnidentified) this.#dismissOldest(this.#busiest(), now)
    const others = this.#networks.get(network) ?? new Set()
    this.#networks.set(network, others.add(connection))
    this.#size++
  }

  /** The connection authenticated: its address is known from now on. */
  identified(connection: Unidentified): void {
    this.remove(connection)
    const network = networkOf(connection.origin.remoteAddress)
    this.#known.delete(network)
    this.#known.add(network)
    if (this.#known.size <= LIMITS.lvspKnownNetworks) return
    for (const oldest of this.#known) {
      this.#known.delete(oldest)
      return
    }
  }

  remove(connection: Unidentified): void {
    const network = networkOf(connection.origin.remoteAddress)
    const others = this.#networks.get(network)
    if (others === undefined || !others.delete(connection)) return
    this.#size--
    if (others.size === 0) this.#networks.delete(network)
  }

  #dismissOldest(network: string | undefined, now: number): void {
    for (const oldest of this.#networks.get(network ?? '') ?? []) {
      this.remove(oldest)
      oldest.dismiss('too many unidentified connections', now)
      return
    }
  }

  /** The unknown network with the most connections, of equal ones the oldest. */
  #busiest(): string | undefined {
    let busiest: string | undefined
    let most = 0
    for (const [network, { size }] of this.#networks)
      if (size > most && !this.#known.has(network)) {
        busiest = network
        most = size
      }
    return busiest
  }
}
