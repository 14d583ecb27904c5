// A TCP proxy before a PostgreSQL server: it ends connections, or withholds the answer to one query, as a stalled server does.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import type { TestContext } from 'node:test'

export class PostgresProxy {
  readonly #server: Server
  readonly #path: string
  readonly #clients = new Set<Socket>()
  readonly #onward = new Set<Socket>()
  #held: { text: string; resolve: (client: Socket) => void } | undefined
  /** Whether new connections are ended at once. */
  isAway = false

  private constructor(path: string) {
    this.#path = path
    this.#server = createServer(socket => this.#accept(socket))
  }

  /** `path` is the server's Unix socket. Ends with the test. */
  static async open(t: TestContext, path: string): Promise<PostgresProxy> {
    const proxy = new PostgresProxy(path)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    t.after(() => {
      proxy.#server.close()
      for (const socket of [...proxy.#clients, ...proxy.#onward]) socket.destroy()
    })
    return proxy
  }

  get url(): string {
    return `postgres://spacebar@127.0.0.1:${(this.#server.address() as AddressInfo).port}/postgres`
  }

  /** Ends the connections of clients, and with them those to the server. */
  cut(): void {
    for (const client of this.#clients) client.destroy()
    for (const onward of this.#onward) onward.destroy()
  }

  /**
   * The server receives the next query with this text, and its answer is withheld. The server does not notice that the client of that
   * connection, which is the result, closes it.
   */
  hold(text: string): Promise<Socket> {
    return new Promise(resolve => {
      this.#held = { text, resolve }
    })
  }

  #accept(client: Socket): void {
    if (this.isAway) return void client.end()
    const onward = connect(this.#path)
    let isHeld = false
    this.#clients.add(client)
    this.#onward.add(onward)
    client.on('data', chunk => {
      const held = this.#held
      if (held !== undefined && chunk.includes(held.text)) {
        isHeld = true
        this.#held = undefined
        // When the server has answered, it has run the query.
        onward.once('data', () => held.resolve(client))
      }
      onward.write(chunk)
    })
    onward.on('data', chunk => !isHeld && client.write(chunk))
    client.on('close', () => {
      this.#clients.delete(client)
      if (!isHeld) onward.destroy()
    })
    onward.on('close', () => {
      this.#onward.delete(onward)
      client.destroy()
    })
    for (const socket of [client, onward]) socket.on('error', () => {})
  }
}
