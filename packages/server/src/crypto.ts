// The core's interface to cryptography and randomness, on node:crypto.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Crypto } from '@parley/core'
import { createP256 } from './p256.ts'

export const nodeCrypto: Crypto = {
  ...createP256(),
  randomBytes: size => new Uint8Array(randomBytes(size)),
  randomToken: size => randomBytes(size).toString('base64url'),
  randomHex: size => randomBytes(size).toString('hex'),
  hmacSha256: (key, message) => new Uint8Array(createHmac('sha256', key).update(message, 'utf8').digest()),
  equal,
}

/** Also for unequal lengths: `b` is cut or padded to the length of `a`, so that only that length shows in the time. */
function equal(a: string | Uint8Array, b: string | Uint8Array): boolean {
  const whole = bytesOf(a)
  const other = typeof b === 'string' ? bytesOf(b.slice(0, whole.length + 1)) : b
  const padded = new Uint8Array(whole.length)
  padded.set(other.subarray(0, whole.length))
  const same = timingSafeEqual(whole, padded)
  return same && whole.length === other.length
}

const bytesOf = (value: string | Uint8Array): Uint8Array =>
  typeof value === 'string' ? Buffer.from(value, 'utf8') : value
