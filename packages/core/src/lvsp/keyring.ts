// Authentication of backends: the HMACs of IDENTIFY and RESUME, compared with those of every secret.
// The token is HMAC-SHA256 of HELLO's nonce under the secret, in hex (64 digits) or base64.
import type { BackendId } from '../channel/channel-ref.ts'
import type { Crypto } from '../crypto.ts'

/** The backend that a token authenticates, and which of its secrets it was computed with: 1 or 2. */
export interface KeyMatch {
  backend: BackendId
  secret: number
}

export interface BackendSecrets {
  readonly id: BackendId
  /** One, or two during a rotation. */
  readonly secrets: readonly string[]
}

/** One secret of one backend, as it was configured. */
interface Key extends KeyMatch {
  text: string
}

const HEX = '0123456789abcdef'
const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const NONCE = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
const NONCE_LENGTH = 10
const HEX_DIGITS = 64

/** All secrets of all backends. Comparison takes the same time whichever key matches, and whether one does. */
export class Keyring {
  readonly #crypto: Crypto
  readonly #keys: readonly Key[]

  /** Throws an error if a backend has no secret, an empty one, more than two, or one that another backend has. */
  constructor(crypto: Crypto, backends: readonly BackendSecrets[]) {
    this.#crypto = crypto
    this.#keys = backends.flatMap(({ id, secrets }) => secrets.map((text, i) => ({ backend: id, secret: i + 1, text })))
    for (const { id, secrets } of backends)
      if (secrets.length < 1 || secrets.length > 2 || secrets.includes(''))
        throw new Error(`backend ${id}: expected one or two secrets that are not empty`)
    if (new Set(this.#keys.map(key => key.text)).size < this.#keys.length)
      throw new Error('two backends share a secret, or a backend lists the same secret twice')
  }

  /** Ten random letters and digits (59 bits). */
  nonce(): string {
    let nonce = ''
    while (nonce.length < NONCE_LENGTH)
      // Bytes from 248 = 4 × 62 on would bias the first letters.
      for (const byte of this.#crypto.randomBytes(NONCE_LENGTH))
        if (byte < 248 && nonce.length < NONCE_LENGTH) nonce += NONCE[byte % 62]
    return nonce
  }

  /** The key whose HMAC-SHA256 of `nonce` is the token, in hex, base64 or base64url. Every key is compared, even after a match. */
  find(nonce: string, token: string): KeyMatch | undefined {
    const presented = canonicalToken(token)
    let found: KeyMatch | undefined
    for (const { backend, secret, text } of this.#keys) {
      const expected = this.#crypto.hmacSha256(text, nonce)
      const encoded = presented.length === HEX_DIGITS ? toHex(expected) : toBase64Url(expected)
      if (this.#crypto.equal(encoded, presented)) found = { backend, secret }
    }
    return found
  }
}

/** The canonical text of a token: lower-case hex, or base64url without padding. */
export function canonicalToken(token: string): string {
  if (token.length === HEX_DIGITS) return token.toLowerCase()
  return token
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/={1,2}$/, '')
}

const toHex = (bytes: Uint8Array) => {
  let text = ''
  for (const byte of bytes) text += HEX[byte >> 4]! + HEX[byte & 15]!
  return text
}

const toBase64Url = (bytes: Uint8Array) => {
  let text = ''
  for (let at = 0; at < bytes.length; at += 3) {
    const left = bytes.length - at
    const word = (bytes[at]! << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0)
    for (let digit = 0; digit <= Math.min(left, 3); digit++) text += BASE64URL[(word >> (18 - 6 * digit)) & 63]
  }
  return text
}
