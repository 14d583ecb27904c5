// Datagrams for recvmmsg and sendmmsg: slots, and the structures that name them, filled in once.
//
//   mmsghdr   0 name   8 u32 nameLength   16 iov   24 iovs   32 control   40 controlLength   48 flags   56 u32 length
//   iovec     0 base   8 length           sockaddr_in6   0 u16 family  2 u16be port  4 flow  8 address  24 scope
//   cmsghdr   0 length  8 u32 level  12 u32 type  16 what it says: a timespec; then, 8 bytes on a boundary of 8, another with a u32
import { ADDRESS_WORDS, SLOT } from '@parley/core'
import { MESSAGE_HEADER, SOCKET_NAME } from './native-calls.ts'
import type { NativeMemory } from './native-memory.ts'

const IOV = 16
/** Bytes between two names, and between two control areas. */
const NAME = 32
const CONTROL = 64
/** Bytes of the control message with the time, where the next one begins. */
const TIMESTAMP = 32
/** 32-bit words of a name. */
export const NAME_WORDS = SOCKET_NAME / 4

const AF_INET = 2
const AF_INET6 = 10
const MAPPED = 0xffff
/** Seconds. A longer wait was a step of the clock. */
const LONGEST_WAIT = 10
/** SOL_SOCKET, SO_TIMESTAMPNS and SO_RXQ_OVFL, as levels and types of control messages. */
const SOCKET_LEVEL = 1
const TIMESTAMP_TYPE = 35
const OVERFLOW_TYPE = 40

/** Bytes that so many messages take. */
export const messageSlotsSize = (count: number): number => count * (SLOT + IOV + NAME + CONTROL + MESSAGE_HEADER) + 1024

export class DatagramSlots {
  /** Places of the first slot and the first header; the others follow without gaps. */
  readonly slots: number
  readonly headers: number
  readonly #memory: NativeMemory
  readonly #words: Int32Array
  readonly #view: DataView
  readonly #names: number
  readonly #controls: number
  readonly #iovs: number
  readonly #count: number

  constructor(memory: NativeMemory, count: number) {
    this.#memory = memory
    this.#words = memory.words
    this.#view = memory.view
    this.#count = count
    this.slots = memory.take(count * SLOT)
    this.headers = memory.take(count * MESSAGE_HEADER)
    this.#names = memory.take(count * NAME)
    this.#controls = memory.take(count * CONTROL)
    this.#iovs = memory.take(count * IOV)
    for (let index = 0; index < count; index++) this.#fill(index)
  }

