// A slow reference implementation of the seven modes, to check what the engines seal. Shares no code with them.
import { createDecipheriv } from 'node:crypto'
import type { VoiceMode } from '@parley/protocol'

/** The layout of each mode: [clear part includes CSRCs and extension header, tag first, trailer bytes]. */
const SHAPES: Record<VoiceMode, [rtpsize: boolean, tagFirst: boolean, trailer: number]> = {
  aead_aes256_gcm_rtpsize: [true, false, 4],
  aead_xchacha20_poly1305_rtpsize: [true, false, 4],
  xsalsa20_poly1305_lite_rtpsize: [true, true, 4],
  aead_aes256_gcm: [false, false, 4],
  xsalsa20_poly1305_lite: [false, true, 4],
  xsalsa20_poly1305_suffix: [false, true, 24],
  xsalsa20_poly1305: [false, true, 0],
}

/** Returns the plain packet; throws if the tag does not verify. */
export function referenceOpen(mode: VoiceMode, key: Uint8Array, packet: Buffer): Buffer {
  const [rtpsize, tagFirst, trailerLength] = SHAPES[mode]
  const isRtcp = packet[1]! >= 192 && packet[1]! <= 223
  const growth = rtpsize ? (packet[0]! & 15) * 4 + (packet[0]! & 16 ? 4 : 0) : 0
  const clear = packet.subarray(0, isRtcp ? 8 : 12 + growth)
  const trailer = packet.subarray(packet.length - trailerLength)
  const body = packet.subarray(clear.length, packet.length - trailerLength)
  const nonce = Buffer.alloc(24)
  nonce.set(trailerLength > 0 ? trailer : packet.subarray(0, isRtcp ? 8 : 12))
  const tag = tagFirst ? body.subarray(0, 16) : body.subarray(-16)
  const ciphertext = tagFirst ? body.subarray(16) : body.subarray(0, -16)
  return Buffer.concat([clear, decrypt(mode, key, nonce, clear, ciphertext, tag)])
}

function decrypt(
  mode: VoiceMode,
  key: Uint8Array,
  nonce: Buffer,
  clear: Buffer,
  ciphertext: Buffer,
  tag: Buffer,
): Buffer {
  if (mode.includes('aes256')) return aead('aes-256-gcm', key, nonce.subarray(0, 12), clear, ciphertext, tag)
  if (mode.includes('xsalsa20')) return openSecretbox(key, nonce, ciphertext, tag)
  const subkey = hchacha20(key, nonce.subarray(0, 16))
  const rest = Buffer.concat([Buffer.alloc(4), nonce.subarray(16)])
  return aead('chacha20-poly1305', subkey, rest, clear, ciphertext, tag)
}

function aead(
  name: 'aes-256-gcm' | 'chacha20-poly1305',
  key: Uint8Array,
  nonce: Buffer,
  clear: Buffer,
  ciphertext: Buffer,
  tag: Buffer,
) {
  const decipher = createDecipheriv(name as 'aes-256-gcm', key, nonce, { authTagLength: 16 })
  decipher.setAAD(clear)
  decipher.setAuthTag(tag)
  return Buffer.concat([decipher.update(ciphertext), decipher.final()])
}

const SIGMA = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574] as const
const rotate = (value: number, by: number) => (value << by) | (value >>> (32 - by))
const littleEndian = (bytes: Uint8Array) =>
  Array.from({ length: bytes.length / 4 }, (_, index) => Buffer.from(bytes).readInt32LE(index * 4))
const toBytes = (words: readonly number[]) => {
  const bytes = Buffer.alloc(words.length * 4)
  for (const [index, word] of words.entries()) bytes.writeInt32LE(word | 0, index * 4)
  return bytes
}

