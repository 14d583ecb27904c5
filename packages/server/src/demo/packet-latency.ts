// How long packets take from one client's send to another's ear. Both are in this process: one clock, no estimate.

/** Milliseconds. */
export interface LatencyReport {
  median: number
  worst: number
  /** How many packets this is about. */
  packets: number
}

/** Packets on their way that are remembered: what is not heard after five seconds is lost. */
const IN_FLIGHT = 250
/** The newest packets, about which is reported. */
const SAMPLES = 250

export class PacketLatency {
  readonly #inFlight: { payload: Uint8Array; at: number }[] = []
  readonly #samples: number[] = []

  sent(payload: Uint8Array, now: number): void {
    if (this.#inFlight.length >= IN_FLIGHT) this.#inFlight.shift()
    this.#inFlight.push({ payload, at: now })
  }

  /** Nobody on the way changes a payload, so that it tells which one it is. Those sent before it are lost, or late. */
  heard(payload: Uint8Array, now: number): void {
    const index = this.#inFlight.findIndex(sent => Buffer.compare(sent.payload, payload) === 0)
    if (index < 0) return
    const { at } = this.#inFlight[index]!
    this.#inFlight.splice(0, index + 1)
    if (this.#samples.length >= SAMPLES) this.#samples.shift()
    this.#samples.push(now - at)
  }

  /** Undefined before the first packet was heard. */
  get report(): LatencyReport | undefined {
    const sorted = this.#samples.toSorted((a, b) => a - b)
    const median = sorted[sorted.length >> 1]
    const worst = sorted.at(-1)
    return median === undefined || worst === undefined ? undefined : { median, worst, packets: sorted.length }
  }
}
