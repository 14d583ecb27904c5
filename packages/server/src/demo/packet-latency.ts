// Latency of packets from one client's send to another's frame event. Both are in this process, so one clock measures it.
import { SERVER_LIMITS } from '../limits.ts'

/** Milliseconds. */
export interface LatencyReport {
  median: number
  worst: number
  /** Number of measured packets. */
  packets: number
}

export class PacketLatency {
  readonly #inFlight: { payload: Uint8Array; at: number }[] = []
  readonly #samples: number[] = []

  sent(payload: Uint8Array, now: number): void {
    if (this.#inFlight.length >= SERVER_LIMITS.maxPacketsInFlight) this.#inFlight.shift()
    this.#inFlight.push({ payload, at: now })
  }

  /** A payload arrives unchanged and so identifies its packet. Packets sent before it count as lost or late. */
  received(payload: Uint8Array, now: number): void {
    const index = this.#inFlight.findIndex(sent => Buffer.compare(sent.payload, payload) === 0)
    if (index < 0) return
    const { at } = this.#inFlight[index]!
    this.#inFlight.splice(0, index + 1)
    if (this.#samples.length >= SERVER_LIMITS.maxLatencySamples) this.#samples.shift()
    this.#samples.push(now - at)
  }

  /** Undefined before the first packet was received. */
  get report(): LatencyReport | undefined {
    const sorted = this.#samples.toSorted((a, b) => a - b)
    const median = sorted[sorted.length >> 1]
    const worst = sorted.at(-1)
    return median === undefined || worst === undefined ? undefined : { median, worst, packets: sorted.length }
  }
}
