// FFI signatures of the packet path: libc's batch UDP and the OpenSSL inside the Node.js executable, through koffi. The calls are
// unchecked, so all arguments are checked here: callers pass places in a `NativeMemory`, never pointers.
import { ok, type Result, refused } from '@parley/core'
import type { NativeMemory, Pointer } from './native-memory.ts'
import { loadSodium, type NativeSodium } from './native-sodium.ts'

type Call = (...values: number[]) => number
type Koffi = Pick<typeof import('koffi'), 'errno' | 'view' | 'os'>

const SIGNATURES = {
  mmap: ['int64', 'size_t', 'size_t', 'int', 'int', 'int', 'int64'],
  munmap: ['int', 'size_t', 'size_t'],
  socket: ['int', 'int', 'int', 'int'],
  bind: ['int', 'int', 'size_t', 'uint'],
  getsockname: ['int', 'int', 'size_t', 'size_t'],
  connect: ['int', 'int', 'size_t', 'uint'],
  setsockopt: ['int', 'int', 'int', 'int', 'size_t', 'uint'],
  close: ['int', 'int'],
  poll: ['int', 'size_t', 'ulong', 'int'],
  recvmmsg: ['int', 'int', 'size_t', 'uint', 'int', 'size_t'],
  sendmmsg: ['int', 'int', 'size_t', 'uint', 'int'],
  eventfd: ['int', 'uint', 'int'],
  read: ['int64', 'int', 'size_t', 'size_t'],
  eventfd_write: ['int', 'int', 'uint64'],
  clock_gettime: ['int', 'int', 'size_t'],
  EVP_aes_128_gcm: ['size_t'],
  EVP_aes_256_gcm: ['size_t'],
  EVP_chacha20_poly1305: ['size_t'],
  EVP_CIPHER_CTX_new: ['size_t'],
  EVP_CIPHER_CTX_free: ['void', 'size_t'],
  EVP_CIPHER_CTX_ctrl: ['int', 'size_t', 'int', 'int', 'size_t'],
  EVP_EncryptInit_ex: ['int', 'size_t', 'size_t', 'size_t', 'size_t', 'size_t'],
  EVP_EncryptUpdate: ['int', 'size_t', 'size_t', 'size_t', 'size_t', 'int'],
  EVP_EncryptFinal_ex: ['int', 'size_t', 'size_t', 'size_t'],
  EVP_DecryptInit_ex: ['int', 'size_t', 'size_t', 'size_t', 'size_t', 'size_t'],
  EVP_DecryptUpdate: ['int', 'size_t', 'size_t', 'size_t', 'size_t', 'int'],
  EVP_DecryptFinal_ex: ['int', 'size_t', 'size_t', 'size_t'],
} as const
type Calls = Record<keyof typeof SIGNATURES, Call>

/** Processors with the structure layouts used here: 64 bits, little-endian, Linux's generic constants. */
const PROCESSORS: readonly string[] = ['x64', 'arm64', 'riscv64', 'loong64']

/** Linux constants, of asm-generic. */
const AF_INET = 2
const AF_INET6 = 10
const SOCK_DGRAM_CLOEXEC = 2 | 0x8_0000
const SOL_SOCKET = 1
const SO_SNDBUF = 7
const SO_RCVBUF = 8
const SO_TIMESTAMPNS = 35
const SO_RXQ_OVFL = 40
const IPPROTO_IPV6 = 41
const IPV6_V6ONLY = 26
const IPV6_RECVPKTINFO = 49
const IPPROTO_IP = 0
const SOL_UDP = 17
const UDP_SEGMENT = 103
const IP_PKTINFO = 8
const IP_MTU_DISCOVER = 10
const IP_PMTUDISC_WANT = 1
const IP_PMTUDISC_DO = 2
const MSG_DONTWAIT = 0x40
const MSG_TRUNC = 0x20
const EFD_NONBLOCK_CLOEXEC = 0o4000 | 0x8_0000
const POLLIN = 1
const CLOCK_REALTIME = 0
const PROT_READ_WRITE = 3
const MAP_PRIVATE_ANONYMOUS = 0x22

