// A TCP proxy on loopback whose network can be cut: bytes stop in both directions, without a close that either side could notice.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import type { TestContext } from 'node:test'

export class CutProxy {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #isCut = false
  /** The port on 127.0.0.1 that connections are passed to. */
  target = 0

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

  cut(): void {
    this.#isCut = true
    for (const socket of this.#sockets) socket.unpipe().pause()
  }

  /** Connections from before the cut are reset: what was sent on them is lost. */
  heal(): void {
    this.#isCut = false
    this.#end()
  }

  #accept(socket: Socket): void {
    this.#track(socket)
    if (this.#isCut) return void socket.pause()
    const onward = this.#track(connect(this.target, '127.0.0.1'))
    socket.pipe(onward).pipe(socket)
    socket.once('close', () => onward.destroy())
    onward.once('close', () => socket.destroy())
  }

  #track(socket: Socket): Socket {
    this.#sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => this.#sockets.delete(socket))
    return socket
  }

  #end(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }
}
