// SRTP's AES-GCM on native memory: OpenSSL's contexts for RTP, which is the bulk; the rest goes by node:crypto.
import type { SrtpLayout } from '@parley/protocol'
import type { Native, NativeCipher } from './native-calls.ts'
import type { NativeMemory } from './native-memory.ts'
import type { MakeSrtpCipher } from './srtp.ts'
import { makeSrtpCipher, type SrtpCipher, type SrtpSessionKey } from './srtp-cipher.ts'

const IV = 12
const KEY = 32
const KEPT_KEY = -1

/** Makes ciphers that share the place of their IVs. Packets have to lie in the memory. */
export class SrtpSlots {
  readonly #native: Native
  readonly #memory: NativeMemory
  readonly #iv: number
  readonly #key: number

  constructor(native: Native, memory: NativeMemory) {
    this.#native = native
    this.#memory = memory
    this.#iv = memory.take(IV)
    this.#key = memory.take(KEY)
  }

  readonly make: MakeSrtpCipher = (layout, session, direction, kind) =>
    layout.isGcm && kind === 'rtp' ? this.#makeGcm(layout, session, direction) : makeSrtpCipher(layout, session)

  #makeGcm({ keyLength }: SrtpLayout, { key, salt }: SrtpSessionKey, direction: 'open' | 'seal'): SrtpCipher {
    const { bytes } = this.#memory
    bytes.set(key, this.#key)
    const name = keyLength === 16 ? 'aes-128-gcm' : 'aes-256-gcm'
    const cipher = this.#native.openCipher(this.#memory, name, direction === 'seal', this.#key)
    bytes.fill(0, this.#key, this.#key + KEY)
    return new GcmSlotSrtp(cipher, salt, bytes, this.#iv)
  }
}

/** The tag of RTP is right behind its ciphertext, and nothing besides the packet is authenticated (RFC 7714 §8). */
class GcmSlotSrtp implements SrtpCipher {
  readonly salt: Uint8Array
  readonly iv: Uint8Array
  readonly #cipher: NativeCipher
  readonly #iv: number

  constructor(cipher: NativeCipher, salt: Uint8Array, bytes: Uint8Array, iv: number) {
    this.#cipher = cipher
    this.salt = salt
    this.iv = bytes.subarray(iv, iv + IV)
    this.#iv = iv
  }

  seal(_bytes: Uint8Array, start: number, clear: number, length: number): void {
    const body = start + clear
    if (!this.#cipher.seal(KEPT_KEY, this.#iv, start, clear, body, length, body))
      throw new Error('OpenSSL sealed nothing')
  }
  open(_bytes: Uint8Array, start: number, clear: number, length: number): boolean {
    return this.#cipher.open(KEPT_KEY, this.#iv, start, clear, start + clear, length)
  }
  close(): void {
    this.#cipher.close()
  }
}
