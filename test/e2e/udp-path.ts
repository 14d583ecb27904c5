// A UDP proxy between clients and a node that can lose datagrams, limit their rate, change the clients' addresses and break, as a bad network does.
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { LinkEmulator } from '../../packages/core/src/testing/link/link-emulator.ts'
import { seededRandom } from '../../packages/core/src/testing/seeded-random.ts'

const HOST = '127.0.0.1'

interface Direction {
  readonly random: () => number
  passed: number
  lost: number
}

interface PathOptions {
  node: number
  loss?: number
  seed?: number
  host?: string
  port?: number
}

/** A NAT: the node receives each client's datagrams from a port of the proxy. */
export class UdpPath {
  /** The port that clients send to. */
  readonly port: number
  readonly #front: Socket
  readonly #node: number
  /** Sockets towards the node, by the client's address. */
  readonly #backs = new Map<string, Socket>()
  readonly up: Direction
  readonly down: Direction
  /** Share of datagrams lost in each direction. */
  loss: number
  isBroken = false
  /** What limits the rate towards clients; undefined without a limit. */
  #link: LinkEmulator<() => void> | undefined
  #wake: NodeJS.Timeout | undefined

  /**
   * `node` is the node's UDP port; clients reach the path at `host` and `port`. In each direction, the same seed loses the same
   * datagrams by number.
   */
  static async open(context: TestContext, { node, loss = 0, seed = 1, host = HOST, port = 0 }: PathOptions) {
    const front = await openSocket(host, port)
    const path = new UdpPath(front, { node, loss, seed })
    context.after(() => path.#close())
    return path
  }

  private constructor(front: Socket, { node, loss, seed }: { node: number; loss: number; seed: number }) {
    this.#front = front
    this.port = (front.address() as AddressInfo).port
    this.#node = node
    this.loss = loss
    this.up = { random: seededRandom(seed), passed: 0, lost: 0 }
    this.down = { random: seededRandom(seed + 1), passed: 0, lost: 0 }
    front.on('message', (bytes, client) => this.#toNode(bytes, client))
  }

  /** From now on the node receives its clients from other ports, and datagrams to the old ports are lost. */
  changeAddresses(): void {
    for (const back of this.#backs.values()) back.close()
    this.#backs.clear()
  }

  /** From now on clients receive this many bits per second together, behind a queue of 300 ms. */
  limit(rate: number): void {
    const link = { rate, delay: 0, queue: Math.max(rate * 0.3, 600_000) / 8, loss: 0 }
    if (this.#link === undefined) this.#link = new LinkEmulator(link, this.down.random, send => send())
    else this.#link.setRate(rate, performance.now())
    this.#deliver()
  }

  #toClient(send: () => void, bytes: number): void {
    if (this.#link === undefined) return send()
    this.#link.send(send, bytes, performance.now())
    this.#deliver()
  }

  /** Delivers what is through the link, and waits for the next datagram. */
  #deliver(): void {
    clearTimeout(this.#wake)
    this.#link!.tick(performance.now())
    const { deadline } = this.#link!
    if (deadline < Infinity) this.#wake = setTimeout(() => this.#deliver(), Math.max(1, deadline - performance.now()))
  }

  #toNode(bytes: Buffer, client: RemoteInfo): void {
    if (!this.#passes(this.up)) return
    const back = this.#backs.get(`${client.address} ${client.port}`) ?? this.#openBack(client)
    back.send(bytes, this.#node, HOST)
  }

  #openBack({ address, port }: RemoteInfo): Socket {
    const back = createSocket('udp4')
    back.bind(0, HOST)
    back.on('message', bytes => {
      if (this.#passes(this.down)) this.#toClient(() => this.#front.send(bytes, port, address), bytes.length)
    })
    this.#backs.set(`${address} ${port}`, back)
    return back
  }

  #passes(direction: Direction): boolean {
    const isLost = this.isBroken || direction.random() < this.loss
    if (isLost) direction.lost++
    else direction.passed++
    return !isLost
  }

  #close(): void {
    clearTimeout(this.#wake)
    this.#link = undefined
    this.changeAddresses()
    this.#front.close()
  }
}

async function openSocket(host: string, port: number): Promise<Socket> {
  const socket = createSocket('udp4')
  socket.bind(port, host)
  await once(socket, 'listening')
  return socket
}
