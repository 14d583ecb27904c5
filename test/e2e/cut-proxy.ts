// A TCP proxy on loopback whose network can be cut or slow: bytes stop, in one direction or both, without a close that a side could notice.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import type { TestContext } from 'node:test'

/** What does not arrive. */
export type CutDirection = 'toTarget' | 'fromTarget' | 'both'

export class CutProxy {
  readonly #server: Server
  /** Connections of clients, and those to the target. */
  readonly #accepted = new Set<Socket>()
  readonly #onward = new Set<Socket>()
  #cut: CutDirection | undefined
  /** The port on 127.0.0.1 that connections are passed to. */
  target = 0
  /** Milliseconds that bytes take, in each direction. */
  delay = 0

  private constructor() {
    this.#server = createServer(socket => this.#accept(socket))
  }

  static async open(t: TestContext, target = 0): Promise<CutProxy> {
    const proxy = new CutProxy()
    proxy.target = target
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    t.after(() => {
      proxy.#server.close()
      proxy.#end()
    })
    return proxy
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  cut(direction: CutDirection = 'both'): void {
    this.#cut = direction
    if (direction !== 'fromTarget') for (const socket of this.#accepted) socket.pause()
    if (direction !== 'toTarget') for (const socket of this.#onward) socket.pause()
  }

  /** Connections from before the cut are reset: what was sent on them is lost. */
  heal(): void {
    this.#cut = undefined
    this.#end()
  }

  #accept(socket: Socket): void {
    this.#track(socket, this.#accepted)
    // A connection needs both directions to open.
    if (this.#cut !== undefined) return void socket.pause()
    const onward = this.#track(connect(this.target, '127.0.0.1'), this.#onward)
    this.#pass(socket, onward)
    this.#pass(onward, socket)
    socket.once('close', () => onward.destroy())
    onward.once('close', () => socket.destroy())
  }

  /** In order, also where the delay changes. */
  #pass(from: Socket, to: Socket): void {
    let last = 0
    from.on('data', chunk => {
      const now = performance.now()
      last = Math.max(last, now + this.delay)
      if (last <= now) to.write(chunk)
      else setTimeout(() => to.write(chunk), last - now)
    })
    from.on('end', () => to.end())
  }

  #track(socket: Socket, among: Set<Socket>): Socket {
    among.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => among.delete(socket))
    return socket
  }

  #end(): void {
    for (const socket of [...this.#accepted, ...this.#onward]) socket.resetAndDestroy()
  }
}
