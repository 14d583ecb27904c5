// The sockets of a load, which share their slots. Arrival times are the kernel's.
import { BATCH, SLOT } from '@parley/core'
import { LocalAddresses } from '../../../packages/server/src/lane/engine/local-addresses.ts'
import { MESSAGE_HEADER, type Native, SOCKET_NAME } from '../../../packages/server/src/lane/engine/native-calls.ts'
import type { NativeMemory } from '../../../packages/server/src/lane/engine/native-memory.ts'
import { OutgoingDatagrams, outgoingSize } from '../../../packages/server/src/lane/engine/outgoing-datagrams.ts'
import { ReceivedDatagrams, receivedSize } from '../../../packages/server/src/lane/engine/received-datagrams.ts'
import { nameOf } from '../../floor/socket-name.ts'
import { CLOCK_CYCLE } from './stamp.ts'

const SEND_BATCH = 128
const BUFFER = 4 * 1024 * 1024
const TIMESPEC = 16
/** Bytes of memory for the slots, independent of the number of sockets. */
export const LOAD_SOCKETS_SIZE = receivedSize(BATCH) + outgoingSize(SEND_BATCH) + 1024

export class LoadSockets {
  readonly ports: readonly number[]
  /** View of the whole memory; places are offsets in it. */
  readonly view: DataView
  readonly bytes: Uint8Array
  /** Datagrams that the system refused. */
  refused = 0
  readonly #native: Native
  readonly #memory: NativeMemory
  readonly #descriptors: readonly number[]
  readonly #received: ReceivedDatagrams
  readonly #unsent: OutgoingDatagrams
  readonly #clock: number
  #used = BATCH
  /** Time of the latest read, apart from the clock of senders. */
  readonly #readClock: number
  #readAt = 0
  #sender = 0

  /** Opens sockets on free loopback ports. */
  constructor(native: Native, memory: NativeMemory, count: number) {
    this.#native = native
    this.#memory = memory
    this.bytes = memory.bytes
    this.view = memory.view
    const locals = new LocalAddresses()
    this.#received = new ReceivedDatagrams(memory, BATCH, locals)
    this.#unsent = new OutgoingDatagrams(memory, SEND_BATCH, locals, false)
    this.#clock = memory.take(TIMESPEC)
    this.#readClock = memory.take(TIMESPEC)
    const name = memory.take(SOCKET_NAME)
    this.#descriptors = Array.from({ length: count }, () => this.#open(name))
    this.ports = this.#descriptors.map(descriptor => {
      native.socketName(memory, descriptor, name)
      return memory.view.getUint16(name + 2)
    })
  }

  get count(): number {
    return this.#descriptors.length
  }

  /** Microseconds on the clock of stamps. Per packet: clock_gettime does not enter the kernel. */
  now(): number {
    return this.#read(this.#clock)
  }

  /** Reads at most one batch from a socket; returns the number of datagrams, in slots from 0. */
  receive(socket: number): number {
    this.#received.prepareReceive(this.#used)
    const count = this.#native.receive(this.#memory, this.#descriptors[socket]!, this.#received.headers, BATCH)
    this.#used = Math.max(0, count)
    if (count > 0) this.#readAt = this.#read(this.#readClock)
    return this.#used
  }
  place(slot: number): number {
    return this.#received.slots + slot * SLOT
  }
  length(slot: number): number {
    return this.#received.receivedLength(slot)
  }
  /** Arrival time of the datagram at the socket, in microseconds on the clock of stamps. */
  arrivedAt(slot: number): number {
    return this.#readAt - this.#received.waited(slot, this.#readClock)
  }

  /** Place of SLOT bytes for the next datagram of a socket, to be queued with `queue`. */
  claim(socket: number): number {
    if (socket !== this.#sender || this.#unsent.isFull) this.flush()
    this.#sender = socket
    return this.#unsent.slot
  }
  queue(length: number, name: Int32Array): void {
    this.#unsent.queue(length, name)
  }
  flush(): void {
    const descriptor = this.#descriptors[this.#sender]!
    for (let first = 0; first < this.#unsent.messages; ) {
      const left = this.#unsent.messages - first
      const headers = this.#unsent.headers + first * MESSAGE_HEADER
      const taken = this.#native.send(this.#memory, descriptor, headers, left)
      if (taken <= 0) this.refused++
      first += Math.max(1, taken)
    }
    this.#unsent.clear()
  }

  close(): void {
    for (const descriptor of this.#descriptors) this.#native.close(descriptor)
  }

  #read(clock: number): number {
    this.#native.readClock(this.#memory, clock)
    const seconds = this.view.getUint32(clock, true) % (CLOCK_CYCLE / 1e6)
    return seconds * 1e6 + Math.floor(this.view.getUint32(clock + 8, true) / 1e3)
  }

  #open(name: number): number {
    this.#memory.bytes.set(new Uint8Array(nameOf('127.0.0.1', 0).buffer), name)
    const descriptor = this.#native.openSocket(this.#memory, name, false, false)
    this.#native.tuneSocket(this.#memory, descriptor, BUFFER, BUFFER)
    return descriptor
  }
}
