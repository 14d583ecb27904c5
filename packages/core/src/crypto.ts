// Cryptography and randomness, which the host implements.

/** Signs with one P-256 key. The host keeps the private key. */
export interface Signer {
  /** Uncompressed point: `04 ‖ X ‖ Y`. */
  readonly publicKey: Uint8Array
  /** ECDSA with SHA-256, in ASN.1 DER. */
  sign(message: Uint8Array): Uint8Array
}

/** The server's part of MLS cipher suite 2, for DAVE. */
export interface GroupCrypto {
  sha256(message: Uint8Array): Uint8Array
  /** A fresh P-256 key. */
  newSigner(): Signer
  /** Whether the bytes are an uncompressed point on P-256. */
  isPoint(publicKey: Uint8Array): boolean
  /** Whether an ECDSA signature (SHA-256, ASN.1 DER) verifies. False if the key is not a point. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean
}

export interface Crypto extends GroupCrypto {
  /** Random bytes from a cryptographic generator (a seeded one in tests). */
  randomBytes(size: number): Uint8Array
  /** `size` random bytes as base64url without padding: for tokens. */
  randomToken(size: number): string
  /** `size` random bytes as lower-case hex: for ids. */
  randomHex(size: number): string
  /** HMAC-SHA256 of UTF-8 text under UTF-8 key text, as 32 bytes. */
  hmacSha256(key: string, message: string): Uint8Array
  /** Whether two byte strings or texts are equal, in time that depends only on the length of the first. */
  equal(a: string | Uint8Array, b: string | Uint8Array): boolean
}