/** Address range of native memory: below 2^31 a pointer is a small integer of V8, and passing it does not allocate. */
const LOWEST_PLACE = 0x1000_0000
const HIGHEST_PLACE = 0x7000_0000
const PLACE_STEP = 0x100_0000

/** `struct mmsghdr`. */
export const MESSAGE_HEADER = 64
/** `struct sockaddr_in6`, and room for `sockaddr_in`. */
export const SOCKET_NAME = 28
/** `struct pollfd`. */
const POLL_ENTRY = 8
/** `struct timespec`. */
const TIMESPEC = 16

const GET_TAG = 0x10
const SET_TAG = 0x11
const TAG = 16

/** An error of the system, with its name as `code`. */
export class NativeError extends Error {
  readonly code: string
  constructor(call: string, code: string) {
    super(`${call} failed: ${code}`)
    this.name = 'NativeError'
    this.code = code
  }
}

export type NativeAlgorithm = 'aes-128-gcm' | 'aes-256-gcm' | 'chacha20-poly1305'

/** The system calls of a lane's thread. One per thread. */
export class Native {
  readonly #calls: Calls
  readonly #errno: () => number
  readonly #view: (pointer: Pointer, size: number) => ArrayBuffer
  readonly #codes: ReadonlyMap<number, string>
  /** The system's libsodium: one call per packet instead of OpenSSL's five. Undefined if it cannot be loaded. */
  readonly sodium: NativeSodium | undefined

  private constructor(calls: Calls, koffi: Koffi, sodium: NativeSodium | undefined) {
    this.sodium = sodium
    this.#calls = calls
    this.#errno = () => koffi.errno()
    this.#view = (pointer, size) => koffi.view(pointer, size)
    this.#codes = new Map(Object.entries(koffi.os.errno).map(([code, number]) => [number, code]))
  }

  /** Refused with the reason if this system does not have the calls. */
  static async load(): Promise<Result<Native>> {
    if (process.platform !== 'linux') return refused(`not supported on ${process.platform}`)
    if (!PROCESSORS.includes(process.arch)) return refused(`not supported on ${process.arch}`)
    try {
      const { default: koffi } = await import('koffi')
      const library = koffi.load(null)
      const calls = Object.entries(SIGNATURES).map(([name, [result, ...parameters]]) => [
        name,
        library.func(name, result, [...parameters]) as Call,
      ])
      return ok(new Native(Object.fromEntries(calls) as Calls, koffi, loadSodium(koffi)))
    } catch (error) {
      return refused(error instanceof Error ? error.message.split('\n')[0]! : String(error))
    }
  }

