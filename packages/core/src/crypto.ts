// What the core asks of its host in cryptography and randomness. The core computes nothing secret itself.

export interface Crypto {
  /** Fresh random bytes from a cryptographic generator (a seeded one in tests). */
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
