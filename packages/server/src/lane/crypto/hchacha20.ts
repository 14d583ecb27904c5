// HChaCha20 (draft-irtf-cfrg-xchacha §2.2): the subkey that XChaCha20 takes from its key and the first 16 bytes of its nonce.
// A node sends every packet under another nonce, and so under another subkey: this is the part of XChaCha20-Poly1305
// that OpenSSL lacks. Used by the ffi engine only, where the system has no libsodium.
//
// The state is a 4 × 4 matrix of words:
//   a0 a1 a2 a3   constants "expand 32-byte k"
//   b0 b1 b2 b3   key, first half
//   c0 c1 c2 c3   key, second half
//   d0 d1 d2 d3   first 16 bytes of the nonce
// A double round applies the quarter round (RFC 8439 §2.1) to the four columns, then to the four diagonals. Ten double rounds; unlike
// ChaCha20, the input is not added at the end, and the subkey is the first and the last row.

/**
 * Writes the subkey's eight words at `target` of `words`, for a nonce whose first word is `first` and whose next three are zero.
 * Words are little-endian, `key` has eight. Per packet: unrolled, and nothing is allocated.
 */
export function hchacha20(key: Int32Array, first: number, words: Int32Array, target: number): void {
  let a0 = 0x61707865
  let a1 = 0x3320646e
  let a2 = 0x79622d32
  let a3 = 0x6b206574
  let b0 = key[0]!
  let b1 = key[1]!
  let b2 = key[2]!
  let b3 = key[3]!
  let c0 = key[4]!
  let c1 = key[5]!
  let c2 = key[6]!
  let c3 = key[7]!
  let d0 = first | 0
  let d1 = 0
  let d2 = 0
  let d3 = 0
  for (let round = 0; round < 10; round++) {
    // Columns: a0 b0 c0 d0
    a0 = (a0 + b0) | 0
    d0 ^= a0
    d0 = (d0 << 16) | (d0 >>> 16)
    c0 = (c0 + d0) | 0
    b0 ^= c0
    b0 = (b0 << 12) | (b0 >>> 20)
    a0 = (a0 + b0) | 0
    d0 ^= a0
    d0 = (d0 << 8) | (d0 >>> 24)
    c0 = (c0 + d0) | 0
    b0 ^= c0
    b0 = (b0 << 7) | (b0 >>> 25)
    // a1 b1 c1 d1
    a1 = (a1 + b1) | 0
    d1 ^= a1
    d1 = (d1 << 16) | (d1 >>> 16)
    c1 = (c1 + d1) | 0
    b1 ^= c1
    b1 = (b1 << 12) | (b1 >>> 20)
    a1 = (a1 + b1) | 0
    d1 ^= a1
    d1 = (d1 << 8) | (d1 >>> 24)
    c1 = (c1 + d1) | 0
    b1 ^= c1
    b1 = (b1 << 7) | (b1 >>> 25)
    // a2 b2 c2 d2
    a2 = (a2 + b2) | 0
    d2 ^= a2
    d2 = (d2 << 16) | (d2 >>> 16)
    c2 = (c2 + d2) | 0
    b2 ^= c2
    b2 = (b2 << 12) | (b2 >>> 20)
    a2 = (a2 + b2) | 0
    d2 ^= a2
    d2 = (d2 << 8) | (d2 >>> 24)
    c2 = (c2 + d2) | 0
    b2 ^= c2
    b2 = (b2 << 7) | (b2 >>> 25)
    // a3 b3 c3 d3
    a3 = (a3 + b3) | 0
    d3 ^= a3
    d3 = (d3 << 16) | (d3 >>> 16)
    c3 = (c3 + d3) | 0
    b3 ^= c3
    b3 = (b3 << 12) | (b3 >>> 20)
    a3 = (a3 + b3) | 0
    d3 ^= a3
    d3 = (d3 << 8) | (d3 >>> 24)
    c3 = (c3 + d3) | 0
    b3 ^= c3
    b3 = (b3 << 7) | (b3 >>> 25)
    // Diagonals: a0 b1 c2 d3
    a0 = (a0 + b1) | 0
    d3 ^= a0
    d3 = (d3 << 16) | (d3 >>> 16)
    c2 = (c2 + d3) | 0
    b1 ^= c2
    b1 = (b1 << 12) | (b1 >>> 20)
    a0 = (a0 + b1) | 0
    d3 ^= a0
    d3 = (d3 << 8) | (d3 >>> 24)
    c2 = (c2 + d3) | 0
    b1 ^= c2
    b1 = (b1 << 7) | (b1 >>> 25)
    // a1 b2 c3 d0
    a1 = (a1 + b2) | 0
    d0 ^= a1
    d0 = (d0 << 16) | (d0 >>> 16)
    c3 = (c3 + d0) | 0
    b2 ^= c3
    b2 = (b2 << 12) | (b2 >>> 20)
    a1 = (a1 + b2) | 0
    d0 ^= a1
    d0 = (d0 << 8) | (d0 >>> 24)
    c3 = (c3 + d0) | 0
    b2 ^= c3
    b2 = (b2 << 7) | (b2 >>> 25)
    // a2 b3 c0 d1
    a2 = (a2 + b3) | 0
    d1 ^= a2
    d1 = (d1 << 16) | (d1 >>> 16)
    c0 = (c0 + d1) | 0
    b3 ^= c0
    b3 = (b3 << 12) | (b3 >>> 20)
    a2 = (a2 + b3) | 0
    d1 ^= a2
    d1 = (d1 << 8) | (d1 >>> 24)
    c0 = (c0 + d1) | 0
    b3 ^= c0
    b3 = (b3 << 7) | (b3 >>> 25)
    // a3 b0 c1 d2
    a3 = (a3 + b0) | 0
    d2 ^= a3
    d2 = (d2 << 16) | (d2 >>> 16)
    c1 = (c1 + d2) | 0
    b0 ^= c1
    b0 = (b0 << 12) | (b0 >>> 20)
    a3 = (a3 + b0) | 0
    d2 ^= a3
    d2 = (d2 << 8) | (d2 >>> 24)
    c1 = (c1 + d2) | 0
    b0 ^= c1
    b0 = (b0 << 7) | (b0 >>> 25)
  }
  words[target] = a0
  words[target + 1] = a1
  words[target + 2] = a2
  words[target + 3] = a3
  words[target + 4] = d0
  words[target + 5] = d1
  words[target + 6] = d2
  words[target + 7] = d3
}
