// The floor: only seals the copies that a node would send, and sends them to the same sockets with sendmmsg.
import {
  PROTECTION_TAG_LENGTH,
  type ProtectionCipher,
  RTP_HEADER,
  SERVER_NONCE_LENGTH,
  writeServerNonce,
} from '@parley/protocol'
import { type SlotCipher, SlotCiphers } from '../../packages/server/src/lane/crypto/slot-ciphers.ts'
import { DatagramSocket, SEND_BATCH, SOCKET_SIZE } from '../../packages/server/src/lane/engine/datagram-socket.ts'
import type { Native } from '../../packages/server/src/lane/engine/native-calls.ts'
import { NativeMemory } from '../../packages/server/src/lane/engine/native-memory.ts'
import { nameOf } from './socket-name.ts'

/** Second byte of the floor's packets. */
export const BARE_TYPE = 0x7f
/** The receiver returns one datagram per this many packets. */
export const CREDIT = 256

/** Packets in flight, few enough for the sockets' buffers. */
const IN_FLIGHT = 6_000
/** Bytes for the ciphers and the plain packet. */
const OWN_SIZE = 8_192
const LONGEST = 2_048
const KEY = Uint8Array.from({ length: 32 }, (_, index) => index)

export interface BareCopies {
  /** Ports of the listeners, by channel. */
  listeners: readonly (readonly number[])[]
  /** Consecutive packets of one channel. */
  window: number
  /** Bytes of each Opus packet. */
  payload: number
  cipher: ProtectionCipher
}

export class BareSender {
  readonly #memory: NativeMemory
  readonly #socket: DatagramSocket
  readonly #ciphers: SlotCiphers
  readonly #plain: number
  #targets: { name: Int32Array; cipher: SlotCipher }[] = []
  #payload = 0
  #credits = 0
  #sent = 0

  constructor(native: Native) {
    this.#memory = new NativeMemory(native, SOCKET_SIZE + OWN_SIZE)
    this.#socket = new DatagramSocket(native, this.#memory, { ip: '127.0.0.1', port: 0, isSegmenting: false })
    this.#ciphers = new SlotCiphers(native, this.#memory)
    this.#plain = this.#memory.take(LONGEST)
    this.#memory.bytes.set([0x80, BARE_TYPE], this.#plain)
  }

  /** The port that receives credit. */
  get port(): number {
    return this.#socket.port
  }

  /** To be called once. Each listener has its own key, as on a node. Each channel's targets repeat `window` times. */
  prepare({ listeners, window, payload, cipher }: BareCopies): void {
    this.#payload = payload
    this.#targets = listeners.flatMap(ports => {
      const channel = ports.map(port => ({ name: nameOf('127.0.0.1', port), cipher: this.#ciphers.make(cipher, KEY) }))
      return Array.from({ length: window }, () => channel).flat()
    })
  }

  /** Sends for the given time; returns microseconds of this process's CPU per packet. */
  measure(milliseconds: number): number {
    const socket = this.#socket
    const isAhead = () => this.#sent - this.#credits * CREDIT > IN_FLIGHT
    const start = process.cpuUsage()
    const from = this.#sent
    for (const end = performance.now() + milliseconds; performance.now() < end; ) {
      if (isAhead()) socket.wait(1)
      for (let batch = socket.receive(64); batch !== undefined; batch = socket.receive(64)) this.#credits += batch.count
      if (!isAhead()) this.#burst()
    }
    const { user, system } = process.cpuUsage(start)
    return (user + system) / (this.#sent - from)
  }

  close(): void {
    for (const cipher of new Set(this.#targets.map(({ cipher }) => cipher))) cipher.close()
    this.#ciphers.close()
    this.#socket.close()
  }

  #burst(): void {
    const { words } = this.#memory
    const plain = this.#plain
    const payload = this.#payload
    for (let count = 0; count < SEND_BATCH; count++) {
      const { name, cipher } = this.#targets[this.#sent++ % this.#targets.length]!
      const out = this.#socket.claim()
      for (let word = 0; word < RTP_HEADER >> 2; word++) words[(out >> 2) + word] = words[(plain >> 2) + word]!
      writeServerNonce(cipher.nonce, 0, this.#sent)
      cipher.seal(out, RTP_HEADER, plain + RTP_HEADER, payload, out + RTP_HEADER)
      this.#socket.queue(RTP_HEADER + payload + PROTECTION_TAG_LENGTH + SERVER_NONCE_LENGTH, name)
    }
    this.#socket.flush()
  }
}
