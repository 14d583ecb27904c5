// What the members of a load hear: every packet is counted where it belongs, and samples are opened and compared.
import { decodeRtp, OPUS_PAYLOAD_TYPE, RTP_PAYLOAD_TYPE, RTP_SEQUENCE, RTP_SSRC } from '@parley/protocol'
import { BARE_TYPE, CREDIT } from '../../floor/bare-sender.ts'
import { BROWSER_OPUS } from '../webrtc/browser.ts'
import type { LoadSockets } from './load-sockets.ts'
import { readStamp } from './stamp.ts'
import type { Stream } from './stream.ts'

const isOpus = (type: number) => type === OPUS_PAYLOAD_TYPE || type === BROWSER_OPUS

/** Every so many-th packet is opened: a prime, so that every listener's turn comes. */
const SAMPLE = 101

export interface Heard {
  packets: number
  /** Packets that were opened with the listener's key and were what the speaker had said. */
  checked: number
  /** Packets that were not, that came to the wrong socket, back to the speaker, twice or out of order. */
  wrong: number
  /** Packets for members who had just left. */
  late: number
}

export class Ears {
  readonly heard: Heard = { packets: 0, checked: 0, wrong: 0, late: 0 }
  /** Microseconds from sending to arrival at the listener, of the packets that were opened. Emptied by whoever reads it. */
  latencies: number[] = []
  /** Told of every copy, in the slot where it is. */
  trace: ((stream: Stream, sequence: number, slot: number) => void) | undefined
  readonly #sockets: LoadSockets
  /** Takes what is no media; false if it is not expected. */
  readonly #takeOther: (socket: number, bytes: Uint8Array) => boolean
  readonly #payload: number
  readonly #streams = new Map<number, Stream>()
  /** Where the floor's process waits for credit. */
  #creditor: Int32Array | undefined
  #bare = 0
  #untilSample = SAMPLE

  constructor(sockets: LoadSockets, takeOther: (socket: number, bytes: Uint8Array) => boolean, payload: number) {
    this.#sockets = sockets
    this.#takeOther = takeOther
    this.#payload = payload
  }

  add(stream: Stream): void {
    this.#streams.set(stream.ssrc, stream)
  }
  clear(): void {
    this.#streams.clear()
  }
  /** Packets of the floor are acknowledged there from now on. */
  acknowledgeBare(creditor: Int32Array): void {
    this.#creditor = creditor
  }

  /** Takes what a socket has, one batch at most; returns how many datagrams that were. */
  listen(socket: number, now: number): number {
    const count = this.#sockets.receive(socket)
    for (let slot = 0; slot < count; slot++) this.#datagram(slot, socket, now)
    return count
  }

  #datagram(slot: number, socket: number, now: number): void {
    const { view } = this.#sockets
    const place = this.#sockets.place(slot)
    const type = view.getUint8(place + 1)
    if (type === BARE_TYPE) return this.#countBare(socket)
    if (!isOpus(type & RTP_PAYLOAD_TYPE)) return this.#other(socket, slot, place)
    const stream = this.#streams.get(view.getUint32(place + RTP_SSRC))
    const index = stream === undefined ? -1 : socket - stream.channel.firstSocket
    if (stream === undefined || index < 0 || index >= stream.heard.length || index === stream.index)
      return this.#isWrong()
    const sequence = view.getUint16(place + RTP_SEQUENCE)
    this.#count(stream, index, sequence, now)
    this.trace?.(stream, sequence, slot)
    if (--this.#untilSample === 0) this.#check(stream, index, slot, place)
  }

  #count(stream: Stream, index: number, sequence: number, now: number): void {
    this.heard.packets++
    stream.heard[index]!++
    const isLater = ((sequence - stream.last[index]!) & 0xffff) - 1 < 0x7fff
    if (!isLater || sequence === stream.last[index]) this.#isWrong()
    stream.last[index] = sequence
    const { residents } = stream.channel
    const lastListener = stream.index === residents - 1 ? residents - 2 : residents - 1
    if (index === lastListener) stream.arrived(sequence, now)
  }

  #check(stream: Stream, index: number, slot: number, place: number): void {
    this.#untilSample = SAMPLE
    const member = stream.channel.members[index]!
    if (!member.isIn) return void this.heard.late++
    const plain = member.open(this.#sockets.bytes.slice(place, place + this.#sockets.length(slot)))
    const packet = plain && decodeRtp(plain)
    const stamp = packet && readStamp(packet.payload)
    const isRight =
      stamp !== undefined &&
      stamp.ssrc === stream.ssrc &&
      (stamp.counter & 0xffff) === packet?.sequence &&
      packet.payloadType === member.payloadType &&
      packet.payload.length === this.#payload
    if (!isRight) return this.#isWrong()
    this.heard.checked++
    this.latencies.push(this.#sockets.arrivedAt(slot) - stamp.sentAt)
  }

  #countBare(socket: number): void {
    if (++this.#bare % CREDIT !== 0 || this.#creditor === undefined) return
    this.#sockets.view.setUint8(this.#sockets.claim(socket), 1)
    this.#sockets.queue(1, this.#creditor)
    this.#sockets.flush()
  }

  /** Discovery's answers, what browsers are sent, and receiver reports to those who talk. */
  #other(socket: number, slot: number, place: number): void {
    const second = this.#sockets.view.getUint8(place + 1)
    if (second >= 192 && second <= 223) return
    if (!this.#takeOther(socket, this.#sockets.bytes.slice(place, place + this.#sockets.length(slot)))) this.#isWrong()
  }

  #isWrong(): void {
    this.heard.wrong++
  }
}
