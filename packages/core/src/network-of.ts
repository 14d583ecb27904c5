// The network that limits per address count an address under, and counts per network.

/**
 * An IPv4 address itself; the /64 of an IPv6 address in canonical form, such as `2001:db8:0:1::/64`, because a customer has at
 * least a /64. IPv4-mapped IPv6 counts as IPv4. Text that is not an address results in some other text.
 */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  const [head = '', tail] = address.split('::')
  const left = groupsOf(head)
  const right = groupsOf(tail ?? '')
  const zeros = Array.from({ length: tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length) }, () => '0')
  const network = [...left, ...zeros, ...right].slice(0, 4).map(group => Number.parseInt(group, 16).toString(16))
  return `${network.join(':')}::/64`
}

/** Groups of 16 bits; a dotted IPv4 address at the end is two. */
function groupsOf(text: string): string[] {
  if (text === '') return []
  return text.split(':').flatMap(group => (group.includes('.') ? ['0', '0'] : [group]))
}

/** Counts per network: of connections and the like, each of which is added once and removed once. */
export class NetworkCounts {
  readonly #counts = new Map<string, number>()

  /** Those of the address's network. */
  of(address: string): number {
    return this.#counts.get(networkOf(address)) ?? 0
  }

  add(address: string): void {
    this.#change(address, 1)
  }

  remove(address: string): void {
    this.#change(address, -1)
  }

  #change(address: string, by: 1 | -1): void {
    const network = networkOf(address)
    const count = (this.#counts.get(network) ?? 0) + by
    if (count > 0) this.#counts.set(network, count)
    else this.#counts.delete(network)
  }
}
