// IP discovery for all members of a load, with retransmission.
import { type Discovered, decodeDiscoveryResponse, encodeDiscoveryRequest } from '@parley/protocol'
import type { LoadSockets } from './load-sockets.ts'

const INTERVAL = 500
const ATTEMPTS = 20

interface Pending {
  left: number
  timer: NodeJS.Timeout
  ask(): void
  resolve(found: Discovered): void
  reject(error: Error): void
}

export class Discoveries {
  /** Number of repeated requests. */
  repeated = 0
  readonly #sockets: LoadSockets
  readonly #pending = new Map<number, Pending>()

  constructor(sockets: LoadSockets) {
    this.#sockets = sockets
  }

  /** Rejects without a response within ten seconds. */
  find(socket: number, ssrc: number, node: Int32Array): Promise<Discovered> {
    return new Promise((resolve, reject) => {
      const ask = () => this.#send(socket, ssrc, node)
      const timer = setInterval(() => this.#again(ssrc), INTERVAL)
      this.#pending.set(ssrc, { left: ATTEMPTS, timer, ask, resolve, reject })
      ask()
    })
  }

  /** Receives a datagram that is not media; returns false if it is not a discovery response. */
  receive(bytes: Uint8Array): boolean {
    const found = decodeDiscoveryResponse(bytes)
    if (found === undefined) return false
    this.#end(found.ssrc)?.resolve(found)
    return true
  }

  close(): void {
    for (const ssrc of [...this.#pending.keys()]) this.#end(ssrc)?.reject(new Error('the load has ended'))
  }

  #send(socket: number, ssrc: number, node: Int32Array): void {
    const request = encodeDiscoveryRequest(ssrc)
    this.#sockets.bytes.set(request, this.#sockets.claim(socket))
    this.#sockets.queue(request.length, node)
    this.#sockets.flush()
  }

  #again(ssrc: number): void {
    const pending = this.#pending.get(ssrc)
    if (pending === undefined) return
    this.repeated++
    if (pending.left-- > 0) pending.ask()
    else this.#end(ssrc)?.reject(new Error('no response to IP discovery'))
  }

  #end(ssrc: number): Pending | undefined {
    const pending = this.#pending.get(ssrc)
    if (pending !== undefined) clearInterval(pending.timer)
    this.#pending.delete(ssrc)
    return pending
  }
}
