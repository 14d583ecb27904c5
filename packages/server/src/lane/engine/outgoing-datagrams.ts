// Slots for sendmmsg, and the structures that refer to them (see socket-name.ts). Datagrams for one destination that are equally long
// share one message, which the system divides into datagrams again (UDP_SEGMENT, Linux 4.18): one pass through its send path for all.
import { SLOT } from '@parley/core'
import type { LocalAddresses } from './local-addresses.ts'
import { MESSAGE_HEADER, SOCKET_NAME } from './native-calls.ts'
import type { NativeMemory } from './native-memory.ts'
import { CONTROL_HEADER, IPV4_INFO_TYPE, IPV4_LEVEL, IPV6_INFO_TYPE, IPV6_LEVEL, NAME_WORDS } from './socket-name.ts'

const IOV = 16
/** Bytes between two names, and between two control areas. */
const NAME = 32
const CONTROL = 64
/** Bytes of the structures that name a local address, and of both with their header, padded. */
const IPV4_INFO = 12
const IPV6_INFO = 20
const PADDED_INFO = 40
/** SOL_UDP with UDP_SEGMENT: the length of each datagram, as a u16. */
const UDP_LEVEL = 17
const SEGMENT_TYPE = 103
const SEGMENT_INFO = 2
const PADDED_SEGMENT = 24

/** Datagrams of one message. The system takes 64; more gain little. */
export const MOST_SEGMENTS = 16
/** Bytes of one message: what UDP's length field holds, with room for headers. */
const MOST_BYTES = 65_000

/** A destination is a name, the number of the local address to send from (0: the system's choice), and three words of this class. */
const LOCAL = NAME_WORDS
/** The flush it was last queued for, and its message in that. */
const EPOCH = NAME_WORDS + 1
const MESSAGE = NAME_WORDS + 2
/** 1 after the system refused a message of several datagrams, as it does where the path's MTU is smaller than one of them. */
const IS_SINGLE = NAME_WORDS + 3
/** 32-bit words of a destination. Zeros are valid but for the name. */
export const DESTINATION_WORDS = NAME_WORDS + 4

/** Bytes of native memory for `count` slots with their structures. */
export const outgoingSize = (count: number): number =>
  count * (SLOT + IOV * MOST_SEGMENTS + NAME + CONTROL + MESSAGE_HEADER) + 1024

/** What is queued until the next flush. Per datagram: no allocation. */
export class OutgoingDatagrams {
  /** The place of the first header; the others follow contiguously. */
  readonly headers: number
  /** Messages, and datagrams in them. */
  messages = 0
  datagrams = 0
  readonly #words: Int32Array
  readonly #view: DataView
  readonly #slots: number
  readonly #names: number
  readonly #controls: number
  readonly #iovs: number
  readonly #count: number
  readonly #locals: LocalAddresses
  readonly #isSegmenting: boolean
  /** Halves of the pointers to the slots. */
  readonly #pointers: Int32Array
  /** By message: the local address its control message names, −1 for unknown; its datagrams; length of the first, the last, all. */
  readonly #sendFrom: Int32Array
  readonly #segments: Int32Array
  readonly #first: Int32Array
  readonly #last: Int32Array
  readonly #bytes: Int32Array
  readonly #destinations: Int32Array[]
  /** Where each begins in its array. */
  readonly #places: Int32Array
  #epoch = 1

  /** `isSegmenting`: the system knows UDP_SEGMENT. */
  constructor(memory: NativeMemory, count: number, locals: LocalAddresses, isSegmenting: boolean) {
    this.#words = memory.words
    this.#view = memory.view
    this.#count = count
    this.#locals = locals
    this.#isSegmenting = isSegmenting
    this.#slots = memory.take(count * SLOT)
    this.headers = memory.take(count * MESSAGE_HEADER)
    this.#names = memory.take(count * NAME)
    this.#controls = memory.take(count * CONTROL)
    this.#iovs = memory.take(count * IOV * MOST_SEGMENTS)
    this.#pointers = new Int32Array(count * 2)
    this.#sendFrom = new Int32Array(count)
    this.#segments = new Int32Array(count)
    this.#first = new Int32Array(count)
    this.#last = new Int32Array(count)
    this.#bytes = new Int32Array(count)
    this.#places = new Int32Array(count)
    this.#destinations = Array.from({ length: count }, () => new Int32Array(DESTINATION_WORDS))
    for (let index = 0; index < count; index++) this.#fill(memory, index)
  }

  get isFull(): boolean {
    return this.datagrams === this.#count
  }

  /** The place of SLOT bytes for the next datagram. */
  get slot(): number {
    return this.#slots + this.datagrams * SLOT
  }

