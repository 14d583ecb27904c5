// Slots for recvmmsg, and the structures that refer to them (see socket-name.ts), initialized once. Control messages arrive in this order:
// a timespec; after datagrams were lost, a u32 with their number; in_pktinfo or in6_pktinfo:
//
//   in_pktinfo    0 u32 interface  4 local address  8 destination      in6_pktinfo   0 destination  16 u32 interface
import { ADDRESS_LOCAL, ADDRESS_PORT, SLOT } from '@parley/core'
import { SERVER_LIMITS } from '../../limits.ts'
import type { LocalAddresses } from './local-addresses.ts'
import { MESSAGE_HEADER, SOCKET_NAME } from './native-calls.ts'
import type { NativeMemory } from './native-memory.ts'
import {
  AF_INET6,
  CONTROL_HEADER,
  IPV4_INFO_TYPE,
  IPV4_LEVEL,
  IPV6_INFO_TYPE,
  IPV6_LEVEL,
  MAPPED,
} from './socket-name.ts'

const IOV = 16
/** Stride of names, and of control areas. */
const NAME = 32
const CONTROL = 128
/** Bytes of the control messages with the time and with the number of lost datagrams: where the next one begins. */
const TIMESTAMP = 32
const OVERFLOW = 24
/** Level and types of control messages: SOL_SOCKET, SO_TIMESTAMPNS and SO_RXQ_OVFL. */
const SOCKET_LEVEL = 1
const TIMESTAMP_TYPE = 35
const OVERFLOW_TYPE = 40

/** Bytes of native memory for `count` slots with their structures. */
export const receivedSize = (count: number): number => count * (SLOT + IOV + NAME + CONTROL + MESSAGE_HEADER) + 1024

export class ReceivedDatagrams {
  /** Places of the first slot and the first header; the others follow contiguously. */
  readonly slots: number
  readonly headers: number
  readonly #memory: NativeMemory
  readonly #words: Int32Array
  readonly #view: DataView
  readonly #names: number
  readonly #controls: number
  readonly #iovs: number
  readonly #count: number
  readonly #locals: LocalAddresses

  constructor(memory: NativeMemory, count: number, locals: LocalAddresses) {
    this.#locals = locals
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

  /** Required before each receive: the system overwrites the lengths of its areas. */
  prepareReceive(count: number): void {
    if (count > this.#count) throw new RangeError(`expected at most ${this.#count} messages, found ${count}`)
    for (let index = 0; index < count; index++) {
      const header = (this.headers + index * MESSAGE_HEADER) >> 2
      this.#words[header + 2] = SOCKET_NAME
      this.#words[header + 10] = CONTROL
    }
  }

  /** Bytes of a received datagram; above SLOT if it was truncated. */
  receivedLength(index: number): number {
    return this.#words[(this.headers + index * MESSAGE_HEADER + 56) >> 2]!
  }

  /** Writes the source of a datagram and the number of the local address it arrived at, as ADDRESS_WORDS words. */
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
    words[offset + ADDRESS_PORT] = view.getUint16(name + 2)
    words[offset + ADDRESS_LOCAL] = this.#localOf(index)
  }

  /** Microseconds between a datagram's arrival and the time at `clock` (a `timespec`); 0 if unknown. */
  waited(index: number, clock: number): number {
    const control = this.#controls + index * CONTROL
    const words = this.#words
    if (!this.#hasControl(index, 0, SOCKET_LEVEL, TIMESTAMP_TYPE)) return 0
    const seconds = (words[clock >> 2]! - words[(control + 16) >> 2]!) | 0
    if (seconds < 0 || seconds > SERVER_LIMITS.maxDatagramWaitSeconds) return 0
    return Math.max(0, (seconds * 1e6 + (words[(clock + 8) >> 2]! - words[(control + 24) >> 2]!) / 1e3) | 0)
  }

  /** Datagrams that the socket buffer has dropped up to this one, modulo 2^32. */
  overflows(index: number): number {
    if (!this.#hasControl(index, TIMESTAMP, SOCKET_LEVEL, OVERFLOW_TYPE)) return 0
    return this.#words[(this.#controls + index * CONTROL + TIMESTAMP + 16) >> 2]!
  }

  /** The number of the local address that a received datagram arrived at; 0 if unknown. */
  #localOf(index: number): number {
    const start = this.#hasControl(index, TIMESTAMP, SOCKET_LEVEL, OVERFLOW_TYPE) ? TIMESTAMP + OVERFLOW : TIMESTAMP
    const data = this.#controls + index * CONTROL + start + CONTROL_HEADER
    if (this.#hasControl(index, start, IPV6_LEVEL, IPV6_INFO_TYPE))
      return this.#locals.number(
        this.#view.getInt32(data),
        this.#view.getInt32(data + 4),
        this.#view.getInt32(data + 8),
        this.#view.getInt32(data + 12),
      )
    if (this.#hasControl(index, start, IPV4_LEVEL, IPV4_INFO_TYPE))
      return this.#locals.number(0, 0, MAPPED, this.#view.getInt32(data + 4))
    return 0
  }

  #hasControl(index: number, offset: number, level: number, type: number): boolean {
    const words = this.#words
    const control = this.#controls + index * CONTROL + offset
    const length = words[(this.headers + index * MESSAGE_HEADER + 40) >> 2]!
    return length > offset && words[(control + 8) >> 2] === level && words[(control + 12) >> 2] === type
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
    setPointer(header + 32, this.#memory.pointer(this.#controls + index * CONTROL, CONTROL))
  }
}
