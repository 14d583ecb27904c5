// Seals and opens what a packet hides: the three ciphers of the seven modes, on node:crypto and libsodium.
import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto'
import { PROTECTION_TAG_LENGTH, type ProtectionCipher } from '@parley/protocol'
import { CLEAR, LONGEST_CLEAR, LONGEST_MESSAGE, loadedSodium, loadSodium, NONCE, type Sodium } from './wasm-sodium.ts'

/** A cipher with its key. The body of a packet is ciphertext and tag in the order of its mode. */
export interface PacketCipher {
  /** Writes the body of `plain` to `target`: plain.length + PROTECTION_TAG_LENGTH bytes at `offset`. */
  seal(nonce: Uint8Array, clear: Uint8Array, plain: Uint8Array, target: Uint8Array, offset: number): void
  /**
   * Opens the body of `length` bytes at `offset` of `bytes` in place: the plaintext begins there too. The clear part is
   * `clearLength` bytes before it. Returns false, and leaves anything there, if the tag does not verify. Never throws.
   */
  open(nonce: Uint8Array, bytes: Uint8Array, clearLength: number, offset: number, length: number): boolean
}

/** To be awaited before the first cipher is made. */
export const protectionReady = (): Promise<void> => loadSodium()

/**
 * The cipher of one peer, from a key of 32 bytes. Used by the portable engine, and by the ffi engine for the legacy
 * modes.
 */
export function makePacketCipher(cipher: ProtectionCipher, key: Uint8Array): PacketCipher {
  switch (cipher) {
    case 'aes-256-gcm':
      return new GcmCipher(key)
    case 'xchacha20-poly1305':
      return new SodiumCipher(key, xchacha)
    case 'xsalsa20-poly1305':
      return new SodiumCipher(key, secretbox)
  }
}

const GCM = 'aes-256-gcm'
/** Told beforehand, it saves a fifth of the time. */
const GCM_OPTIONS = { authTagLength: PROTECTION_TAG_LENGTH }

/** Node.js cannot give a cipher object another nonce, so each packet has an object of its own. */
class GcmCipher implements PacketCipher {
  readonly #key: KeyObject

  constructor(key: Uint8Array) {
    this.#key = createSecretKey(key)
  }

  seal(nonce: Uint8Array, clear: Uint8Array, plain: Uint8Array, target: Uint8Array, offset: number): void {
    const cipher = createCipheriv(GCM, this.#key, nonce, GCM_OPTIONS)
    cipher.setAAD(clear)
    target.set(cipher.update(plain), offset)
    cipher.final()
    target.set(cipher.getAuthTag(), offset + plain.length)
  }

  open(nonce: Uint8Array, bytes: Uint8Array, clearLength: number, offset: number, length: number): boolean {
    const tag = offset + length - PROTECTION_TAG_LENGTH
    try {
      const decipher = createDecipheriv(GCM, this.#key, nonce, GCM_OPTIONS)
      decipher.setAAD(bytes.subarray(offset - clearLength, offset))
      decipher.setAuthTag(bytes.subarray(tag, tag + PROTECTION_TAG_LENGTH))
      const plain = decipher.update(bytes.subarray(offset, tag))
      decipher.final()
      bytes.set(plain, offset)
      return true
    } catch {
      return false
    }
  }
}

/** A cipher on libsodium's memory, where the message is at `input`: `length` bytes of it. */
interface Primitive {
  encrypt(sodium: Sodium, length: number, clearLength: number): void
  decrypt(sodium: Sodium, length: number, clearLength: number): boolean
}

/** XChaCha20-Poly1305: the clear part is additional data, the tag last. */
const xchacha: Primitive = {
  encrypt({ functions, parameters: key, input, output }, length, clearLength) {
    const encrypt = functions._crypto_aead_xchacha20poly1305_ietf_encrypt
    encrypt(output, 0, input, length, 0, key + CLEAR, clearLength, 0, 0, key + NONCE, key)
  },
  decrypt({ functions, parameters: key, input, output }, length, clearLength) {
    const decrypt = functions._crypto_aead_xchacha20poly1305_ietf_decrypt
    return decrypt(output, 0, 0, input, length, 0, key + CLEAR, clearLength, 0, key + NONCE, key) === 0
  },
}

/** XSalsa20-Poly1305: no additional data, the tag first. */
const secretbox: Primitive = {
  encrypt({ functions, parameters: key, input, output }, length) {
    functions._crypto_secretbox_easy(output, input, length, 0, key + NONCE, key)
  },
  decrypt({ functions, parameters: key, input, output }, length) {
    return functions._crypto_secretbox_open_easy(output, input, length, 0, key + NONCE, key) === 0
  },
}

/** Everything is copied into libsodium's memory and out again, which costs a fifth of the cipher itself. */
class SodiumCipher implements PacketCipher {
  readonly #key: Uint8Array
  readonly #primitive: Primitive
  readonly #sodium = loadedSodium()

  constructor(key: Uint8Array, primitive: Primitive) {
    this.#key = Uint8Array.from(key)
    this.#primitive = primitive
  }

  seal(nonce: Uint8Array, clear: Uint8Array, plain: Uint8Array, target: Uint8Array, offset: number): void {
    this.#load(nonce, clear, plain)
    this.#primitive.encrypt(this.#sodium, plain.length, clear.length)
    this.#unload(plain.length + PROTECTION_TAG_LENGTH, target, offset)
  }

  open(nonce: Uint8Array, bytes: Uint8Array, clearLength: number, offset: number, length: number): boolean {
    if (length > LONGEST_MESSAGE || clearLength > LONGEST_CLEAR) return false
    this.#load(nonce, bytes.subarray(offset - clearLength, offset), bytes.subarray(offset, offset + length))
    if (!this.#primitive.decrypt(this.#sodium, length, clearLength)) return false
    this.#unload(length - PROTECTION_TAG_LENGTH, bytes, offset)
    return true
  }

  /** The memory may have grown since, and is then another array. */
  #load(nonce: Uint8Array, clear: Uint8Array, message: Uint8Array): void {
    const { functions, parameters, input } = this.#sodium
    const memory = functions.HEAPU8
    memory.set(this.#key, parameters)
    memory.set(nonce, parameters + NONCE)
    memory.set(clear, parameters + CLEAR)
    memory.set(message, input)
  }

  /** Copies the result out of libsodium's memory. */
  #unload(length: number, target: Uint8Array, offset: number): void {
    const { functions, output } = this.#sodium
    target.set(functions.HEAPU8.subarray(output, output + length), offset)
  }
}
