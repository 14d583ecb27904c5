// A TCP port of one user in front of the voice endpoint: connections belong to the user before any message names it.

import type { AddressInfo } from 'node:net'
import { createServer, type Server, type Socket } from 'node:net'
import { SERVER_LIMITS } from '../../limits.ts'
import type { UserFaults } from '../faults/user-faults.ts'

const HOST = '127.0.0.1'

export interface UserPortOptions {
  faults: UserFaults
  /** Serves the connection with the endpoint's certificate, or with one that no client trusts. */
  serve(socket: Socket, isTrusted: boolean): void
}

/** Where a fault can act before TLS: a connection that is refused, or accepted and never served. */
export class UserPort {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  static async open({ faults, serve }: UserPortOptions): Promise<UserPort> {
    const port = new UserPort()
    port.#server.on('connection', socket => {
      port.#sockets.add(socket)
      socket.on('close', () => port.#sockets.delete(socket))
      socket.on('error', () => {})
      if (faults.take('refuse-ws')) socket.resetAndDestroy()
      else if (faults.take('silent-tcp')) socket.pause()
      else serve(socket, faults.value('wrong-certificate') === undefined)
    })
    await new Promise<void>((resolve, reject) => {
      port.#server.once('error', reject)
      port.#server.listen(0, HOST, resolve)
    })
    return port
  }

  private constructor() {
    this.#server = createServer({ pauseOnConnect: false })
    this.#server.maxConnections = SERVER_LIMITS.maxTestConnectionsPerUser
  }

  get number(): number {
    return (this.#server.address() as AddressInfo).port
  }

  close(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }
}