  /** Zeroed memory outside the JavaScript heap, at `pointer` and as an array. It is freed by `unmap` only. */
  map(size: number): { pointer: Pointer; buffer: ArrayBuffer } {
    if (!Number.isSafeInteger(size) || size <= 0)
      throw new RangeError(`expected a positive number of bytes, found ${size}`)
    let pointer = -1
    for (let place = LOWEST_PLACE; place < HIGHEST_PLACE; place += PLACE_STEP) {
      if (pointer !== -1) this.#calls.munmap(pointer, size)
      pointer = this.#calls.mmap(place, size, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0)
      if (pointer === -1) throw this.error('mmap')
      if (pointer < HIGHEST_PLACE) break
    }
    return { pointer, buffer: this.#view(pointer, size) }
  }

  /** Releases memory of `map`. No array over it may be used afterwards. */
  unmap(pointer: Pointer, size: number): void {
    this.#calls.munmap(pointer, size)
  }

  error(call: string): NativeError {
    return new NativeError(call, this.errorCode())
  }

  /** The name of the last call's error. */
  errorCode(): string {
    const number = this.#errno()
    return this.#codes.get(number) ?? `error ${number}`
  }

  /** A UDP socket bound to the name at `name`; an IPv6 socket accepts IPv4 too if `isDual`. */
  openSocket(memory: NativeMemory, name: number, isIpv6: boolean, isDual: boolean): number {
    const { socket, bind } = this.#calls
    const descriptor = socket(isIpv6 ? AF_INET6 : AF_INET, SOCK_DGRAM_CLOEXEC, 0)
    if (descriptor < 0) throw this.error('socket')
    if (isIpv6) this.#setOption(memory, descriptor, IPPROTO_IPV6, IPV6_V6ONLY, isDual ? 0 : 1)
    if (bind(descriptor, memory.pointer(name, SOCKET_NAME), isIpv6 ? SOCKET_NAME : 16) === 0) return descriptor
    const error = this.error('bind')
    this.close(descriptor)
    throw error
  }

  /** Sets buffer sizes, as far as the system permits, and requests the arrival time and the drop count with every datagram. */
  tuneSocket(memory: NativeMemory, descriptor: number, receive: number, send: number): void {
    this.#setOption(memory, descriptor, SOL_SOCKET, SO_RCVBUF, receive)
    this.#setOption(memory, descriptor, SOL_SOCKET, SO_SNDBUF, send)
    this.#setOption(memory, descriptor, SOL_SOCKET, SO_TIMESTAMPNS, 1)
    this.#setOption(memory, descriptor, SOL_SOCKET, SO_RXQ_OVFL, 1)
  }

  /** Requests the local address with every datagram. */
  receiveLocalAddresses(memory: NativeMemory, descriptor: number, isIpv6: boolean): void {
    if (isIpv6) this.#setOption(memory, descriptor, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
    else this.#setOption(memory, descriptor, IPPROTO_IP, IP_PKTINFO, 1)
  }

  /**
   * Whether the system may cut an IPv4 datagram that is longer than the path allows. Otherwise it refuses that one with EMSGSIZE, and
   * chooses no identification for any other (RFC 6864 §4), which takes a hash of the addresses and a counter of all processors.
   */
  mayFragment(memory: NativeMemory, descriptor: number, may: boolean): void {
    this.#setOption(memory, descriptor, IPPROTO_IP, IP_MTU_DISCOVER, may ? IP_PMTUDISC_WANT : IP_PMTUDISC_DO)
  }

  /** Whether the system cuts a message into datagrams (Linux 4.18 and later). */
  knowsSegments(memory: NativeMemory, descriptor: number): boolean {
    const place = memory.scratch(4)
    memory.view.setInt32(place, 0, true)
    return this.#calls.setsockopt(descriptor, SOL_UDP, UDP_SEGMENT, memory.pointer(place, 4), 4) === 0
  }

  /** A UDP socket for `sourceFor`. */
  openProbe(isIpv6: boolean): number {
    const descriptor = this.#calls.socket(isIpv6 ? AF_INET6 : AF_INET, SOCK_DGRAM_CLOEXEC, 0)
    if (descriptor < 0) throw this.error('socket')
    return descriptor
  }

  /**
   * The place of the source name that the system selects for the name at `name`, valid until the next call; −1 if there is no
   * route. Sends nothing: `connect` on UDP only selects a route.
   */
  sourceFor(memory: NativeMemory, probe: number, name: number, isIpv6: boolean): number {
    const { connect } = this.#calls
    const length = memory.scratch(4 + SOCKET_NAME)
    // A connected socket keeps its source address; AF_UNSPEC, which is 0, disconnects it first.
    memory.view.setUint32(length, 0)
    connect(probe, memory.pointer(length, 16), 16)
    if (connect(probe, memory.pointer(name, SOCKET_NAME), isIpv6 ? SOCKET_NAME : 16) !== 0) return -1
    memory.view.setUint32(length, SOCKET_NAME, true)
    const source = length + 4
    const { getsockname } = this.#calls
    return getsockname(probe, memory.pointer(source, SOCKET_NAME), memory.pointer(length, 4)) === 0 ? source : -1
  }

  /** Writes the name that the socket is bound to at `name`. */
  socketName(memory: NativeMemory, descriptor: number, name: number): void {
    const length = memory.scratch(4)
    memory.view.setUint32(length, SOCKET_NAME, true)
    const { getsockname } = this.#calls
    if (getsockname(descriptor, memory.pointer(name, SOCKET_NAME), memory.pointer(length, 4)) !== 0)
      throw this.error('getsockname')
  }

  close(descriptor: number): void {
    this.#calls.close(descriptor)
  }

  /** Receives up to `count` datagrams into the messages at `headers`; negative if there are none. Does not block. */
  receive(memory: NativeMemory, descriptor: number, headers: number, count: number): number {
    const pointer = memory.pointer(headers, count * MESSAGE_HEADER)
    return this.#calls.recvmmsg(descriptor, pointer, count, MSG_DONTWAIT | MSG_TRUNC, 0)
  }

  /** Sends the `count` messages at `headers`; returns how many were accepted, negative if the first was refused. */
  send(memory: NativeMemory, descriptor: number, headers: number, count: number): number {
    const pointer = memory.pointer(headers, count * MESSAGE_HEADER)
    return this.#calls.sendmmsg(descriptor, pointer, count, MSG_DONTWAIT)
  }

  /** Writes the system's clock at `place`, as a `timespec`. */
  readClock(memory: NativeMemory, place: number): void {
    this.#calls.clock_gettime(CLOCK_REALTIME, memory.pointer(place, TIMESPEC))
  }

  /** A descriptor that `wake` makes readable; from any thread of this process. */
  openWake(): number {
    const descriptor = this.#calls.eventfd(0, EFD_NONBLOCK_CLOEXEC)
    if (descriptor < 0) throw this.error('eventfd')
    return descriptor
  }
  wake(descriptor: number): void {
    this.#calls.eventfd_write(descriptor, 1)
  }
  /** Clears it. */
  clearWake(memory: NativeMemory, descriptor: number): void {
    this.#calls.read(descriptor, memory.pointer(memory.scratch(8), 8), 8)
  }

  /** Blocks until the socket or `wake` is readable, or `timeout` ms have passed. Returns whether `wake` is readable. */
  wait(memory: NativeMemory, descriptor: number, wake: number, timeout: number): boolean {
    const entries = memory.scratch(2 * POLL_ENTRY)
    memory.view.setInt32(entries, descriptor, true)
    memory.view.setInt32(entries + 4, POLLIN, true)
    memory.view.setInt32(entries + POLL_ENTRY, wake, true)
    memory.view.setInt32(entries + POLL_ENTRY + 4, POLLIN, true)
    this.#calls.poll(memory.pointer(entries, 2 * POLL_ENTRY), 2, timeout)
    return (memory.view.getInt16(entries + POLL_ENTRY + 6, true) & POLLIN) !== 0
  }

  /** A context for one key and direction. `key` is the place of 32 bytes; AES-128 uses the first half. */
  openCipher(memory: NativeMemory, algorithm: NativeAlgorithm, isSeal: boolean, key: number): NativeCipher {
    const { EVP_aes_128_gcm, EVP_aes_256_gcm, EVP_chacha20_poly1305 } = this.#calls
    const kinds = { 'aes-128-gcm': EVP_aes_128_gcm, 'aes-256-gcm': EVP_aes_256_gcm }
    const kind = algorithm === 'chacha20-poly1305' ? EVP_chacha20_poly1305 : kinds[algorithm]
    return new NativeCipher(this.#calls, memory, kind(), isSeal, key)
  }

  #setOption(memory: NativeMemory, descriptor: number, level: number, option: number, value: number): void {
    const place = memory.scratch(4)
    memory.view.setInt32(place, value, true)
    this.#calls.setsockopt(descriptor, level, option, memory.pointer(place, 4), 4)
  }
}

/** A persistent cipher context of OpenSSL: only the nonce (and, if asked, the key) is set per packet. */
export class NativeCipher {
  readonly #calls: Calls
  readonly #memory: NativeMemory
  readonly #isSeal: boolean
  /** Pointer to the output length that OpenSSL writes. */
  readonly #written: number
  /** A union type, so that V8 keeps one boxed number and allocates none per call. */
  #context: Pointer | undefined = undefined