  /** To be called before each receive: the system overwrites how long its areas are. */
  prepareReceive(count: number): void {
    if (count > this.#count) throw new RangeError(`expected at most ${this.#count} messages, found ${count}`)
    for (let index = 0; index < count; index++) {
      const header = (this.headers + index * MESSAGE_HEADER) >> 2
      this.#words[header + 2] = SOCKET_NAME
      this.#words[header + 10] = CONTROL
    }
  }

  /** Bytes of a received datagram, more than SLOT if it was cut. */
  receivedLength(index: number): number {
    return this.#words[(this.headers + index * MESSAGE_HEADER + 56) >> 2]!
  }

  /** Writes where a datagram came from as ADDRESS_WORDS words. */
  readSource(index: number, words: Int32Array, offset: number): void {
    const view = this.#view
    const name = this.#names + index * NAME
    if (view.getUint16(name, true) === AF_INET6)
      for (let word = 0; word < 4; word++) words[offset + word] = view.getInt32(name + 8 + word * 4)
    else {
      words[offset] = 0
      words[offset + 1] = 0
      words[offset + 2] = MAPPED
      words[offset + 3] = view.getInt32(name + 4)
    }
    words[offset + ADDRESS_WORDS - 1] = view.getUint16(name + 2)
  }

  /** Microseconds between a datagram's arrival and the time at `clock` (a `timespec`); 0 if the system did not tell. */
  waited(index: number, clock: number): number {
    const control = this.#controls + index * CONTROL
    const words = this.#words
    if (!this.#hasControl(index, 0, TIMESTAMP_TYPE)) return 0
    const seconds = (words[clock >> 2]! - words[(control + 16) >> 2]!) | 0
    if (seconds < 0 || seconds > LONGEST_WAIT) return 0
    return Math.max(0, (seconds * 1e6 + (words[(clock + 8) >> 2]! - words[(control + 24) >> 2]!) / 1e3) | 0)
  }

  /** How many datagrams the socket has had no room for, up to this one; 32 bits. */
  overflows(index: number): number {
    if (!this.#hasControl(index, TIMESTAMP, OVERFLOW_TYPE)) return 0
    return this.#words[(this.#controls + index * CONTROL + TIMESTAMP + 16) >> 2]!
  }

  /** Sets what a message to send is: `length` bytes of its slot, to the name in `words`. */
  setMessage(index: number, length: number, name: Int32Array): void {
    if (!(index >= 0 && index < this.#count && length >= 0 && length <= SLOT))
      throw new RangeError(`expected a message of at most ${SLOT} bytes, found ${length} at ${index}`)
    const words = this.#words
    words[(this.#iovs + index * IOV + 8) >> 2] = length
    const target = (this.#names + index * NAME) >> 2
    for (let word = 0; word < NAME_WORDS; word++) words[target + word] = name[word]!
  }

  #hasControl(index: number, offset: number, type: number): boolean {
    const words = this.#words
    const control = this.#controls + index * CONTROL + offset
    const length = words[(this.headers + index * MESSAGE_HEADER + 40) >> 2]!
    return length > offset && words[(control + 8) >> 2] === SOCKET_LEVEL && words[(control + 12) >> 2] === type
  }

  #fill(index: number): void {
    const { view } = this.#memory
    const header = this.headers + index * MESSAGE_HEADER
    const iov = this.#iovs + index * IOV
    const setPointer = (place: number, pointer: number) => view.setBigUint64(place, BigInt(pointer), true)
    setPointer(header, this.#memory.pointer(this.#names + index * NAME, SOCKET_NAME))
    view.setUint32(header + 8, SOCKET_NAME, true)
    setPointer(header + 16, this.#memory.pointer(iov, IOV))
    view.setUint32(header + 24, 1, true)
    setPointer(iov, this.#memory.pointer(this.slots + index * SLOT, SLOT))
    view.setUint32(iov + 8, SLOT, true)
  }

  /** Lets the system write control messages (the time of arrival). */
  enableControl(): void {
    for (let index = 0; index < this.#count; index++) {
      const control = this.#memory.pointer(this.#controls + index * CONTROL, CONTROL)
      this.#view.setBigUint64(this.headers + index * MESSAGE_HEADER + 32, BigInt(control), true)
    }
  }
}

/**
 * Writes a socket's name from ADDRESS_WORDS words at `offset`, for a socket of IPv6 (where IPv4 is mapped) or of IPv4. To an
 * IPv4 socket an IPv6 address is written as it is: the system refuses it then.
 */
export function writeSocketName(
  name: DataView,
  place: number,
  isIpv6: boolean,
  words: Int32Array,
  offset: number,
): void {
  const isMapped = words[offset] === 0 && words[offset + 1] === 0 && words[offset + 2] === MAPPED
  for (let word = 0; word < NAME_WORDS; word++) name.setInt32(place + word * 4, 0)
  name.setUint16(place, isIpv6 || !isMapped ? AF_INET6 : AF_INET, true)
  name.setUint16(place + 2, words[offset + ADDRESS_WORDS - 1]!)
  if (!isIpv6 && isMapped) name.setInt32(place + 4, words[offset + 3]!)
  else for (let word = 0; word < 4; word++) name.setInt32(place + 8 + word * 4, words[offset + word]!)
}
