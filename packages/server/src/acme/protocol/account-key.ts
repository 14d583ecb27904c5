// Signs requests with the key of an account (RFC 8555 §6.2, RFC 7515): ES256, and HS256 for the binding of an external account.
import { createHash, createHmac, createPublicKey, type KeyObject, sign } from 'node:crypto'

/** A request as the authority takes it: flattened JSON serialization. */
export interface SignedRequest {
  readonly protected: string
  readonly payload: string
  readonly signature: string
}

/** What the authority issued for an account that it knows from elsewhere. */
export interface ExternalAccount {
  readonly keyId: string
  /** Base64url. */
  readonly hmacKey: string
}

const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

export class AccountKey {
  readonly #key: KeyObject
  /** In the order of members that a thumbprint requires. */
  readonly #jwk: { crv: string; kty: string; x: string; y: string }

  /** A P-256 key. */
  constructor(key: KeyObject) {
    this.#key = key
    const { x = '', y = '' } = createPublicKey(key).export({ format: 'jwk' }) as { x?: string; y?: string }
    this.#jwk = { crv: 'P-256', kty: 'EC', x, y }
  }

  /** RFC 7638. */
  get thumbprint(): string {
    return createHash('sha256').update(JSON.stringify(this.#jwk)).digest('base64url')
  }

  /** Proves control of a name together with the account (RFC 8555 §8.1). */
  authorization(token: string): string {
    return `${token}.${this.thumbprint}`
  }

  /** `account` is its URL, or undefined to send the public key. Without a payload the request only reads. */
  sign(url: string, nonce: string, account: string | undefined, payload: object | undefined): SignedRequest {
    const identity = account === undefined ? { jwk: this.#jwk } : { kid: account }
    const header = encoded({ alg: 'ES256', nonce, url, ...identity })
    const body = payload === undefined ? '' : encoded(payload)
    const signature = sign('sha256', Buffer.from(`${header}.${body}`), { key: this.#key, dsaEncoding: 'ieee-p1363' })
    return { protected: header, payload: body, signature: signature.toString('base64url') }
  }

  /** RFC 8555 §7.3.4: the public key, signed with the key of the external account. */
  bound(url: string, { keyId, hmacKey }: ExternalAccount): SignedRequest {
    const header = encoded({ alg: 'HS256', kid: keyId, url })
    const body = encoded(this.#jwk)
    const mac = createHmac('sha256', Buffer.from(hmacKey, 'base64url')).update(`${header}.${body}`)
    return { protected: header, payload: body, signature: mac.digest('base64url') }
  }
}
