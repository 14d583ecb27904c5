// What relayed connections may take of a relay: in all, those of one backend, and those of one address, so that none of them takes it from the
// others. Connections whose client has not authenticated count together, as those of one backend.
export interface RelayBounds {
  readonly connections: number
  readonly connectionsPerBackend: number
  /** Unsent bytes, in both directions. */
  readonly bytes: number
  readonly bytesPerBackend: number
  readonly bytesPerAddress: number
}

interface Use {
  connections: number
  bytes: number
}

export class Shares {
  readonly #bounds: () => RelayBounds
  readonly #all: Use = { connections: 0, bytes: 0 }
  readonly #backends = new Map<string | undefined, Use>()
  readonly #addresses = new Map<string, Use>()

  /** `bounds` is asked each time: a reload of the configuration may change them. What is open then stays. */
  constructor(bounds: () => RelayBounds) {
    this.#bounds = bounds
  }

  /** Addresses and backends with connections. */
  get size(): number {
    return this.#addresses.size + this.#backends.size
  }

  /**
   * The share of a connection of this address, whose client has not authenticated; undefined if there is no room. It counts from now on,
   * also while the node is being dialed: the caller closes it.
   */
  open(address: string): Share | undefined {
    if (this.#all.connections >= this.#bounds().connections || !this.#hasRoom(undefined)) return undefined
    return new Share(this, address)
  }

  #hasRoom(backend: string | undefined): boolean {
    return (this.#backends.get(backend)?.connections ?? 0) < this.#bounds().connectionsPerBackend
  }

  /** For `Share`. Returns false, and changes nothing, if the backend has its share. */
  move(from: string | undefined, to: string, address: string, bytes: number): boolean {
    if (!this.#hasRoom(to)) return false
    this.count(from, address, -1, -bytes)
    this.count(to, address, 1, bytes)
    return true
  }

  /** For `Share`. */
  count(backend: string | undefined, address: string, connections: number, bytes: number): void {
    change(this.#backends, backend, connections, bytes)
    change(this.#addresses, address, connections, bytes)
    this.#all.connections += connections
    this.#all.bytes += bytes
  }

  /** For `Share`. */
  isCrowded(backend: string | undefined, address: string): boolean {
    const { bytes, bytesPerBackend, bytesPerAddress } = this.#bounds()
    return (
      this.#all.bytes > bytes ||
      (this.#backends.get(backend)?.bytes ?? 0) > bytesPerBackend ||
      (this.#addresses.get(address)?.bytes ?? 0) > bytesPerAddress
    )
  }
}

/** The part of one connection. */
export class Share {
  readonly #shares: Shares
  readonly #address: string
  #backend: string | undefined
  #bytes = 0
  #isClosed = false

  constructor(shares: Shares, address: string) {
    this.#shares = shares
    this.#address = address
    shares.count(undefined, address, 1, 0)
  }

  /** The client has authenticated. Returns false if the backend has its share already. */
  assign(backend: string): boolean {
    if (this.#isClosed || backend === this.#backend) return true
    if (!this.#shares.move(this.#backend, backend, this.#address, this.#bytes)) return false
    this.#backend = backend
    return true
  }

  /** Bytes wait for a side, or were written (negative). */
  add(bytes: number): void {
    if (this.#isClosed) return
    this.#bytes += bytes
    this.#shares.count(this.#backend, this.#address, 0, bytes)
  }

  /** Too many bytes wait in all, for the backend, or for the address: no more are read before those of this connection are written. */
  get isCrowded(): boolean {
    return this.#shares.isCrowded(this.#backend, this.#address)
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#shares.count(this.#backend, this.#address, -1, -this.#bytes)
  }
}

function change<Key>(uses: Map<Key, Use>, key: Key, connections: number, bytes: number): void {
  const use = uses.get(key) ?? { connections: 0, bytes: 0 }
  use.connections += connections
  use.bytes += bytes
  if (use.connections === 0) uses.delete(key)
  else uses.set(key, use)
}
