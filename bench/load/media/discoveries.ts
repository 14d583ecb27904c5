// IP discovery for all members of a load: requests that are repeated until they are answered.
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
  /** Requests that had to be repeated. */
  askedAgain = 0
  readonly #sockets: LoadSockets
  readonly #pending = new Map<number, Pending>()

  constructor(sockets: LoadSockets) {
    this.#sockets = sockets
  }

  /** Rejects if the node does not answer for ten seconds. */
  find(socket: number, ssrc: number, node: Int32Array): Promise<Discovered> {
    return new Promise((resolve, reject) => {
      const ask = () => this.#send(socket, ssrc, node)
      const timer = setInterval(() => this.#again(ssrc), INTERVAL)
      this.#pending.set(ssrc, { left: ATTEMPTS, timer, ask, resolve, reject })
      ask()
    })
  }

  /** Takes a datagram that is no media; false if it is no discovery either. */
  receive(bytes: Uint8Array): boolean {
    const found = decodeDiscoveryResponse(bytes)
    if (found === undefined) return false
    this.#end(found.ssrc)?.resolve(found)
    return true
  }

  close(): void {
    for (const ssrc of [...this.#pending.keys()]) this.#end(ssrc)?.reject(new Error('the load was ended'))
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
    this.askedAgain++
    if (pending.left-- > 0) pending.ask()
    else this.#end(ssrc)?.reject(new Error('IP discovery was not answered'))
  }

  #end(ssrc: number): Pending | undefined {
    const pending = this.#pending.get(ssrc)
    if (pending !== undefined) clearInterval(pending.timer)
    this.#pending.delete(ssrc)
    return pending
  }
}
