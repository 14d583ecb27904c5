// One stream of a member: seals stamped packets, and counts per receiver how many have arrived.
import {
  clearRtpLength,
  fillProtectionNonce,
  PROTECTION_LAYOUTS,
  type ProtectionLayout,
  protectionOverhead,
  RTP_HEADER,
  RTP_MARKER_BIT,
  RTP_SEQUENCE,
  RTP_SSRC,
  RTP_TIMESTAMP,
} from '@parley/protocol'
import type { SlotCipher, SlotCiphers } from '../../../packages/server/src/lane/crypto/slot-ciphers.ts'
import type { LoadChannel } from '../load-channel.ts'
import type { LoadSockets } from './load-sockets.ts'
import type { Packets } from './packets.ts'
import { writeStamp } from './stamp.ts'

/** Packets whose sending time is kept: 20 s at 50 packets per second. */
const REMEMBERED = 1_024

/** The first byte: version 2. */
const VERSION = 0x80

export interface StreamOptions {
  /** Index of the sender in the channel. */
  readonly index: number
  readonly ssrc: number
  readonly packets: Packets
  /** Whether a member of the channel is to be sent the stream. */
  isTarget(index: number): boolean
  /** Whether a member may receive it nevertheless; by default no other. */
  isPossible?(index: number): boolean
}

export class Stream {
  readonly channel: LoadChannel
  /** Index of the sender in the channel. */
  readonly index: number
  readonly ssrc: number
  /** Members that are to receive it: true by index. */
  readonly targets: readonly boolean[]
  readonly #possible: readonly boolean[]
  /** Whether it is a layer of several: its targets may be sent another one. */
  readonly isLayer: boolean
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
  readonly #packets: Packets
  readonly #layout: ProtectionLayout
  readonly #cipher: SlotCipher
  /** Socket name that packets are sent to. */
  #target: Int32Array
  readonly #node: Int32Array
  /** The last member that stays and is to receive it. */
  readonly #lastTarget: number
  /** Counter of the latest packet at the last target. */
  #arrived = 0
  /** Time of its arrival. */
  #arrivedAt = 0

  constructor(channel: LoadChannel, sockets: LoadSockets, ciphers: SlotCiphers, options: StreamOptions) {
    const { index, ssrc, packets } = options
    const { key, node, mode } = channel.members[index]!
    if (key === undefined || node === undefined) throw new Error('expected a member that has joined')
    this.channel = channel
    this.index = index
    this.ssrc = ssrc
    this.targets = channel.members.map((_, member) => options.isTarget(member))
    this.isLayer = options.isPossible !== undefined
    this.#possible = channel.members.map((_, member) => (options.isPossible ?? options.isTarget)(member))
    this.#lastTarget = this.targets.slice(0, channel.residents).lastIndexOf(true)
    this.received = new Int32Array(channel.members.length)
    this.last = new Int32Array(channel.members.length)
    this.#sockets = sockets
    this.#packets = packets
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

  /** Packets that the last target has not received yet. */
  get inFlight(): number {
    return this.counter - this.#arrived
  }

  /** Whether a member of this index exists and may receive it. */
  mayReach(index: number): boolean {
    return this.#possible[index] === true
  }

  /** Counts a packet that a member has received. Returns whether it is later than those before it. */
  count(index: number, sequence: number, now: number): boolean {
    this.received[index]!++
    const step = (sequence - this.last[index]!) & 0xffff
    this.last[index] = sequence
    if (index === this.#lastTarget) this.#arrive(sequence, now)
    return step > 0 && step <= 0x7fff
  }

  #arrive(sequence: number, now: number): void {
    this.#arrived = this.counter - ((this.counter - sequence) & 0xffff)
    this.#arrivedAt = now
  }

  /** Counts the packets in flight as lost if none has arrived for `patience` milliseconds. */
  recover(patience: number, now: number): void {
    if (now - this.#arrivedAt < patience) return
    this.#arrived = this.counter
    this.#arrivedAt = now
  }

  /** As the sender has it. */
  get payloadType(): number {
    return this.#packets.payloadType
  }

  /** Milliseconds over which the beginnings of several streams are spread. */
  period(interval: number): number {
    return this.#packets.period(interval)
  }

  /** Seals the next packet and queues it. Returns the milliseconds until the one after it. Per packet: no allocation. */
  send(interval: number): number {
    const { view, bytes } = this.#sockets
    const { payloadType, first, length, timestamp, isMarked } = this.#packets
    const counter = ++this.counter
    this.sent++
    const place = this.#sockets.claim(this.channel.firstSocket + this.index)
    view.setUint8(place, VERSION)
    view.setUint8(place + 1, isMarked ? payloadType | RTP_MARKER_BIT : payloadType)
    view.setUint16(place + RTP_SEQUENCE, counter & 0xffff)
    view.setUint32(place + RTP_TIMESTAMP, timestamp)
    view.setUint32(place + RTP_SSRC, this.ssrc)
    const now = this.#sockets.now()
    this.#sentAt[counter % REMEMBERED] = now
    writeStamp(view, place + RTP_HEADER, length, first, now, this.ssrc, counter)
    const { trailerLength } = this.#layout
    const plain = RTP_HEADER + length
    const sealed = plain + protectionOverhead(this.#layout)
    for (let index = sealed - trailerLength; index < sealed; index++) bytes[place + index] = 0
    if (trailerLength > 0) view.setUint32(place + sealed - trailerLength, counter)
    fillProtectionNonce(this.#layout, this.#cipher.nonce, bytes, place, sealed, RTP_HEADER)
    const clear = clearRtpLength(this.#layout, bytes, place)
    if (!this.#cipher.seal(place, clear, place + clear, plain - clear, place + clear)) throw new Error('sealing failed')
    this.#sockets.queue(sealed, this.#target)
    return this.#packets.next(interval)
  }

  close(): void {
    this.#cipher.close()
  }
}
