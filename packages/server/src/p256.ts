// ECDSA on P-256 with node:crypto, for DAVE's external sender and the signatures of its members.
import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto'
import type { GroupCrypto, Signer } from '@parley/core'

/** The SubjectPublicKeyInfo of a P-256 key, up to its point (RFC 5480 §2). */
const SPKI_PREFIX = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d030107034200', 'hex')
const POINT_LENGTH = 65

/** OpenSSL refuses a point that is not on the curve. */
function importPoint(point: Uint8Array): KeyObject | undefined {
  if (point.length !== POINT_LENGTH || point[0] !== 4) return undefined
  try {
    return createPublicKey({ key: Buffer.concat([SPKI_PREFIX, point]), format: 'der', type: 'spki' })
  } catch {
    return undefined
  }
}

function newSigner(): Signer {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const spki = publicKey.export({ format: 'der', type: 'spki' })
  return {
    publicKey: new Uint8Array(spki.subarray(SPKI_PREFIX.length)),
    sign: message => new Uint8Array(sign('sha256', message, privateKey)),
  }
}

export const p256: GroupCrypto = {
  sha256: message => new Uint8Array(createHash('sha256').update(message).digest()),
  newSigner,
  isPoint: publicKey => importPoint(publicKey) !== undefined,
  verify(publicKey, message, signature) {
    const key = importPoint(publicKey)
    return key !== undefined && verify('sha256', message, key, signature)
  },
}
