// Local addresses that datagrams arrived at, numbered from 1, so that one word identifies the path.

/** Further addresses share number 0: the system selects the source. A host has a few; each container bridge adds one. */
const MOST_LOCAL_ADDRESSES = 256

/** Four words per address, IPv4 as ::ffff:a.b.c.d. Per packet: no allocation. */
export class LocalAddresses {
  /** Whether the socket is an IPv6 socket, where IPv4 addresses are mapped. */
  isIpv6 = true
  readonly #words = new Int32Array(MOST_LOCAL_ADDRESSES * 4)
  #count = 0

  /** The number of an address, assigned on first use; 0 if there are too many. */
  number(first: number, second: number, third: number, fourth: number): number {
    const words = this.#words
    for (let index = 0; index < this.#count; index++)
      if (
        words[index * 4 + 3] === fourth &&
        words[index * 4 + 2] === third &&
        words[index * 4 + 1] === second &&
        words[index * 4] === first
      )
        return index + 1
    if (this.#count === MOST_LOCAL_ADDRESSES) return 0
    words.set([first, second, third, fourth], this.#count * 4)
    return ++this.#count
  }

  /** The last word of an address: all of an IPv4 address. */
  ipv4(number: number): number {
    return this.#words[(number - 1) * 4 + 3]!
  }

  /** Writes an address as 16 bytes in network order. */
  write(number: number, view: DataView, place: number): void {
    for (let word = 0; word < 4; word++) view.setInt32(place + word * 4, this.#words[(number - 1) * 4 + word]!)
  }

  /** Whether the 16 bytes at `place` are this address. */
  isAt(number: number, view: DataView, place: number): boolean {
    for (let word = 0; word < 4; word++)
      if (view.getInt32(place + word * 4) !== this.#words[(number - 1) * 4 + word]) return false
    return true
  }
}
