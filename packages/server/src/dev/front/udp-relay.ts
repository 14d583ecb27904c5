// The media path of one voice session: a UDP port in front of the node's, on which datagrams can be lost.
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { once } from 'node:events'
import type { Conditions } from '../faults/user-faults.ts'

const HOST = '127.0.0.1'
/** A request of IP discovery: type 1, 74 bytes in all. */
const DISCOVERY_LENGTH = 74
const DISCOVERY_REQUEST = 1

export interface RelayOptions {
  /** UDP port of the node. */
  node: number
  conditions: Conditions
  /** One sequence of random numbers per direction. */
  up: () => number
  down: () => number
}

export class UdpRelay {
  readonly #front: Socket
  readonly #back: Socket
  readonly #options: RelayOptions
  #client: RemoteInfo | undefined

  static async open(options: RelayOptions): Promise<UdpRelay> {
    return new UdpRelay(await openSocket(), await openSocket(), options)
  }

  private constructor(front: Socket, back: Socket, options: RelayOptions) {
    this.#front = front
    this.#back = back
    this.#options = options
    front.on('message', (bytes, client) => this.#toNode(bytes, client))
    back.on('message', bytes => this.#toClient(bytes))
    // A port without a listener (ICMP port unreachable) is a lost datagram.
    for (const socket of [front, back]) socket.on('error', () => {})
  }

  /** The port that the client sends to. */
  get port(): number {
    return this.#front.address().port
  }

  close(): void {
    this.#front.close()
    this.#back.close()
  }

  #toNode(bytes: Buffer, client: RemoteInfo): void {
    this.#client = client
    const { conditions, node, up } = this.#options
    if (isDiscovery(bytes) && conditions.discoveryLosses > 0) {
      conditions.discoveryLosses--
      return
    }
    if (up() >= conditions.loss) this.#back.send(bytes, node, HOST)
  }

  #toClient(bytes: Buffer): void {
    const client = this.#client
    if (client !== undefined && this.#options.down() >= this.#options.conditions.loss)
      this.#front.send(bytes, client.port, client.address)
  }
}

const isDiscovery = (bytes: Buffer) => bytes.length === DISCOVERY_LENGTH && bytes.readUInt16BE(0) === DISCOVERY_REQUEST

async function openSocket(): Promise<Socket> {
  const socket = createSocket('udp4')
  socket.bind(0, HOST)
  await once(socket, 'listening')
  return socket
}
