// A UDP socket that receives and sends many datagrams per call, from and to slots in native memory.
import { isIPv6 } from 'node:net'
import { ADDRESS_LOCAL, ADDRESS_WORDS, BATCH, type Batch, createBatch, LIMITS, SLOT, writeAddress } from '@parley/core'
import { LocalAddresses } from './local-addresses.ts'
import { MESSAGE_HEADER, type Native, NativeError, SOCKET_NAME } from './native-calls.ts'
import type { NativeMemory } from './native-memory.ts'
import { DESTINATION_WORDS, OutgoingDatagrams, outgoingSize } from './outgoing-datagrams.ts'
import { ReceivedDatagrams, receivedSize } from './received-datagrams.ts'
import { NAME_WORDS, writeSocketName } from './socket-name.ts'

/** Datagrams per sendmmsg. More bring no gain and delay the first. */
export const SEND_BATCH = 128
/** Bytes of native memory for a socket. */
export const SOCKET_SIZE = receivedSize(BATCH) + outgoingSize(SEND_BATCH) + 1024

/** Errors of a full system: it would refuse the following datagrams as well. */
const FULL: ReadonlySet<string> = new Set(['EAGAIN', 'EWOULDBLOCK', 'ENOBUFS', 'ENOMEM'])

/** The system calls of a socket. */
export type SocketCalls = Pick<
  Native,
  | 'openSocket'
  | 'openProbe'
  | 'sourceFor'
  | 'receiveLocalAddresses'
  | 'knowsSegments'
  | 'tuneSocket'
  | 'mayFragment'
  | 'socketName'
  | 'close'
  | 'receive'
  | 'send'
  | 'errorCode'
  | 'readClock'
  | 'openWake'
  | 'clearWake'
  | 'wait'
>

export interface MessageSocketOptions {
  /** Address to listen on. Default: all, of IPv4 and, if the system supports it, IPv6. */
  ip?: string | undefined
  /** 0 selects a free port. */
  port: number
  /** Whether equally long datagrams for one destination share a message where the system can cut it. Default true. */
  isSegmenting?: boolean
  /** An eventfd of the caller, which stays open; by default the socket has one of its own. */
  wake?: number | undefined
}

export class DatagramSocket {
  /** The UDP port number. */
  readonly port: number
  readonly isIpv6: boolean
  /** Datagrams that the system refused. */
  failed = 0
  readonly #calls: SocketCalls
  readonly #memory: NativeMemory
  readonly #descriptor: number
  readonly #wake: number
  readonly #ownsWake: boolean
  readonly #received: ReceivedDatagrams
  readonly #unsent: OutgoingDatagrams
  readonly #clock: number
  readonly #locals = new LocalAddresses()
  /** A socket that sends nothing: it tells which local address the system would choose. Absent on one address. */
  readonly #probe: number | undefined
  readonly #name: number
  readonly #batch: Batch
  /** The bytes of received datagrams. */
  readonly slab: Uint8Array
  #mayFragment = false
  #used = BATCH
  #overflows = 0
  /** Microseconds that the first datagram of the last batch waited in the socket. */
  oldest = 0
  #isClosed = false

