// The core's interface to cryptography and randomness, on node:crypto. ECDSA on P-256 serves DAVE's external sender and members.
// `nodeCrypto` is given to `VoiceNode`; tests give it a seeded one. P-256 is used for DAVE's signatures only.
import {
  createHash,
  createHmac,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  timingSafeEqual,
  verify,
} from 'node:crypto'
import type { Crypto, GroupCrypto, Signer } from '@parley/core'
import { isSameBytes } from '@parley/protocol'

/** SubjectPublicKeyInfo of a P-256 key, up to its point (RFC 5480 §2). */
const SPKI_PREFIX = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex')
const POINT_LENGTH = 65

/** The curve y² = x³ − 3x + b over the prime p (SEC 2 §2.4.2). Its cofactor is 1, so every point on it is valid. */
const P = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn
const B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn

/** Tokens are base64url without padding, ids hexadecimal; sizes are bytes of randomness. */
export const nodeCrypto: Crypto = {
  ...createP256(),
  randomBytes: size => new Uint8Array(randomBytes(size)),
  randomToken: size => randomBytes(size).toString('base64url'),
  randomHex: size => randomBytes(size).toString('hex'),
  hmacSha256: (key, message) => new Uint8Array(createHmac('sha256', key).update(message, 'utf8').digest()),
  equal,
}

/** Caches the last key it verified with: a key package carries two signatures of one key. */
export function createP256(): GroupCrypto {
  let last: { point: Uint8Array; key: KeyObject } | undefined
  const keyOf = (point: Uint8Array): KeyObject | undefined => {
    if (last !== undefined && isSameBytes(last.point, point)) return last.key
    const key = importPoint(point)
    if (key !== undefined) last = { point: point.slice(), key }
    return key
  }
  return {
    sha256: message => new Uint8Array(createHash('sha256').update(message).digest()),
    newSigner,
    isPoint,
    verify(publicKey, message, signature) {
      const key = keyOf(publicKey)
      return key !== undefined && verify('sha256', message, key, signature)
    },
  }
}

/** In constant time for inputs of any length: `b` is cut or padded to the length of `a`, the only one that the time reveals. */
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

/** A key pair that exists in this process only. Signatures are ASN.1 DER. */
function newSigner(): Signer {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const spki = publicKey.export({ format: 'der', type: 'spki' })
  return {
    publicKey: new Uint8Array(spki.subarray(SPKI_PREFIX.length)),
    sign: message => new Uint8Array(sign('sha256', message, privateKey)),
  }
}

/** The key of an uncompressed point; undefined if it is not on the curve. */
function importPoint(point: Uint8Array): KeyObject | undefined {
  if (!isPoint(point)) return undefined
  return createPublicKey({ key: Buffer.concat([SPKI_PREFIX, point]), format: 'der', type: 'spki' })
}

/** By arithmetic on public values: importing the point into OpenSSL takes a hundred times as long. */
function isPoint(point: Uint8Array): boolean {
  if (point.length !== POINT_LENGTH || point[0] !== 4) return false
  const x = integer(point.subarray(1, 33))
  const y = integer(point.subarray(33))
  return x < P && y < P && (y * y - (x * x * x - 3n * x + B)) % P === 0n
}

const integer = (bytes: Uint8Array) => BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
