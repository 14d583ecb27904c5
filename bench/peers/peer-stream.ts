// One stream of a sender on another server: stamped payloads at the pace of the load.
import type { LoadSockets } from '../load/media/load-sockets.ts'
import type { Packets } from '../load/media/packets.ts'
import { writeStamp } from '../load/media/stamp.ts'
import type { TrafficSource } from '../load/media/traffic.ts'
import type { PeerMember } from './peer-load.ts'

/** The longest payload that a stream may have. */
const LONGEST = 1_500

interface PeerStreamOptions {
  readonly sender: PeerMember
  readonly packets: Packets
  /** Members of the channel that are to receive it: true by index. */
  readonly targets: readonly boolean[]
  /** Sends a datagram of the sender. */
  send(datagram: Uint8Array): void
}

export class PeerStream implements TrafficSource {
  readonly channel: { readonly residents: number }
  readonly targets: readonly boolean[]
  /** Identifies the sender in the stamps. */
  readonly ssrc: number
  /** Packets received since `reset`, by member. */
  readonly received: Int32Array
  sent = 0
  nextAt = 0
  /** Only paced loads are measured. */
  readonly inFlight = 0
  readonly #options: PeerStreamOptions
  readonly #sockets: LoadSockets
  readonly #buffer = new Uint8Array(LONGEST)
  readonly #view = new DataView(this.#buffer.buffer)
  #counter = 0

  constructor(options: PeerStreamOptions, sockets: LoadSockets) {
    const { sender, targets } = options
    this.channel = { residents: targets.length }
    this.targets = targets
    this.ssrc = sender.id
    this.received = new Int32Array(targets.length)
    this.#options = options
    this.#sockets = sockets
  }

  reset(): void {
    this.received.fill(0)
    this.sent = 0
  }

  period(interval: number): number {
    return this.#options.packets.period(interval)
  }

  send(interval: number): number {
    this.sent++
    const { sender, packets, send } = this.#options
    const counter = ++this.#counter
    writeStamp(this.#view, 0, packets.length, packets.first, this.#sockets.now(), this.ssrc, counter)
    send(sender.seal(this.#buffer.subarray(0, packets.length), counter, packets))
    return packets.next(interval)
  }

  recover(): void {}
}