  /** Opens a bound socket. Throws a `NativeError` with the system's code if the address is not available. */
  constructor(calls: SocketCalls, memory: NativeMemory, options: MessageSocketOptions) {
    this.#calls = calls
    this.#memory = memory
    this.#received = new ReceivedDatagrams(memory, BATCH, this.#locals)
    this.#clock = memory.take(16)
    const name = memory.take(SOCKET_NAME)
    const { descriptor, isIpv6 } = open(calls, memory, name, options)
    this.#descriptor = descriptor
    this.isIpv6 = isIpv6
    this.#locals.isIpv6 = isIpv6
    this.#name = name
    const isSegmenting = options.isSegmenting !== false && calls.knowsSegments(memory, descriptor)
    this.#unsent = new OutgoingDatagrams(memory, SEND_BATCH, this.#locals, isSegmenting)
    this.#wake = options.wake ?? calls.openWake()
    this.#ownsWake = options.wake === undefined
    calls.tuneSocket(memory, descriptor, LIMITS.socketBuffer, LIMITS.socketBuffer)
    calls.mayFragment(memory, descriptor, false)
    if (options.ip === undefined || isUnspecified(options.ip)) {
      calls.receiveLocalAddresses(memory, descriptor, isIpv6)
      this.#probe = calls.openProbe(isIpv6)
    }
    calls.socketName(memory, descriptor, name)
    this.port = memory.view.getUint16(name + 2)
    this.slab = memory.bytes.subarray(this.#received.slots, this.#received.slots + BATCH * SLOT)
    this.#batch = createBatch(BATCH, this.slab)
  }

  /** File descriptors. Writing to `wake` makes `wait` return, from any thread of this process. */
  get descriptors(): { socket: number; wake: number } {
    return { socket: this.#descriptor, wake: this.#wake }
  }

  /** Waiting datagrams, at most `limit`; undefined if there are none. Valid until the next call. */
  receive(limit: number): Batch | undefined {
    const received = this.#received
    received.prepareReceive(this.#used)
    this.#used = 0
    const count = this.#calls.receive(this.#memory, this.#descriptor, received.headers, Math.min(limit, BATCH))
    if (count <= 0) return undefined
    this.#used = count
    const batch = this.#batch
    this.#calls.readClock(this.#memory, this.#clock)
    for (let slot = 0; slot < count; slot++) {
      batch.lengths[slot] = received.receivedLength(slot)
      received.readSource(slot, batch.addresses, slot * ADDRESS_WORDS)
      batch.waited[slot] = (received.waited(slot, this.#clock) / 1e3) | 0
    }
    this.oldest = received.waited(0, this.#clock)
    batch.count = count
    const overflows = received.overflows(count - 1)
    batch.lost = (overflows - this.#overflows) | 0
    this.#overflows = overflows
    return batch
  }

  /**
   * The destination of a remote address of ADDRESS_WORDS words, in DESTINATION_WORDS words from `at` on. It names no local address if the system
   * selects the right one by itself, which is cheaper per datagram.
   */
  writeDestination(destination: Int32Array, words: Int32Array, offset: number, at = 0): void {
    const { view } = this.#memory
    const name = this.#name
    writeSocketName(view, name, this.isIpv6, words, offset)
    destination.fill(0, at, at + DESTINATION_WORDS)
    for (let word = 0; word < NAME_WORDS; word++) destination[at + word] = view.getInt32(name + word * 4, true)
    const local = words[offset + ADDRESS_LOCAL]!
    destination[at + NAME_WORDS] = local !== 0 && this.#isDefault(local) ? 0 : local
  }

  /** Place of the next datagram: SLOT bytes, to be queued with `queue`. */
  claim(): number {
    if (this.#unsent.isFull) this.flush()
    return this.#unsent.slot
  }

  /** Queues the datagram in the slot of `claim`, to the destination at `at`. */
  queue(length: number, destination: Int32Array, at = 0): void {
    this.#unsent.queue(length, destination, at)
  }

  /** Sends the queue. A refused destination affects that datagram only; when the system is full, the rest is dropped. */
  flush(): void {
    const unsent = this.#unsent
    let first = 0
    while (first < unsent.messages) {
      const taken = this.#send(first, unsent.messages - first)
      if (taken > 0) {
        first += taken
        continue
      }
      const code = this.#calls.errorCode()
      if (FULL.has(code)) {
        this.failed += unsent.datagramsFrom(first)
        break
      }
      if (this.#fragments(code)) continue
      if (unsent.segments(first) > 1) this.#sendApart(first)
      else this.failed++
      first++
    }
    unsent.clear()
  }

  /** Where a path is shorter than the refused datagram, the system cuts datagrams from now on. Returns whether to send it again. */
  #fragments(code: string): boolean {
    if (code !== 'EMSGSIZE' || this.#mayFragment) return false
    this.#mayFragment = true
    this.#calls.mayFragment(this.#memory, this.#descriptor, true)
    return true
  }

  /** Sends the datagrams of a refused message one by one. For one that is too long, Linux before 6.14 refuses the message with EINVAL. */
  #sendApart(message: number): void {
    const segments = this.#unsent.segments(message)
    for (let segment = 0; segment < segments; segment++) {
      this.#unsent.isolate(message, segment)
      if (this.#send(message, 1) > 0) continue
      if (!this.#fragments(this.#calls.errorCode()) || this.#send(message, 1) <= 0) this.failed++
    }
  }

  #send(message: number, count: number): number {
    const { headers } = this.#unsent
    return this.#calls.send(this.#memory, this.#descriptor, headers + message * MESSAGE_HEADER, count)
  }

  /** Blocks this thread until a datagram arrives, `wake` is written, or `timeout` ms have passed. */
  wait(timeout: number): void {
    const isWoken = this.#calls.wait(this.#memory, this.#descriptor, this.#wake, timeout)
    if (isWoken) this.#calls.clearWake(this.#memory, this.#wake)
  }

  /** Whether the system selects this local address for the remote one at `#name` by itself. */
  #isDefault(local: number): boolean {
    if (this.#probe === undefined) return true
    const source = this.#calls.sourceFor(this.#memory, this.#probe, this.#name, this.isIpv6)
    if (source < 0) return false
    const { view } = this.#memory
    if (this.isIpv6) return this.#locals.isAt(local, view, source + 8)
    return view.getInt32(source + 4) === this.#locals.ipv4(local)
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#calls.close(this.#descriptor)
    if (this.#ownsWake) this.#calls.close(this.#wake)
    if (this.#probe !== undefined) this.#calls.close(this.#probe)
  }
}

const isUnspecified = (ip: string): boolean => ip === '0.0.0.0' || ip === '::'

function open(
  calls: SocketCalls,
  memory: NativeMemory,
  name: number,
  { ip, port }: MessageSocketOptions,
): { descriptor: number; isIpv6: boolean } {
  const bind = (address: string, isDual: boolean) => {
    const words = new Int32Array(ADDRESS_WORDS)
    if (!writeAddress(words, 0, address, port)) throw new NativeError('bind', 'EINVAL')
    const isIpv6 = isIPv6(address)
    writeSocketName(memory.view, name, isIpv6, words, 0)
    return { descriptor: calls.openSocket(memory, name, isIpv6, isDual), isIpv6 }
  }
  if (ip !== undefined) return bind(ip, true)
  try {
    return bind('::', true)
  } catch (error) {
    if (error instanceof NativeError && ['EADDRINUSE', 'EACCES'].includes(error.code)) throw error
    return bind('0.0.0.0', false)
  }
}
