// Connections to the sockets of Spacebar's processes, for publishing. A process that does not read loses events, and blocks no other.
import { readdir } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { LIMITS } from '../limits.ts'
import { frameOf } from './frames.ts'

/** Sockets of Spacebar are named after the process id. */
const OF_SPACEBAR = /^\d+\.sock$/

/** Names of the sockets of Spacebar's processes in the folder. */
export async function spacebarSockets(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter(name => OF_SPACEBAR.test(name))
}

/** Connections are opened when they are needed and closed by their process. */
export class UnixWriters {
  readonly #folder: string
  readonly #sockets = new Map<string, Socket>()
  #names: Promise<string[]> | undefined
  #listedAt = -Infinity
  #isClosed = false

  constructor(folder: string) {
    this.#folder = folder
  }

  /** Writes the message to every process that accepts it. */
  async write(message: unknown): Promise<void> {
    const frame = frameOf(message)
    for (const name of await this.#list()) {
      const socket = this.#open(name)
      if (socket !== undefined && socket.writableLength < LIMITS.busBacklog) socket.write(frame)
    }
  }

  close(): void {
    this.#isClosed = true
    for (const socket of this.#sockets.values()) socket.destroy()
  }

  /** The sockets in the folder, listed at most every `LIMITS.socketList` milliseconds. */
  #list(): Promise<string[]> {
    const now = performance.now()
    if (this.#names === undefined || now - this.#listedAt > LIMITS.socketList) {
      this.#listedAt = now
      this.#names = spacebarSockets(this.#folder).catch(() => [])
    }
    return this.#names
  }

  /** The connection to a process; undefined at the bound. */
  #open(name: string): Socket | undefined {
    const known = this.#sockets.get(name)
    if (known !== undefined || this.#isClosed) return known
    if (this.#sockets.size >= LIMITS.busConnections) return undefined
    const socket = connect(join(this.#folder, name))
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#sockets.delete(name))
    // Nothing is expected; what arrives is dropped.
    socket.resume()
    this.#sockets.set(name, socket)
    return socket
  }
}