  /** Queues `length` bytes of `slot` to the destination at `at`. */
  queue(length: number, destination: Int32Array, at = 0): void {
    if (!(this.datagrams < this.#count && length >= 0 && length <= SLOT))
      throw new RangeError(`expected a datagram of at most ${SLOT} bytes, found ${length}`)
    const message = destination[at + EPOCH] === this.#epoch ? destination[at + MESSAGE]! : -1
    if (message >= 0 && this.#mayAppend(message, length, destination[at + IS_SINGLE]!)) this.#append(message, length)
    else this.#start(length, destination, at)
    this.datagrams++
  }

  /** Datagrams of a message. */
  segments(message: number): number {
    return this.#segments[message]!
  }

  /** Datagrams from this message on. */
  datagramsFrom(message: number): number {
    let sum = 0
    for (let index = message; index < this.messages; index++) sum += this.#segments[index]!
    return sum
  }

  /**
   * Makes a message one of a single datagram, its `segment`-th, and remembers that the destination takes no others: after the
   * system has refused the whole.
   */
  isolate(message: number, segment: number): void {
    const words = this.#words
    const from = (this.#iovs + (message * MOST_SEGMENTS + segment) * IOV) >> 2
    const to = (this.#iovs + message * MOST_SEGMENTS * IOV) >> 2
    words[to] = words[from]!
    words[to + 1] = words[from + 1]!
    words[to + 2] = words[from + 2]!
    const destination = this.#destinations[message]!
    const at = this.#places[message]!
    destination[at + IS_SINGLE] = 1
    this.#setCount(message, 1)
    this.#setControl(message, destination[at + LOCAL]!, 0)
  }

  /** Empties the queue after a flush. */
  clear(): void {
    this.messages = 0
    this.datagrams = 0
    this.#epoch = (this.#epoch + 1) | 0
  }

  /** All datagrams of a message are as long as the first; only the last may be shorter. */
  #mayAppend(message: number, length: number, isSingle: number): boolean {
    const first = this.#first[message]!
    return (
      this.#isSegmenting &&
      isSingle === 0 &&
      length > 0 &&
      length <= first &&
      this.#last[message] === first &&
      this.#segments[message]! < MOST_SEGMENTS &&
      this.#bytes[message]! + length <= MOST_BYTES
    )
  }

  #append(message: number, length: number): void {
    const segment = this.#segments[message]!
    this.#setIov(message, segment, length)
    this.#last[message] = length
    this.#bytes[message]! += length
    this.#setCount(message, segment + 1)
    if (segment === 1)
      this.#setControl(message, this.#destinations[message]![this.#places[message]! + LOCAL]!, this.#first[message]!)
  }

  #start(length: number, destination: Int32Array, at: number): void {
    const message = this.messages++
    const words = this.#words
    this.#setIov(message, 0, length)
    const target = (this.#names + message * NAME) >> 2
    for (let word = 0; word < NAME_WORDS; word++) words[target + word] = destination[at + word]!
    if (this.#segments[message] !== 1) this.#setCount(message, 1)
    const local = destination[at + LOCAL]!
    if (local !== this.#sendFrom[message]) this.#setControl(message, local, 0)
    this.#first[message] = length
    this.#last[message] = length
    this.#bytes[message] = length
    this.#destinations[message] = destination
    this.#places[message] = at
    destination[at + EPOCH] = this.#epoch
    destination[at + MESSAGE] = message
  }

  /** The slot is that of the datagram which is being queued. */
  #setIov(message: number, segment: number, length: number): void {
    const words = this.#words
    const iov = (this.#iovs + (message * MOST_SEGMENTS + segment) * IOV) >> 2
    words[iov] = this.#pointers[this.datagrams * 2]!
    words[iov + 1] = this.#pointers[this.datagrams * 2 + 1]!
    words[iov + 2] = length
  }

  #setCount(message: number, segments: number): void {
    this.#segments[message] = segments
    this.#words[(this.headers + message * MESSAGE_HEADER + 24) >> 2] = segments
  }

  /** Writes the control messages: the local address to send from, unless it is 0, and the length of segments, unless it is 0. */
  #setControl(message: number, local: number, segment: number): void {
    const control = this.#controls + message * CONTROL
    let length = 0
    if (local !== 0) {
      this.#writeLocal(control, local)
      length = PADDED_INFO
    }
    if (segment !== 0) {
      this.#writeHeader(control + length, SEGMENT_INFO, UDP_LEVEL, SEGMENT_TYPE)
      this.#view.setUint16(control + length + CONTROL_HEADER, segment, true)
      length += PADDED_SEGMENT
    }
    this.#words[(this.headers + message * MESSAGE_HEADER + 40) >> 2] = length
    this.#sendFrom[message] = segment === 0 ? local : -1
  }

  /** The interface 0 leaves the route to the system. */
  #writeLocal(control: number, local: number): void {
    const view = this.#view
    const { isIpv6 } = this.#locals
    this.#writeHeader(
      control,
      isIpv6 ? IPV6_INFO : IPV4_INFO,
      isIpv6 ? IPV6_LEVEL : IPV4_LEVEL,
      isIpv6 ? IPV6_INFO_TYPE : IPV4_INFO_TYPE,
    )
    for (let word = 0; word < 5; word++) view.setUint32(control + CONTROL_HEADER + word * 4, 0)
    if (isIpv6) this.#locals.write(local, view, control + CONTROL_HEADER)
    else view.setInt32(control + CONTROL_HEADER + 4, this.#locals.ipv4(local))
  }

  #writeHeader(place: number, data: number, level: number, type: number): void {
    this.#words[place >> 2] = CONTROL_HEADER + data
    this.#words[(place + 4) >> 2] = 0
    this.#words[(place + 8) >> 2] = level
    this.#words[(place + 12) >> 2] = type
  }

  #fill(memory: NativeMemory, index: number): void {
    const { view } = memory
    const header = this.headers + index * MESSAGE_HEADER
    const setPointer = (place: number, pointer: number) => view.setBigUint64(place, BigInt(pointer), true)
    setPointer(header, memory.pointer(this.#names + index * NAME, SOCKET_NAME))
    view.setUint32(header + 8, SOCKET_NAME, true)
    const iovs = this.#iovs + index * MOST_SEGMENTS * IOV
    setPointer(header + 16, memory.pointer(iovs, MOST_SEGMENTS * IOV))
    setPointer(header + 32, memory.pointer(this.#controls + index * CONTROL, CONTROL))
    const slot = memory.pointer(this.#slots + index * SLOT, SLOT)
    this.#pointers[index * 2] = (slot % 2 ** 32) | 0
    this.#pointers[index * 2 + 1] = Math.trunc(slot / 2 ** 32)
  }
}
