// Warms up a lane: routes and seals synthetic packets until V8 has compiled the packet path, so that the first calls do not run in
// the interpreter.
import { ADDRESS_WORDS, type Batch, createBatch, SLOT, writeAddress } from '@parley/core'
import {
  encodeDiscoveryRequest,
  encodeRtp,
  OPUS_PAYLOAD_TYPE,
  PROTECTION_LAYOUTS,
  protectionOverhead,
  RTP_HEADER,
  VoiceMode,
} from '@parley/protocol'
import { type SlotCipher, SlotCiphers } from '../crypto/slot-ciphers.ts'
import { FfiEngine } from '../engine/ffi-engine.ts'
import type { Native } from '../engine/native-calls.ts'
import { NativeMemory } from '../engine/native-memory.ts'
import { LaneLoop } from './lane-loop.ts'

/** Copies after which the packet path is compiled: some 100 ms of CPU in all. */
const COPIES = 10_000
/** Packets of one step, each to LISTENERS peers: 1 to 2 ms, so that real packets never wait longer. */
const PACKETS = 4
const LISTENERS = 24
/** Bytes of an Opus frame at 48 kbit/s, and the numbers of the synthetic call. */
const PAYLOAD = 120
const SPEAKER = 1
const TARGETS = 1
const SSRCS = 8
const MODE = VoiceMode.AeadAes256GcmRtpsize
const LAYOUT = PROTECTION_LAYOUTS[MODE]
const KEY = new Uint8Array(32).fill(1)

const ssrcOf = (peer: number): number => peer * SSRCS

/** A loop of its own on loopback, with one speaker and its listeners, whose key and addresses exist in this object only. */
export class WarmUp {
  readonly #engine: FfiEngine
  readonly #loop: LaneLoop
  readonly #memory: NativeMemory
  readonly #cipher: SlotCipher
  readonly #ciphers: SlotCiphers
  readonly #plain: number
  readonly #sealed: number
  readonly #batch: Batch = createBatch(PACKETS)
  #sequence = 0

  /** Throws a `NativeError` if the system has no port or memory left. */
  constructor(native: Native) {
    this.#memory = new NativeMemory(native, 3 * SLOT)
    this.#ciphers = new SlotCiphers(native, this.#memory)
    this.#plain = this.#memory.take(SLOT)
    this.#sealed = this.#memory.take(SLOT)
    this.#cipher = this.#ciphers.make(LAYOUT.cipher, KEY)
    this.#engine = new FfiEngine(native, { ip: '127.0.0.1', port: 0 })
    this.#loop = new LaneLoop(this.#engine, { onEvents() {} })
    this.#join()
  }

  /** Copies so far. */
  get forwarded(): number {
    return this.#engine.packets
  }

  /** Does a small part of the work. Returns whether more is left; after the last part everything is closed. */
  step(): boolean {
    for (let slot = 0; slot < PACKETS; slot++) this.#seal(slot)
    this.#batch.count = PACKETS
    this.#loop.inject(this.#batch)
    // One listener has the lane's own address, so that reading is warmed up too.
    this.#loop.turn()
    if (this.#engine.packets < COPIES && this.#sequence < COPIES) return true
    this.close()
    return false
  }

  /** Ends it before it is done, or after. */
  close(): void {
    this.#cipher.close()
    this.#ciphers.close()
    this.#loop.close()
  }

  /** Sets up the call: every peer sends a discovery request, obtains the key and is added to the list of targets. */
  #join(): void {
    const loop = this.#loop
    const { port } = this.#engine.socket
    loop.command({ kind: 'openTargets', targets: TARGETS })
    for (let peer = SPEAKER; peer <= SPEAKER + LISTENERS; peer++) {
      const ssrcs = Int32Array.from({ length: SSRCS }, (_, index) => ssrcOf(peer) + index)
      loop.command({ kind: 'addPeer', peer, ssrcs })
      this.#place(0, encodeDiscoveryRequest(ssrcOf(peer)), peer, port)
      this.#batch.count = 1
      loop.inject(this.#batch)
      loop.command({ kind: 'protectPeer', peer, protection: MODE, key: KEY.slice(), nonceStart: 0 })
      loop.command({ kind: 'addTarget', targets: TARGETS, peer })
    }
    loop.command({ kind: 'setRoute', ssrc: ssrcOf(SPEAKER), owner: SPEAKER, media: 'audio', targets: TARGETS })
  }

  /** Puts a datagram into the batch, from the loopback address of a peer; the first listener's is the lane's own. */
  #place(slot: number, bytes: Uint8Array, peer: number, port: number): void {
    const last = peer === SPEAKER + 1 ? 1 : peer + 1
    this.#batch.bytes.set(bytes, slot * SLOT)
    this.#batch.lengths[slot] = bytes.length
    writeAddress(this.#batch.addresses, slot * ADDRESS_WORDS, `127.0.0.${last}`, port)
  }

  /** The speaker's next packet, sealed as a client seals it: header, ciphertext, tag, counter. */
  #seal(slot: number): void {
    const sequence = ++this.#sequence & 0xffff
    const ssrc = ssrcOf(SPEAKER)
    const payload = new Uint8Array(PAYLOAD)
    const plain = encodeRtp({ payloadType: OPUS_PAYLOAD_TYPE, sequence, timestamp: sequence * 960, ssrc, payload })
    const { bytes, view } = this.#memory
    const sealed = this.#sealed
    bytes.set(plain, this.#plain)
    bytes.set(plain.subarray(0, RTP_HEADER), sealed)
    const length = plain.length + protectionOverhead(LAYOUT)
    view.setUint32(sealed + length - LAYOUT.trailerLength, this.#sequence)
    this.#cipher.nonce.set(bytes.subarray(sealed + length - LAYOUT.trailerLength, sealed + length))
    this.#cipher.seal(sealed, RTP_HEADER, this.#plain + RTP_HEADER, plain.length - RTP_HEADER, sealed + RTP_HEADER)
    this.#place(slot, bytes.subarray(sealed, sealed + length), SPEAKER, this.#engine.socket.port)
  }
}
