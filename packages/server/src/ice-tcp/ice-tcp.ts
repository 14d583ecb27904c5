// ICE-TCP (RFC 6544) for browsers whose network lets no UDP through: the connections that the HTTPS port received, and their sessions.
import { isIPv4, type Socket } from 'node:net'
import type { LaneCommand, LaneId, OpenLane } from '@parley/core'
import { IceSessions } from './ice-sessions.ts'
import { type IceTcpTotals, TcpConnection } from './tcp-connection.ts'

const ALL_ADDRESSES: readonly string[] = ['::', '0.0.0.0']
/** 127.64.0.0/10 on a system that has all of 127.0.0.0/8: rates that a lane counts by address apply to each connection alone. */
const FIRST_LOCAL = 0x7f40_0000
const LOCALS = 1 << 22
const HAS_LOCALS = process.platform === 'linux' || process.platform === 'win32'

export interface IceTcpOptions {
  /** Where the lanes listen: `media.listen`. */
  ip: string
  /** Their ports at present. */
  lanes(): readonly OpenLane[]
}

/** One per node. */
export class IceTcp {
  readonly #options: IceTcpOptions
  readonly #sessions = new IceSessions()
  readonly #connections = new Set<TcpConnection>()
  #last = 0
  readonly totals: IceTcpTotals = {
    refused: { late: 0, malformed: 0, unauthenticated: 0 },
    datagrams: { in: 0, out: 0 },
    drops: { video: 0, other: 0 },
  }

  constructor(options: IceTcpOptions) {
    this.#options = options
  }

  /** Connections that belong to a session. */
  get authenticated(): number {
    let count = 0
    for (const connection of this.#connections) if (connection.isAuthenticated) count++
    return count
  }

  /** A connection whose first byte is that of a frame. `authenticated` ends its time as a stranger. */
  accept(socket: Socket, authenticated: () => void): void {
    const host = {
      totals: this.totals,
      authenticate: (frame: Uint8Array) => this.#sessions.authenticate(frame),
      pathTo: ({ lane }: { lane: LaneId }) => this.#pathTo(lane),
      closed: (connection: TcpConnection) => void this.#connections.delete(connection),
    }
    this.#connections.add(new TcpConnection(socket, host, authenticated))
  }

  /** Called with each command before its lane executes it. */
  command(lane: LaneId, command: LaneCommand): void {
    this.#sessions.command(lane, command)
  }

  laneLost(lane: LaneId): void {
    this.#sessions.laneLost(lane)
  }

  close(): void {
    for (const connection of [...this.#connections]) connection.close()
  }

  #pathTo(lane: LaneId): { ip: string; port: number; from: string | undefined } {
    const ip = ALL_ADDRESSES.includes(this.#options.ip) ? '127.0.0.1' : this.#options.ip
    const port = this.#options.lanes().find(({ id }) => id === lane)?.port ?? 0
    return { ip, port, from: HAS_LOCALS && isIPv4(ip) ? this.#nextLocal() : undefined }
  }

  #nextLocal(): string {
    this.#last = (this.#last + 1) % LOCALS
    const word = FIRST_LOCAL + this.#last
    return [24, 16, 8, 0].map(shift => (word >>> shift) & 0xff).join('.')
  }
}
