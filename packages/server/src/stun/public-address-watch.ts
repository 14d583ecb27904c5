// The public address of a running node: asked for at the start and from time to time, as it may change.
import { SERVER_LIMITS } from '../limits.ts'
import { publicAddress } from './public-address.ts'

export interface PublicAddressEvents {
  /** The first address, or another one than before. */
  changed(address: string): void
  /** No server answers, after one did or at the start. */
  unanswered(): void
}

export class PublicAddressWatch {
  readonly #servers: readonly string[]
  readonly #events: PublicAddressEvents
  readonly #timer: NodeJS.Timeout
  #isAnswered = true
  #isClosed = false
  /** The last known one. */
  address: string | undefined

  constructor(servers: readonly string[], events: PublicAddressEvents, interval: number = SERVER_LIMITS.stunInterval) {
    this.#servers = servers
    this.#events = events
    this.#timer = setInterval(() => this.#ask(), interval).unref()
    void this.#ask()
  }

  close(): void {
    this.#isClosed = true
    clearInterval(this.#timer)
  }

  async #ask(): Promise<void> {
    const address = await publicAddress(this.#servers)
    if (this.#isClosed) return
    const wasAnswered = this.#isAnswered
    this.#isAnswered = address !== undefined
    if (address === undefined) return wasAnswered ? this.#events.unanswered() : undefined
    if (address === this.address) return
    this.address = address
    this.#events.changed(address)
  }
}
