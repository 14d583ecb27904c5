// Receives the packets of all members: counts every packet per stream and listener, and opens and compares samples.
import { decodeRtp, OPUS_PAYLOAD_TYPE, RTP_PAYLOAD_TYPE, RTP_SEQUENCE, RTP_SSRC } from '@parley/protocol'
import { BARE_TYPE, CREDIT } from '../../floor/bare-sender.ts'
import { WEBRTC_OPUS } from '../webrtc/webrtc-client.ts'
import type { LoadSockets } from './load-sockets.ts'
import { readStamp } from './stamp.ts'
import type { Stream } from './stream.ts'
import { H264_TYPE } from './video-packets.ts'

const isMedia = (type: number) => type === OPUS_PAYLOAD_TYPE || type === WEBRTC_OPUS || type === H264_TYPE

/** One packet in SAMPLE is opened. It is prime, so that the samples reach every listener. */
const SAMPLE = 101

export interface Counts {
  packets: number
  /** Packets that opened with the listener's key and had the speaker's content. */
  checked: number
  /** Packets with other content, at the wrong socket, returned to the speaker, repeated or out of order. */
  wrong: number
  /** Packets for members that had just left. */
  late: number
}

export class Receiver {
  readonly counts: Counts = { packets: 0, checked: 0, wrong: 0, late: 0 }
  /** Microseconds from sending to arrival of the opened packets. The reader empties it. */
  latencies: number[] = []
  /** Called for every copy, with its slot. */
  trace: ((stream: Stream, sequence: number, slot: number) => void) | undefined
  readonly #sockets: LoadSockets
  /** Receives datagrams that are not media; returns false for an unexpected one. */
  readonly #takeOther: (socket: number, bytes: Uint8Array) => boolean
  readonly #streams = new Map<number, Stream>()
  /** Socket name of the floor's process, which waits for credit. */
  #creditAddress: Int32Array | undefined
  #bare = 0
  #untilSample = SAMPLE

  constructor(sockets: LoadSockets, takeOther: (socket: number, bytes: Uint8Array) => boolean) {
    this.#sockets = sockets
    this.#takeOther = takeOther
  }

  add(stream: Stream): void {
    this.#streams.set(stream.ssrc, stream)
  }
  clear(): void {
    this.#streams.clear()
  }
  /** Sends credit for the floor's packets to this address from now on. */
  acknowledgeBare(creditAddress: Int32Array): void {
    this.#creditAddress = creditAddress
  }

  /** Reads at most one batch from a socket; returns the number of datagrams. */
  receive(socket: number, now: number): number {
    const count = this.#sockets.receive(socket)
    for (let slot = 0; slot < count; slot++) this.#datagram(slot, socket, now)
    return count
  }

  #datagram(slot: number, socket: number, now: number): void {
    const { view } = this.#sockets
    const place = this.#sockets.place(slot)
    const type = view.getUint8(place + 1)
    if (type === BARE_TYPE) return this.#countBare(socket)
    if (!isMedia(type & RTP_PAYLOAD_TYPE)) return this.#other(socket, slot, place)
    const stream = this.#streams.get(view.getUint32(place + RTP_SSRC))
    const index = stream === undefined ? -1 : socket - stream.channel.firstSocket
    if (stream === undefined || !stream.mayReach(index)) return this.#isWrong()
    const sequence = view.getUint16(place + RTP_SEQUENCE)
    this.counts.packets++
    if (!stream.count(index, sequence, now)) this.#isWrong()
    this.trace?.(stream, sequence, slot)
    if (--this.#untilSample === 0) this.#check(stream, index, slot, place)
  }

  #check(stream: Stream, index: number, slot: number, place: number): void {
    this.#untilSample = SAMPLE
    const member = stream.channel.members[index]!
    if (!member.isJoined) return void this.counts.late++
    const plain = member.open(this.#sockets.bytes.slice(place, place + this.#sockets.length(slot)))
    const packet = plain && decodeRtp(plain)
    const stamp = packet && readStamp(packet.payload)
    const isRight =
      stamp !== undefined &&
      stamp.ssrc === stream.ssrc &&
      (stamp.counter & 0xffff) === packet?.sequence &&
      packet.payloadType === member.typeOf(stream.payloadType)
    if (!isRight) return this.#isWrong()
    this.counts.checked++
    this.latencies.push(this.#sockets.arrivedAt(slot) - stamp.sentAt)
  }

  #countBare(socket: number): void {
    if (++this.#bare % CREDIT !== 0 || this.#creditAddress === undefined) return
    this.#sockets.view.setUint8(this.#sockets.claim(socket), 1)
    this.#sockets.queue(1, this.#creditAddress)
    this.#sockets.flush()
  }

  /** Discovery responses, STUN and DTLS; receiver reports for speakers are ignored. */
  #other(socket: number, slot: number, place: number): void {
    const second = this.#sockets.view.getUint8(place + 1)
    if (second >= 192 && second <= 223) return
    if (!this.#takeOther(socket, this.#sockets.bytes.slice(place, place + this.#sockets.length(slot)))) this.#isWrong()
  }

  #isWrong(): void {
    this.counts.wrong++
  }
}
