// Warms up a lane: routes and seals synthetic packets until V8 has compiled the packet path, so that the first calls do not run in
// the interpreter. The compiled steps show how many packets this lane can send in a second.
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

/**
 * What a saturated lane sends, in relation to the steps measured here: a copy costs it 4.0 to 5.3 µs (docs/performance.md), and a step 2.0 µs
 * per copy on the same machine. The packets of a step are in the socket already, and no receiver is woken for a copy. Copies to a
 * socket of this process cost as much as those to a port without one, within 10 %.
 */
const SATURATED = 0.4
/** Steps after which the packet path is compiled: some 200 ms of CPU in all. */
const STEPS = 100
/**
 * Packets of one step to LISTENERS peers, more copies than one system call takes, so that both ways to send are compiled; and packets to
 * a single one, since what runs once per packet is compiled later than what runs once per copy. A step takes about a millisecond, so
 * that real packets never wait longer.
 */
const WIDE = 6
const NARROW = 42
const LISTENERS = 24
/** Every so many steps the time advances by these milliseconds, so that reports become due. */
const STEPS_PER_LEAP = 5
const LEAP = 6_000
/** Bytes of an Opus frame at 48 kbit/s, and the numbers of the synthetic calls. */
const PAYLOAD = 120
/**
 * Speakers of both kinds, of which each pair has its share of the steps: what a lane does for the first packet of a stream must happen
 * after V8 has begun to record types, or compiled code is discarded with the first real packet.
 */
const PAIRS = 4
const SPEAKERS = 2 * PAIRS
const FIRST_LISTENER = SPEAKERS + 1
const SSRCS = 8
const MODE = VoiceMode.AeadAes256GcmRtpsize
const LAYOUT = PROTECTION_LAYOUTS[MODE]
const KEY = new Uint8Array(32).fill(1)

const ssrcOf = (peer: number): number => peer * SSRCS

/** A loop of its own on loopback, with speakers and listeners whose key and addresses exist in this object only. */
export class WarmUp {
  readonly #engine: FfiEngine
  readonly #loop: LaneLoop
  readonly #memory: NativeMemory
  readonly #cipher: SlotCipher
  readonly #ciphers: SlotCiphers
  readonly #plain: number
  readonly #sealed: number
  readonly #batch: Batch = createBatch(1)
  /** The lane's own address, which the speakers share. */
  readonly #own = new Int32Array(ADDRESS_WORDS)
  /** Milliseconds per copy, of each step in the second half. */
  readonly #costs: number[] = []
  #sequence = 0
  #steps = 0
  #ahead = 0

  /** Throws a `NativeError` if the system has no port or memory left. */
  constructor(native: Native) {
    this.#memory = new NativeMemory(native, 3 * SLOT)
    this.#ciphers = new SlotCiphers(native, this.#memory)
    this.#plain = this.#memory.take(SLOT)
    this.#sealed = this.#memory.take(SLOT)
    this.#cipher = this.#ciphers.make(LAYOUT.cipher, KEY)
    this.#engine = new FfiEngine(native, { ip: '127.0.0.1', port: 0 })
    this.#loop = new LaneLoop(this.#engine, { onEvents() {}, clock: () => performance.now() + this.#ahead })
    this.#join()
  }

  /** Copies so far. */
  get forwarded(): number {
    return this.#engine.packets
  }

  /**
   * Copies in a second of this lane's thread, received, opened, sealed and sent to real receivers, by estimate: from the lower quartile
   * of the steps, which other work of the machine has not interrupted. Undefined before the last step.
   */
  get copiesPerSecond(): number | undefined {
    if (this.#steps < STEPS) return undefined
    const cost = this.#costs.toSorted((a, b) => a - b)[Math.floor(this.#costs.length / 4)]
    return cost === undefined ? undefined : Math.round((SATURATED * 1_000) / cost)
  }

  /** Does a small part of the work. Returns whether more is left; after the last part everything is closed. */
  step(): boolean {
    const pair = Math.floor((this.#steps * PAIRS) / STEPS)
    for (let packet = 0; packet < WIDE + NARROW; packet++) this.#send(2 * pair + (packet < WIDE ? 1 : 2))
    this.#engine.flush()
    const start = performance.now()
    const before = this.#engine.packets
    this.#loop.wait(1)
    while (this.#loop.turn());
    const copies = this.#engine.packets - before
    if (this.#steps >= STEPS / 2 && copies > 0) this.#costs.push((performance.now() - start) / copies)
    if (++this.#steps % STEPS_PER_LEAP === 0) this.#ahead += LEAP
    if (this.#steps < STEPS) return true
    this.close()
    return false
  }

  close(): void {
    this.#cipher.close()
    this.#ciphers.close()
    this.#loop.close()
  }

  /**
   * Sets up the call: every peer sends a discovery request and obtains the key. Each speaker has a route of its own, to itself
   * and to all listeners or to one.
   */
  #join(): void {
    const loop = this.#loop
    writeAddress(this.#own, 0, '127.0.0.1', this.#engine.socket.port)
    for (let peer = 1; peer < FIRST_LISTENER + LISTENERS; peer++) this.#add(peer)
    for (let speaker = 1; speaker <= SPEAKERS; speaker++) {
      loop.command({ kind: 'openTargets', targets: speaker })
      loop.command({ kind: 'addTarget', targets: speaker, peer: speaker })
      for (let listener = 0; listener < (speaker % 2 === 1 ? LISTENERS : 1); listener++)
        loop.command({ kind: 'addTarget', targets: speaker, peer: FIRST_LISTENER + listener })
      loop.command({ kind: 'setRoute', ssrc: ssrcOf(speaker), owner: speaker, media: 'audio', targets: speaker })
    }
  }

  /** The address of a peer is one that is not in use; a speaker's first packet moves it to the lane's own. */
  #add(peer: number): void {
    const loop = this.#loop
    const ssrcs = Int32Array.from({ length: SSRCS }, (_, index) => ssrcOf(peer) + index)
    loop.command({ kind: 'addPeer', peer, ssrcs })
    const request = encodeDiscoveryRequest(ssrcOf(peer))
    this.#batch.bytes.set(request)
    this.#batch.lengths[0] = request.length
    this.#batch.count = 1
    writeAddress(this.#batch.addresses, 0, `127.0.0.${peer + 1}`, this.#engine.socket.port)
    loop.inject(this.#batch)
    loop.command({ kind: 'protectPeer', peer, protection: MODE, key: KEY.slice(), nonceStart: 0 })
  }

  /** Sends a speaker's next packet to the lane, sealed as a client seals it: header, ciphertext, tag, counter. */
  #send(speaker: number): void {
    const sequence = ++this.#sequence & 0xffff
    const ssrc = ssrcOf(speaker)
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
    this.#engine.sendRaw(this.#own, 0, bytes.subarray(sealed, sealed + length), length)
  }
}
