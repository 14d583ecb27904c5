// The core's crypto for tests: real HMAC, comparison and curves, and randomness (except keys) determined by a seed.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { Crypto } from '@parley/core'
import { createP256 } from '../../../server/src/crypto.ts'

/** Random bytes are SHA-256 of seed and counter: the same seed yields the same tokens, ids and nonces. */
export function seededCrypto(seed: string): Crypto {
  let counter = 0
  const randomBytes = (size: number) => {
    const chunks: Buffer[] = []
    for (let have = 0; have < size; have += 32)
      chunks.push(createHash('sha256').update(`${seed} ${counter++}`).digest())
    return new Uint8Array(Buffer.concat(chunks).subarray(0, size))
  }
  const digest = (value: string | Uint8Array) => createHash('sha256').update(value).digest()
  return {
    ...createP256(),
    randomBytes,
    randomToken: size => Buffer.from(randomBytes(size)).toString('base64url'),
    randomHex: size => Buffer.from(randomBytes(size)).toString('hex'),
    hmacSha256: (key, message) => new Uint8Array(createHmac('sha256', key).update(message).digest()),
    equal: (a, b) => timingSafeEqual(digest(a), digest(b)),
  }
}
