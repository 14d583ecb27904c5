// The UDP socket of one client of the saturated lanes.
import type { Batch } from '@parley/core'
import { DatagramSocket, SOCKET_SIZE } from '../../packages/server/src/lane/engine/datagram-socket.ts'
import type { Native } from '../../packages/server/src/lane/engine/native-calls.ts'
import { NativeMemory } from '../../packages/server/src/lane/engine/native-memory.ts'

export class ClientSocket {
  readonly #memory: NativeMemory
  readonly #socket: DatagramSocket
  /** Copies of the destinations: a socket notes in them which message of its own they have. */
  readonly #names = new Map<Int32Array, Int32Array>()

  constructor(native: Native) {
    this.#memory = new NativeMemory(native, SOCKET_SIZE + 1024)
    this.#socket = new DatagramSocket(native, this.#memory, { ip: '127.0.0.1', port: 0 })
  }

  get port(): number {
    return this.#socket.port
  }

  /** Reads at most one batch; returns undefined if the socket is empty. */
  receive(): Batch | undefined {
    return this.#socket.receive(64)
  }
  queue(bytes: Uint8Array, name: Int32Array): void {
    this.#memory.bytes.set(bytes, this.#socket.claim())
    let own = this.#names.get(name)
    if (own === undefined) {
      own = name.slice()
      this.#names.set(name, own)
    }
    this.#socket.queue(bytes.length, own)
  }
  flush(): void {
    this.#socket.flush()
  }
}
