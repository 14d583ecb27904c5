// The audio of one speaker on Mumble's server: stamped Opus packets in Mumble's voice packets.
import type { LoadSockets } from '../../load/media/load-sockets.ts'
import { writeStamp } from '../../load/media/stamp.ts'
import type { TrafficSource } from '../../load/media/traffic.ts'
import type { Plan } from '../../load/plan.ts'
import type { MumbleClient } from './mumble-client.ts'

/** Voice packets with Opus to the speaker's channel: type 4, target 0. */
const OPUS_TO_CHANNEL = 4 << 5
/** What each packet counts: frames of 10 ms, so that one with 20 ms counts two. */
const FRAMES = 2

export class MumbleStream implements TrafficSource {
  readonly channel: { readonly residents: number }
  /** The speaker's index in its channel. */
  readonly index = 0
  /** The speaker's session, for the stamps. */
  readonly ssrc: number
  /** Packets received since `reset`, by member. */
  readonly received: Int32Array
  sent = 0
  nextAt = 0
  /** Only paced loads are measured. */
  readonly inFlight = 0
  readonly #client: MumbleClient
  readonly #send: (packet: Uint8Array) => void
  readonly #sockets: LoadSockets
  readonly #payload: Uint8Array
  #counter = 0

  constructor(plan: Plan, client: MumbleClient, send: (packet: Uint8Array) => void, sockets: LoadSockets) {
    this.channel = { residents: plan.members }
    this.ssrc = client.session
    this.received = new Int32Array(plan.members)
    this.#client = client
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
    const packet = [OPUS_TO_CHANNEL, ...varint(counter * FRAMES), ...varint(payload.length), ...payload]
    this.#send(this.#client.outgoing!.seal(Uint8Array.from(packet)))
  }

  recover(): void {}

  /** The Opus packet in a voice packet from the server: header, session, sequence, length. */
  payloadOf(packet: Uint8Array): Uint8Array {
    return packet.subarray(packet.length - this.#payload.length)
  }
}

/** Mumble's variable-length numbers, up to 28 bits. */
function varint(value: number): number[] {
  if (value < 0x80) return [value]
  if (value < 0x4000) return [0x80 | (value >> 8), value & 0xff]
  if (value < 0x20_0000) return [0xc0 | (value >> 16), (value >> 8) & 0xff, value & 0xff]
  return [0xe0 | (value >> 24), (value >> 16) & 0xff, (value >> 8) & 0xff, value & 0xff]
}
