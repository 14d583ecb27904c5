// SRTP's AES-GCM on native memory: with 256-bit keys libsodium, where the system has it, otherwise OpenSSL's contexts. The profile
// without GCM goes by node:crypto.
import { CLEAR_RTCP_LENGTH, PROTECTION_TAG_LENGTH, SRTCP_INDEX_LENGTH, type SrtpLayout } from '@parley/protocol'
import type { Native, NativeCipher } from '../engine/native-calls.ts'
import type { NativeMemory } from '../engine/native-memory.ts'
import type { SlotCipher, SlotCiphers } from './slot-ciphers.ts'
import { type MakeSrtpCipher, makeSrtpCipher, type SrtpCipher, type SrtpSessionKey } from './srtp-cipher.ts'

/** Lengths of GCM's IV and of the longest key. KEPT_KEY stands for the key that a cipher was opened with. */
const IV = 12
const KEY = 32
const KEPT_KEY = -1
/** Room for what is authenticated of an RTCP packet besides its body: its clear part, and the word behind it. */
const JOINED = CLEAR_RTCP_LENGTH + SRTCP_INDEX_LENGTH

/** Makes ciphers that share the places of what changes with each packet. Packets have to lie in the memory. */
export class SrtpSlots {
  readonly #native: Native
  readonly #memory: NativeMemory
  readonly #ciphers: SlotCiphers
  /**
   * Places in the memory: the IV of the packet in progress, a key while a cipher is created, and joined additional
   * data.
   */
  readonly #iv: number
  readonly #key: number
  readonly #joined: number
  /** The bytes at `#iv`. */
  readonly #ivBytes: Uint8Array

  constructor(native: Native, memory: NativeMemory, ciphers: SlotCiphers) {
    this.#native = native
    this.#ciphers = ciphers
    this.#memory = memory
    this.#iv = memory.take(IV)
    this.#ivBytes = memory.bytes.subarray(this.#iv, this.#iv + IV)
    this.#key = memory.take(KEY)
    this.#joined = memory.take(JOINED)
  }

  readonly make: MakeSrtpCipher = (layout, session, direction) =>
    layout.isGcm ? this.#makeGcm(layout, session, direction) : makeSrtpCipher(layout, session)

  /** The key is copied into the library's state and erased here. */
  #makeGcm({ keyLength }: SrtpLayout, { key, salt }: SrtpSessionKey, direction: 'open' | 'seal'): SrtpCipher {
    const { bytes } = this.#memory
    const oneCall = keyLength === KEY ? this.#ciphers.makeOneCallGcm(key, this.#ivBytes) : undefined
    if (oneCall !== undefined) return new GcmSlotSrtp(new OneCallGcm(oneCall), salt, this.#ivBytes, this.#joined)
    bytes.set(key, this.#key)
    const name = keyLength === 16 ? 'aes-128-gcm' : 'aes-256-gcm'
    const cipher = this.#native.openCipher(this.#memory, name, direction === 'seal', this.#key)
    bytes.fill(0, this.#key, this.#key + KEY)
    return new GcmSlotSrtp(new OpensslGcm(cipher, this.#iv), salt, this.#ivBytes, this.#joined)
  }
}

/** AES-GCM with the IV at its place. `length` is that of the plain body. */
interface Gcm {
  seal(header: number, headerLength: number, plain: number, length: number, out: number): boolean
  open(header: number, headerLength: number, body: number, length: number): boolean
  close(): void
}

class OpensslGcm implements Gcm {
  readonly #cipher: NativeCipher
  readonly #iv: number

  constructor(cipher: NativeCipher, iv: number) {
    this.#cipher = cipher
    this.#iv = iv
  }

  seal(header: number, headerLength: number, plain: number, length: number, out: number): boolean {
    return this.#cipher.seal(KEPT_KEY, this.#iv, header, headerLength, plain, length, out)
  }
  open(header: number, headerLength: number, body: number, length: number): boolean {
    return this.#cipher.open(KEPT_KEY, this.#iv, header, headerLength, body, length)
  }
  close(): void {
    this.#cipher.close()
  }
}

class OneCallGcm implements Gcm {
  readonly #cipher: SlotCipher

  constructor(cipher: SlotCipher) {
    this.#cipher = cipher
  }

  seal(header: number, headerLength: number, plain: number, length: number, out: number): boolean {
    return this.#cipher.seal(header, headerLength, plain, length, out)
  }
  open(header: number, headerLength: number, body: number, length: number): boolean {
    return this.#cipher.open(header, headerLength, body, length + PROTECTION_TAG_LENGTH)
  }
  close(): void {
    this.#cipher.close()
  }
}

/** The tag is right behind the ciphertext (RFC 7714 §8, §9). */
class GcmSlotSrtp implements SrtpCipher {
  readonly salt: Uint8Array
  readonly iv: Uint8Array
  readonly #cipher: Gcm
  readonly #joined: number

  constructor(cipher: Gcm, salt: Uint8Array, iv: Uint8Array, joined: number) {
    this.#cipher = cipher
    this.salt = salt
    this.iv = iv
    this.#joined = joined
  }

  seal(bytes: Uint8Array, start: number, clear: number, plain: number, length: number, extra: Uint8Array): void {
    const header = this.#join(bytes, start, clear, extra)
    if (!this.#cipher.seal(header, clear + extra.length, plain, length, start + clear))
      throw new Error('the cipher sealed nothing')
  }
  open(bytes: Uint8Array, start: number, clear: number, length: number, extra: Uint8Array): boolean {
    const header = this.#join(bytes, start, clear, extra)
    return this.#cipher.open(header, clear + extra.length, start + clear, length)
  }
  close(): void {
    this.#cipher.close()
  }

  /** The place of the clear part with `extra` behind it. */
  #join(bytes: Uint8Array, start: number, clear: number, extra: Uint8Array): number {
    if (extra.length === 0) return start
    if (clear + extra.length > JOINED)
      throw new RangeError(`expected at most ${JOINED} bytes to be authenticated, found ${clear + extra.length}`)
    bytes.copyWithin(this.#joined, start, start + clear)
    bytes.set(extra, this.#joined + clear)
    return this.#joined
  }
}
