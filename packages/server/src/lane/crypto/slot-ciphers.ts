// The three ciphers of the seven modes on native memory: OpenSSL's contexts for two of them, libsodium for the old one.
import { PROTECTION_TAG_LENGTH, type ProtectionCipher } from '@parley/protocol'
import type { Native, NativeCipher } from '../engine/native-calls.ts'
import type { NativeMemory } from '../engine/native-memory.ts'
import { hchacha20 } from './hchacha20.ts'
import { makePacketCipher, type PacketCipher } from './protection.ts'

const KEY = 32
/** Bytes of the nonces that OpenSSL and libsodium take. */
const NONCE = 12
const SODIUM_NONCE = 24
const KEPT_KEY = -1

/** A cipher with its key. All packets are places in native memory. */
export interface SlotCipher {
  /** To be filled before each packet; what its mode does not fill stays zero. */
  readonly nonce: Uint8Array
  /** Writes the body of `length` bytes of plaintext to `out`. Returns false if the cipher failed, which it should not. */
  seal(clear: number, clearLength: number, plain: number, length: number, out: number): boolean
  /** Opens the body of `length` bytes at `body` in place. Returns false, and leaves anything there, if it does not verify. */
  open(clear: number, clearLength: number, body: number, length: number): boolean
  /** Forgets the key. */
  close(): void
}

/** Where what changes with each packet is, for all peers. */
interface Places {
  /** The nonce of OpenSSL's ciphers. Only its first four bytes are ever set, by either of them. */
  readonly nonce: number
  readonly key: number
  readonly zeros: number
}

/** Makes ciphers that share places for what changes with each packet. */
export class SlotCiphers {
  readonly #native: Native
  readonly #memory: NativeMemory
  readonly #places: Places
  /** XChaCha20 changes its key with every packet, so all peers share one context each way. */
  readonly #chacha: { seal: NativeCipher; open: NativeCipher }

  constructor(native: Native, memory: NativeMemory) {
    this.#native = native
    this.#memory = memory
    const places = { nonce: memory.take(NONCE), key: memory.take(KEY), zeros: memory.take(NONCE) }
    this.#places = places
    const open = (isSeal: boolean) => native.openCipher(memory, 'chacha20-poly1305', isSeal, places.key)
    this.#chacha = { seal: open(true), open: open(false) }
  }

  make(cipher: ProtectionCipher, key: Uint8Array): SlotCipher {
    if (key.length !== KEY) throw new RangeError(`expected a key of ${KEY} bytes, found ${key.length}`)
    switch (cipher) {
      case 'aes-256-gcm':
        return this.#makeGcm(key)
      case 'xchacha20-poly1305':
        return new XchachaSlots(this.#memory, this.#chacha, key, this.#places)
      case 'xsalsa20-poly1305':
        return new SodiumSlots(this.#memory, makePacketCipher(cipher, key))
    }
  }

  close(): void {
    this.#chacha.seal.close()
    this.#chacha.open.close()
  }

  #makeGcm(key: Uint8Array): SlotCipher {
    const place = this.#places.key
    this.#memory.bytes.set(key, place)
    const open = (isSeal: boolean) => this.#native.openCipher(this.#memory, 'aes-256-gcm', isSeal, place)
    const cipher = new GcmSlots(this.#memory, open(true), open(false), this.#places.nonce)
    this.#memory.bytes.fill(0, place, place + KEY)
    return cipher
  }
}

class GcmSlots implements SlotCipher {
  readonly nonce: Uint8Array
  readonly #seal: NativeCipher
  readonly #open: NativeCipher
  readonly #nonce: number

  constructor(memory: NativeMemory, seal: NativeCipher, open: NativeCipher, nonce: number) {
    this.nonce = memory.bytes.subarray(nonce, nonce + NONCE)
    this.#seal = seal
    this.#open = open
    this.#nonce = nonce
  }

  seal(clear: number, clearLength: number, plain: number, length: number, out: number): boolean {
    return this.#seal.seal(KEPT_KEY, this.#nonce, clear, clearLength, plain, length, out)
  }
  open(clear: number, clearLength: number, body: number, length: number): boolean {
    return this.#open.open(KEPT_KEY, this.#nonce, clear, clearLength, body, length - PROTECTION_TAG_LENGTH)
  }
  close(): void {
    this.#seal.close()
    this.#open.close()
  }
}

/** Of the nonce's 24 bytes only the first four are ever set: HChaCha20 takes 16 of them, and what remains is zero. */
class XchachaSlots implements SlotCipher {
  readonly nonce: Uint8Array
  readonly #words: Int32Array
  readonly #key = new Int32Array(KEY / 4)
  readonly #chacha: { seal: NativeCipher; open: NativeCipher }
  readonly #places: Places

  constructor(
    memory: NativeMemory,
    chacha: { seal: NativeCipher; open: NativeCipher },
    key: Uint8Array,
    places: Places,
  ) {
    this.nonce = memory.bytes.subarray(places.nonce, places.nonce + NONCE)
    this.#words = memory.words
    this.#chacha = chacha
    this.#places = places
    new Uint8Array(this.#key.buffer).set(key)
  }

  seal(clear: number, clearLength: number, plain: number, length: number, out: number): boolean {
    this.#deriveKey()
    const { key, zeros } = this.#places
    return this.#chacha.seal.seal(key, zeros, clear, clearLength, plain, length, out)
  }
  open(clear: number, clearLength: number, body: number, length: number): boolean {
    this.#deriveKey()
    const { key, zeros } = this.#places
    return this.#chacha.open.open(key, zeros, clear, clearLength, body, length - PROTECTION_TAG_LENGTH)
  }
  close(): void {
    this.#key.fill(0)
  }

  #deriveKey(): void {
    const { nonce, key } = this.#places
    hchacha20(this.#key, this.#words[nonce >> 2]!, this.#words, key >> 2)
  }
}

class SodiumSlots implements SlotCipher {
  readonly nonce = new Uint8Array(SODIUM_NONCE)
  readonly #bytes: Uint8Array
  readonly #cipher: PacketCipher

  constructor(memory: NativeMemory, cipher: PacketCipher) {
    this.#bytes = memory.bytes
    this.#cipher = cipher
  }

  seal(clear: number, clearLength: number, plain: number, length: number, out: number): boolean {
    const bytes = this.#bytes
    const header = bytes.subarray(clear, clear + clearLength)
    this.#cipher.seal(this.nonce, header, bytes.subarray(plain, plain + length), bytes, out)
    return true
  }
  open(_clear: number, clearLength: number, body: number, length: number): boolean {
    return this.#cipher.open(this.nonce, this.#bytes, clearLength, body, length)
  }
  close(): void {}
}
