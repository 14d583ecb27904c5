// The audio of one speaker: seals stamped packets, and counts per listener how many have arrived.
import {
  clearRtpLength,
  fillProtectionNonce,
  OPUS_FRAME_TIMESTAMPS,
  OPUS_PAYLOAD_TYPE,
  PROTECTION_LAYOUTS,
  type ProtectionLayout,
  protectionOverhead,
  RTP_HEADER,
  RTP_SEQUENCE,
  RTP_SSRC,
  RTP_TIMESTAMP,
} from '@parley/protocol'
import type { SlotCipher, SlotCiphers } from '../../../packages/server/src/lane/crypto/slot-ciphers.ts'
import type { LoadChannel } from '../load-channel.ts'
import type { LoadSockets } from './load-sockets.ts'
import { writeStamp } from './stamp.ts'

/** Packets whose sending time is kept: 20 s at 50 packets per second. */
const REMEMBERED = 1_024

/** Version 2, payload type of Opus, no marker. */
const FIRST_WORD = (0x80 << 8) | OPUS_PAYLOAD_TYPE

export class Stream {
  readonly channel: LoadChannel
  /** Index of the speaker in the channel. */
  readonly index: number
  readonly ssrc: number
  /** Packets received since `reset`, by member. */
  readonly received: Int32Array
  /** Sequence of the latest packet, by member. */
  readonly last: Int32Array
  /** Packets sent since `reset`. */
  sent = 0
  /** Number of the latest packet, of which its sequence holds the lower 16 bits. */
  counter = 0
  readonly #sentAt = new Float64Array(REMEMBERED)
  /** Time of the next packet of a paced stream. */
  nextAt = 0
  readonly #sockets: LoadSockets
  readonly #payload: number
  readonly #layout: ProtectionLayout
  readonly #cipher: SlotCipher
  /** Socket name that packets are sent to. */
  #target: Int32Array
  readonly #node: Int32Array
  /** Counter of the latest packet at the last listener. */
  #arrived = 0
  /** Time of its arrival. */
  #arrivedAt = 0

  constructor(channel: LoadChannel, index: number, sockets: LoadSockets, ciphers: SlotCiphers, payload: number) {
    const { ssrc, key, node, mode } = channel.members[index]!
    if (key === undefined || node === undefined) throw new Error('expected a member that has joined')
    this.channel = channel
    this.index = index
    this.ssrc = ssrc
    this.received = new Int32Array(channel.members.length)
    this.last = new Int32Array(channel.members.length)
    this.#sockets = sockets
    this.#payload = payload
    this.#layout = PROTECTION_LAYOUTS[mode]
    this.#cipher = ciphers.make(this.#layout.cipher, key)
    this.#node = node
    this.#target = node
  }

  /** Sends to another socket instead of the node; undefined for the node. */
  sendTo(target: Int32Array | undefined): void {
    this.#target = target ?? this.#node
  }

  /** Resets the counters. */
  reset(now: number): void {
    this.received.fill(0)
    this.sent = 0
    this.#arrived = this.counter
    this.#arrivedAt = now
  }

  /** Sending time of one of the latest packets, in microseconds on the clock of stamps. */
  sentAt(sequence: number): number {
    return this.#sentAt[sequence % REMEMBERED]!
  }

  /** Packets that the last listener has not received yet. */
  get inFlight(): number {
    return this.counter - this.#arrived
  }

  /** The last listener has received the packet with this sequence. */
  arrived(sequence: number, now: number): void {
    this.#arrived = this.counter - ((this.counter - sequence) & 0xffff)
    this.#arrivedAt = now
  }

  /** Counts the packets in flight as lost if none has arrived for `patience` milliseconds. */
  recover(patience: number, now: number): void {
    if (now - this.#arrivedAt < patience) return
    this.#arrived = this.counter
    this.#arrivedAt = now
  }

  /** Seals the next packet and queues it. Per packet: no allocation. */
  send(): void {
    const { view, bytes } = this.#sockets
    const counter = ++this.counter
    this.sent++
    const place = this.#sockets.claim(this.channel.firstSocket + this.index)
    view.setUint16(place, FIRST_WORD)
    view.setUint16(place + RTP_SEQUENCE, counter & 0xffff)
    view.setUint32(place + RTP_TIMESTAMP, (counter * OPUS_FRAME_TIMESTAMPS) >>> 0)
    view.setUint32(place + RTP_SSRC, this.ssrc)
    const now = this.#sockets.now()
    this.#sentAt[counter % REMEMBERED] = now
    writeStamp(view, place + RTP_HEADER, this.#payload, now, this.ssrc, counter)
    const { trailerLength } = this.#layout
    const plain = RTP_HEADER + this.#payload
    const sealed = plain + protectionOverhead(this.#layout)
    for (let index = sealed - trailerLength; index < sealed; index++) bytes[place + index] = 0
    if (trailerLength > 0) view.setUint32(place + sealed - trailerLength, counter)
    fillProtectionNonce(this.#layout, this.#cipher.nonce, bytes, place, sealed, RTP_HEADER)
    const clear = clearRtpLength(this.#layout, bytes, place)
    if (!this.#cipher.seal(place, clear, place + clear, plain - clear, place + clear)) throw new Error('sealing failed')
    this.#sockets.queue(sealed, this.#target)
  }

  close(): void {
    this.#cipher.close()
  }
}