/** draft-irtf-cfrg-xchacha §2.2 */
export function hchacha20(key: Uint8Array, input: Uint8Array): Buffer {
  const state: number[] = [...SIGMA, ...littleEndian(key), ...littleEndian(input)]
  const quarter = (a: number, b: number, c: number, d: number) => {
    for (const [add, by] of [
      [16, 12],
      [8, 7],
    ] as const) {
      state[a] = (state[a]! + state[b]!) | 0
      state[d] = rotate(state[d]! ^ state[a]!, add)
      state[c] = (state[c]! + state[d]!) | 0
      state[b] = rotate(state[b]! ^ state[c]!, by)
    }
  }
  for (let round = 0; round < 10; round++) {
    for (const column of [0, 1, 2, 3]) quarter(column, 4 + column, 8 + column, 12 + column)
    for (const column of [0, 1, 2, 3])
      quarter(column, 4 + ((column + 1) & 3), 8 + ((column + 2) & 3), 12 + ((column + 3) & 3))
  }
  return toBytes([...state.slice(0, 4), ...state.slice(12)])
}

/** The twenty rounds of Salsa20 on sixteen words, without the final addition (its specification, §8). */
function salsaRounds(input: readonly number[]): number[] {
  const state = [...input]
  const step = (to: number, a: number, b: number, by: number) => {
    state[to]! ^= rotate((state[a]! + state[b]!) | 0, by)
  }
  const quarter = (a: number, b: number, c: number, d: number) => {
    step(b, a, d, 7)
    step(c, b, a, 9)
    step(d, c, b, 13)
    step(a, d, c, 18)
  }
  for (let round = 0; round < 10; round++) {
    for (const index of [0, 5, 10, 15]) quarter(index, (index + 4) & 15, (index + 8) & 15, (index + 12) & 15)
    for (const row of [0, 1, 2, 3]) {
      const [a, b, c, d] = [0, 1, 2, 3].map(step => row * 4 + ((row + step) & 3)) as [number, number, number, number]
      quarter(a, b, c, d)
    }
  }
  return state
}

const salsaState = (key: readonly number[], input: readonly number[]) => [
  SIGMA[0],
  ...key.slice(0, 4),
  SIGMA[1],
  ...input,
  SIGMA[2],
  ...key.slice(4),
  SIGMA[3],
]

/** XSalsa20 (D. J. Bernstein, "Extending the Salsa20 nonce"): `length` bytes of its stream. */
function xsalsa20(key: Uint8Array, nonce: Uint8Array, length: number): Buffer {
  const mixed = salsaRounds(salsaState(littleEndian(key), littleEndian(nonce.subarray(0, 16))))
  const subkey = [0, 5, 10, 15, 6, 7, 8, 9].map(index => mixed[index]!)
  const blocks = Array.from({ length: Math.ceil(length / 64) }, (_, block) => {
    const state = salsaState(subkey, [...littleEndian(nonce.subarray(16)), block, 0])
    return toBytes(salsaRounds(state).map((word, index) => word + state[index]!))
  })
  return Buffer.concat(blocks).subarray(0, length)
}

/** RFC 8439 §2.5 */
function poly1305(key: Uint8Array, message: Uint8Array): Buffer {
  const number = (bytes: Uint8Array) => BigInt(`0x0${Buffer.from(bytes).reverse().toString('hex')}`)
  const factor = number(key.subarray(0, 16)) & 0x0ffffffc0ffffffc0ffffffc0fffffffn
  let sum = 0n
  for (let at = 0; at < message.length; at += 16) {
    const block = message.subarray(at, at + 16)
    sum = ((sum + number(block) + (1n << BigInt(block.length * 8))) * factor) % ((1n << 130n) - 5n)
  }
  const tag = (sum + number(key.subarray(16, 32))) & ((1n << 128n) - 1n)
  return Buffer.from(tag.toString(16).padStart(32, '0'), 'hex').reverse()
}

function openSecretbox(key: Uint8Array, nonce: Uint8Array, ciphertext: Buffer, tag: Buffer): Buffer {
  const stream = xsalsa20(key, nonce, 32 + ciphertext.length)
  if (!poly1305(stream.subarray(0, 32), ciphertext).equals(tag)) throw new Error('the tag does not verify')
  return ciphertext.map((byte, index) => byte ^ stream[32 + index]!) as Buffer
}
