// Mumble's encryption of UDP packets: OCB2 with AES-128 (Rogaway 2004), a nonce that counts up by one, and a header of four bytes.
//
//   0  u8 lowest byte of the nonce   1  first three bytes of the tag   4  ciphertext, as long as the packet
import { createCipheriv, createDecipheriv } from 'node:crypto'

const BLOCK = 16
export const MUMBLE_HEADER = 4
const TAG_LENGTH = 3
/** The reduction of x^128 in OCB2's field. */
const REDUCTION = 0x87

type Transform = (blocks: Uint8Array) => Uint8Array

function aes(key: Uint8Array, isEncryption: boolean): Transform {
  const make = isEncryption ? createCipheriv : createDecipheriv
  const cipher = make('aes-128-ecb', key, null).setAutoPadding(false)
  return blocks => cipher.update(blocks)
}

/** One direction between a client and its server. */
export class MumbleCrypt {
  readonly #encrypt: Transform
  readonly #decrypt: Transform
  /** Little-endian. */
  readonly #nonce: Uint8Array

  constructor(key: Uint8Array, nonce: Uint8Array) {
    this.#encrypt = aes(key, true)
    this.#decrypt = aes(key, false)
    this.#nonce = nonce.slice()
  }

  /** Encrypts with the next nonce. */
  seal(plain: Uint8Array): Uint8Array {
    this.#advance((this.#nonce[0]! + 1) & 0xff)
    const sealed = new Uint8Array(MUMBLE_HEADER + plain.length)
    const tag = this.#process(plain, sealed.subarray(MUMBLE_HEADER), true)
    sealed[0] = this.#nonce[0]!
    sealed.set(tag, 1)
    return sealed
  }

  /** Notes the nonce of a packet that is not decrypted. Packets are in order, and fewer than 256 are lost in a row. */
  skip(sealed: Uint8Array): void {
    this.#advance(sealed[0]!)
  }

  /** Undefined if the tag does not verify. To be called after `skip`. */
  open(sealed: Uint8Array): Uint8Array | undefined {
    const plain = new Uint8Array(sealed.length - MUMBLE_HEADER)
    const tag = this.#process(sealed.subarray(MUMBLE_HEADER), plain, false)
    return tag.every((byte, index) => byte === sealed[1 + index]) ? plain : undefined
  }

  /** Counts up to the next nonce with this lowest byte. */
  #advance(lowest: number): void {
    const nonce = this.#nonce
    const isCarry = lowest <= nonce[0]!
    nonce[0] = lowest
    for (let index = 1; isCarry && index < BLOCK; index++) {
      nonce[index] = (nonce[index]! + 1) & 0xff
      if (nonce[index] !== 0) return
    }
  }

  /** Writes `to`, and returns the start of the tag. All whole blocks are one call of the cipher. */
  #process(from: Uint8Array, to: Uint8Array, isEncryption: boolean): Uint8Array {
    const whole = Math.max(0, Math.ceil(from.length / BLOCK) - 1) * BLOCK
    const delta = Uint8Array.from(this.#encrypt(this.#nonce))
    const masks = new Uint8Array(whole)
    for (let start = 0; start < whole; start += BLOCK) {
      double(delta)
      masks.set(delta, start)
    }
    const masked = xor(from.subarray(0, whole), masks)
    const blocks = whole === 0 ? masked : (isEncryption ? this.#encrypt : this.#decrypt)(masked)
    to.set(xor(blocks, masks))
    const rest = from.length - whole
    double(delta)
    const pad = this.#encrypt(lengthBlock(rest, delta))
    for (let index = whole; index < from.length; index++) to[index] = from[index]! ^ pad[index - whole]!
    return this.#tag(isEncryption ? from : to, whole, pad, delta)
  }

  #tag(plain: Uint8Array, whole: number, pad: Uint8Array, delta: Uint8Array): Uint8Array {
    const sum = Uint8Array.from(pad)
    sum.set(plain.subarray(whole))
    for (let index = 0; index < whole; index++) sum[index % BLOCK]! ^= plain[index]!
    const tripled = Uint8Array.from(delta)
    double(tripled)
    return this.#encrypt(xor(xor(sum, delta), tripled)).subarray(0, TAG_LENGTH)
  }
}

const xor = (a: Uint8Array, b: Uint8Array): Uint8Array => a.map((byte, index) => byte ^ b[index]!)

/** Multiplies by x in the field of OCB2; big-endian. */
function double(block: Uint8Array): void {
  const carry = block[0]! >> 7
  for (let index = 0; index < BLOCK - 1; index++)
    block[index] = ((block[index]! << 1) | (block[index + 1]! >> 7)) & 0xff
  block[BLOCK - 1] = ((block[BLOCK - 1]! << 1) & 0xff) ^ (carry * REDUCTION)
}

function lengthBlock(bytes: number, delta: Uint8Array): Uint8Array {
  const block = Uint8Array.from(delta)
  block[BLOCK - 1]! ^= bytes * 8
  return block
}
