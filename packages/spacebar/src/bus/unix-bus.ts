// Spacebar's bus over Unix sockets (EVENT_TRANSMISSION=unix): every process writes each event to every socket in a folder.
import { access, lstat, unlink } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import type { Published } from '../core/outputs.ts'
import { LIMITS } from '../limits.ts'
import { PermanentError } from '../permanent-error.ts'
import { type Bus, type BusListener, envelopeOf, readMessage } from './bus.ts'
import { FrameReader } from './frames.ts'
import { UnixWriters } from './unix-writers.ts'

/** The socket is in use by a running bridge. */
export class BusInUseError extends PermanentError {
  constructor(path: string) {
    super(`${path} is in use by another bridge`)
    this.name = 'BusInUseError'
  }
}

export interface UnixBusOptions {
  /** `EVENT_SOCKET_PATH` of Spacebar. */
  folder: string
  /** Name of the bridge's socket, without `.sock`. Not a number: those are Spacebar's processes. */
  name?: string | undefined
}

/**
 * The bridge is one more process of Spacebar: it has a socket in the folder that the others write to, and writes to
 * theirs.
 */
export class UnixBus implements Bus {
  readonly #folder: string
  readonly #path: string
  readonly #listener: BusListener
  readonly #writers: UnixWriters
  readonly #connections = new Set<Socket>()
  readonly #check: NodeJS.Timeout
  #server: Server | undefined
  #inode = 0n
  /** Why the bridge does not listen. */
  #reason: string | undefined
  #isClosed = false
  received = 0

  private constructor({ folder, name = 'parley-bridge' }: UnixBusOptions, listener: BusListener) {
    this.#folder = folder
    this.#path = join(folder, `${name}.sock`)
    this.#listener = listener
    this.#writers = new UnixWriters(folder)
    this.#check = setInterval(() => void this.#renew(), LIMITS.socketCheck)
  }

  /**
   * Resolves after the first attempt; a folder that cannot be used is tried again. Throws a BusInUseError if another bridge
   * listens there, and a PermanentError for a path that is too long.
   */
  static async open(options: UnixBusOptions, listener: BusListener): Promise<UnixBus> {
    const bus = new UnixBus(options, listener)
    try {
      checkLength(bus.#path)
      await bus.#listen()
    } catch (error) {
      if (error instanceof PermanentError) {
        clearInterval(bus.#check)
        throw error
      }
      bus.#failed((error as Error).message)
    }
    return bus
  }

  publish(userId: string, published: Published): void {
    void this.#writers.write({ id: userId, event: envelopeOf(userId, published) })
  }

  async close(): Promise<void> {
    this.#isClosed = true
    clearInterval(this.#check)
    this.#writers.close()
    for (const socket of this.#connections) socket.destroy()
    const server = this.#server
    if (server !== undefined) await new Promise(resolve => server.close(resolve))
  }

  /** A socket file that no process listens on is left over from a bridge that was killed. */
  async #listen(): Promise<void> {
    // The system would say of a folder that does not exist that permission is denied.
    await access(this.#folder)
    if (await accepts(this.#path)) throw new BusInUseError(this.#path)
    await unlink(this.#path).catch(ignoreMissing)
    const server = createServer(socket => this.#accept(socket))
    server.maxConnections = LIMITS.busConnections
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(this.#path, resolve)
    })
    if (this.#isClosed) return void server.close()
    server.on('error', error => this.#listener.lost(error.message))
    this.#server = server
    this.#inode = await inodeOf(this.#path)
    this.#reason = undefined
    this.#listener.opened()
  }

  /** The same reason is reported once. */
  #failed(reason: string): void {
    if (reason !== this.#reason) this.#listener.lost(`${this.#path}: ${reason}`)
    this.#reason = reason
  }

  /** Spacebar removes sockets that refuse connections, and an operator may recreate the folder. */
  async #renew(): Promise<void> {
    const isListening = this.#server !== undefined && (await inodeOf(this.#path)) === this.#inode
    if (isListening || this.#isClosed) return
    this.#server?.close()
    this.#server = undefined
    try {
      await this.#listen()
    } catch (error) {
      this.#failed((error as Error).message)
    }
  }

  /** Reads all there is, at once: a bus that is not read makes Spacebar's memory grow. */
  #accept(socket: Socket): void {
    const frames = new FrameReader(frame => this.#take(frame))
    this.#connections.add(socket)
    socket.on('data', chunk => {
      try {
        frames.push(chunk)
      } catch (error) {
        this.#listener.lost((error as Error).message)
        socket.destroy()
      }
    })
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#connections.delete(socket))
  }

  /** On this bus the envelope is inside a message, under `event`. */
  #take(frame: Buffer): void {
    this.received++
    const event = readMessage(frame.toString('utf8'), message => (message as { event?: unknown } | null)?.event)
    if (event !== undefined) this.#listener.event(event)
  }
}

/** Whether a process listens on the socket. */
const accepts = (path: string): Promise<boolean> =>
  new Promise(resolve => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })

/** 0 if there is no such file. */
const inodeOf = async (path: string): Promise<bigint> => {
  try {
    return (await lstat(path, { bigint: true })).ino
  } catch {
    return 0n
  }
}

/** Node.js would listen on the beginning of a longer path. */
function checkLength(path: string): void {
  if (Buffer.byteLength(path) > LIMITS.socketPath)
    throw new PermanentError(`expected a path of at most ${LIMITS.socketPath} bytes, found ${path}`)
}

function ignoreMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}