  constructor(calls: Calls, memory: NativeMemory, kind: Pointer, isSeal: boolean, key: number) {
    this.#calls = calls
    this.#memory = memory
    this.#isSeal = isSeal
    this.#written = memory.pointer(memory.scratch(4), 4)
    const context = calls.EVP_CIPHER_CTX_new()
    if (context === 0 || kind === 0) throw new NativeError('EVP_CIPHER_CTX_new', 'ENOMEM')
    const init = isSeal ? calls.EVP_EncryptInit_ex : calls.EVP_DecryptInit_ex
    this.#context = context
    if (init(context, kind, 0, memory.pointer(key, 32), 0) !== 1) throw new NativeError('EVP_CipherInit_ex', 'EINVAL')
  }

  /**
   * Encrypts `length` bytes at `plain` to `out` and writes the tag behind them. `nonce` is the place of 12 bytes; `key` is the
   * place of a new key, or −1 for the current one.
   */
  seal(key: number, nonce: number, clear: number, clearLength: number, plain: number, length: number, out: number) {
    const context = this.#context
    if (context === undefined || !this.#isSeal) throw new Error('expected an open cipher that seals')
    const memory = this.#memory
    const calls = this.#calls
    const written = this.#written
    const target = memory.pointer(out, length + TAG)
    const source = memory.pointer(plain, length)
    const header = memory.pointer(clear, clearLength)
    const keyPointer = key < 0 ? 0 : memory.pointer(key, 32)
    return (
      calls.EVP_EncryptInit_ex(context, 0, 0, keyPointer, memory.pointer(nonce, 12)) === 1 &&
      calls.EVP_EncryptUpdate(context, 0, written, header, clearLength) === 1 &&
      calls.EVP_EncryptUpdate(context, target, written, source, length) === 1 &&
      calls.EVP_EncryptFinal_ex(context, target + length, written) === 1 &&
      calls.EVP_CIPHER_CTX_ctrl(context, GET_TAG, TAG, target + length) === 1
    )
  }

  /** Decrypts `length` bytes and the tag behind them, in place. Returns false, and leaves garbage, if the tag does not verify. */
  open(key: number, nonce: number, clear: number, clearLength: number, body: number, length: number): boolean {
    const context = this.#context
    if (context === undefined || this.#isSeal) throw new Error('expected an open cipher that opens')
    const memory = this.#memory
    const calls = this.#calls
    const written = this.#written
    const target = memory.pointer(body, length + TAG)
    const header = memory.pointer(clear, clearLength)
    const keyPointer = key < 0 ? 0 : memory.pointer(key, 32)
    return (
      calls.EVP_DecryptInit_ex(context, 0, 0, keyPointer, memory.pointer(nonce, 12)) === 1 &&
      calls.EVP_DecryptUpdate(context, 0, written, header, clearLength) === 1 &&
      calls.EVP_DecryptUpdate(context, target, written, target, length) === 1 &&
      calls.EVP_CIPHER_CTX_ctrl(context, SET_TAG, TAG, target + length) === 1 &&
      calls.EVP_DecryptFinal_ex(context, target + length, written) === 1
    )
  }

  /** Frees the context, which erases the key. Any later use throws. */
  close(): void {
    const context = this.#context
    this.#context = undefined
    if (context !== undefined) this.#calls.EVP_CIPHER_CTX_free(context)
  }
}
