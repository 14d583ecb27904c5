// The audio of one speaker on another server: stamped payloads at the pace of the load.
import type { LoadSockets } from '../load/media/load-sockets.ts'
import { writeStamp } from '../load/media/stamp.ts'
import type { TrafficSource } from '../load/media/traffic.ts'
import type { Plan } from '../load/plan.ts'
import type { PeerMember } from './peer-load.ts'

export class PeerStream implements TrafficSource {
  readonly channel: { readonly residents: number }
  /** The speaker's index in its channel. */
  readonly index = 0
  /** Identifies the speaker in the stamps. */
  readonly ssrc: number
  /** Packets received since `reset`, by member. */
  readonly received: Int32Array
  sent = 0
  nextAt = 0
  /** Only paced loads are measured. */
  readonly inFlight = 0
  readonly #speaker: PeerMember
  readonly #send: (packet: Uint8Array) => void
  readonly #sockets: LoadSockets
  readonly #payload: Uint8Array
  #counter = 0

  constructor(plan: Plan, speaker: PeerMember, send: (packet: Uint8Array) => void, sockets: LoadSockets) {
    this.channel = { residents: plan.members }
    this.ssrc = speaker.id
    this.received = new Int32Array(plan.members)
    this.#speaker = speaker
    this.#send = send
    this.#sockets = sockets
    this.#payload = new Uint8Array(plan.payload)
  }

  reset(): void {
    this.received.fill(0)
    this.sent = 0
  }

  send(): void {
    this.sent++
    const counter = ++this.#counter
    const payload = this.#payload
    writeStamp(new DataView(payload.buffer), 0, payload.length, this.#sockets.now(), this.ssrc, counter)
    this.#send(this.#speaker.seal(payload, counter))
  }

  recover(): void {}
}
