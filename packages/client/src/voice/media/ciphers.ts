// The ciphers of the transport encryption modes: AES-GCM from Node.js, XChaCha20 and XSalsa20 with Poly1305 from @noble/ciphers.
import { createCipheriv, createDecipheriv } from 'node:crypto'
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js'
import { xsalsa20poly1305 } from '@noble/ciphers/salsa.js'
import { PROTECTION_TAG_LENGTH, type ProtectionCipher } from '@parley/protocol'

/** One AEAD of a transport encryption mode. Keys have 32 bytes, nonces the length of the mode's layout (12 or 24). */
export interface Cipher {
  /** Ciphertext and tag: the tag is last, first for XSalsa20. `clear` is authenticated, except by XSalsa20. */
  seal(key: Uint8Array, nonce: Uint8Array, clear: Uint8Array, plaintext: Uint8Array): Uint8Array
  /** The plaintext; undefined if authentication fails. */
  open(key: Uint8Array, nonce: Uint8Array, clear: Uint8Array, sealed: Uint8Array): Uint8Array | undefined
}

const GCM = 'aes-256-gcm'
const TAG = { authTagLength: PROTECTION_TAG_LENGTH }

/** AES-256-GCM; the clear part of the packet is its additional data. */
const aesGcm: Cipher = {
  seal(key, nonce, clear, plaintext) {
    const cipher = createCipheriv(GCM, key, nonce, TAG).setAAD(clear)
    return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
  },
  open(key, nonce, clear, sealed) {
    const tag = sealed.length - PROTECTION_TAG_LENGTH
    if (tag < 0) return undefined
    const decipher = createDecipheriv(GCM, key, nonce, TAG).setAAD(clear).setAuthTag(sealed.subarray(tag))
    return verified(() => Buffer.concat([decipher.update(sealed.subarray(0, tag)), decipher.final()]))
  },
}

/** XChaCha20-Poly1305 with a 24-byte nonce; the clear part is its additional data. */
const xchacha20: Cipher = {
  seal: (key, nonce, clear, plaintext) => xchacha20poly1305(key, nonce, clear).encrypt(plaintext),
  open: (key, nonce, clear, sealed) => verified(() => xchacha20poly1305(key, nonce, clear).decrypt(sealed)),
}

/** libsodium's secretbox. It has no additional data, so that the clear part is not authenticated. */
const xsalsa20: Cipher = {
  seal: (key, nonce, _clear, plaintext) => xsalsa20poly1305(key, nonce).encrypt(plaintext),
  open: (key, nonce, _clear, sealed) => verified(() => xsalsa20poly1305(key, nonce).decrypt(sealed)),
}

/** Both libraries throw if authentication fails, which is normal for datagrams. */
function verified(open: () => Uint8Array): Uint8Array | undefined {
  try {
    return open()
  } catch {
    return undefined
  }
}

/** By the cipher of `ProtectionLayout`. */
export const CIPHERS: Readonly<Record<ProtectionCipher, Cipher>> = {
  'aes-256-gcm': aesGcm,
  'xchacha20-poly1305': xchacha20,
  'xsalsa20-poly1305': xsalsa20,
}
