// ECDSA on P-256 with node:crypto, for DAVE's external sender and the signatures of its members.
import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto'
import type { GroupCrypto, Signer } from '@parley/core'
import { isSameBytes } from '@parley/protocol'

/** The SubjectPublicKeyInfo of a P-256 key, up to its point (RFC 5480 §2). */
const SPKI_PREFIX = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex')
const POINT_LENGTH = 65

/** The curve y² = x³ − 3x + b over the prime p (SEC 2 §2.4.2). Its cofactor is 1: every point on it will do. */
const P = 0xffffffff00000001000000000000000000000000ffffffffffffffffffffffffn
const B = 0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604bn

const integer = (bytes: Uint8Array) => BigInt(`0x${Buffer.from(bytes).toString('hex')}`)

/** By arithmetic on public values: OpenSSL would take a hundred times as long to import the point. */
function isPoint(point: Uint8Array): boolean {
  if (point.length !== POINT_LENGTH || point[0] !== 4) return false
  const x = integer(point.subarray(1, 33))
  const y = integer(point.subarray(33))
  return x < P && y < P && (y * y - (x * x * x - 3n * x + B)) % P === 0n
}

function importPoint(point: Uint8Array): KeyObject | undefined {
  if (!isPoint(point)) return undefined
  return createPublicKey({ key: Buffer.concat([SPKI_PREFIX, point]), format: 'der', type: 'spki' })
}

function newSigner(): Signer {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const spki = publicKey.export({ format: 'der', type: 'spki' })
  return {
    publicKey: new Uint8Array(spki.subarray(SPKI_PREFIX.length)),
    sign: message => new Uint8Array(sign('sha256', message, privateKey)),
  }
}

/** Remembers the last key it verified with: a key package is signed twice with the same. */
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
