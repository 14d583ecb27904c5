// Opens SRTP packets. Written from RFC 3711 and RFC 7714 without the node's code, so that both check each other.
import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto'

type Profile = 'SRTP_AEAD_AES_128_GCM' | 'SRTP_AEAD_AES_256_GCM' | 'SRTP_AES128_CM_SHA1_80'

const SIZES: Readonly<Record<Profile, { key: number; salt: number }>> = {
  SRTP_AEAD_AES_128_GCM: { key: 16, salt: 12 },
  SRTP_AEAD_AES_256_GCM: { key: 32, salt: 12 },
  SRTP_AES128_CM_SHA1_80: { key: 16, salt: 14 },
}
export const GCM_TAG = 16
const CM_TAG = 10

/** Bytes that DTLS exports for a profile. */
export const materialLength = (profile: Profile): number => 2 * (SIZES[profile].key + SIZES[profile].salt)

export class SrtpOpener {
  readonly #profile: Profile
  readonly #key: Buffer
  readonly #authentication: Buffer
  readonly #salt: Buffer
  /** The highest index so far, by SSRC (RFC 3711 §3.3.1). */
  readonly #newest = new Map<number, number>()

  /** `master` is the sender's key, and then its salt. */
  constructor(profile: Profile, master: Uint8Array) {
    const { key, salt } = SIZES[profile]
    const [masterKey, masterSalt] = [master.subarray(0, key), master.subarray(key, key + salt)]
    this.#profile = profile
    this.#key = deriveSrtpKey(masterKey, masterSalt, 0, key)
    this.#authentication = deriveSrtpKey(masterKey, masterSalt, 1, 20)
    this.#salt = deriveSrtpKey(masterKey, masterSalt, 2, salt)
  }

  /** For a client. `material` as exported by DTLS: client key, server key, client salt, server salt (RFC 5764 §4.2). */
  static ofServer(profile: Profile, material: Uint8Array): SrtpOpener {
    const { key, salt } = SIZES[profile]
    const serverSalt = material.subarray(2 * key + salt, 2 * key + 2 * salt)
    return new SrtpOpener(profile, Buffer.concat([material.subarray(key, 2 * key), serverSalt]))
  }

  /** Returns the plain RTP packet, or undefined if its tag does not verify. */
  open(packet: Uint8Array): Uint8Array | undefined {
    const sealed = Buffer.from(packet)
    const ssrc = sealed.readUInt32BE(8)
    const index = this.#indexOf(ssrc, sealed.readUInt16BE(2))
    const clear = headerLength(sealed)
    const plain =
      this.#profile === 'SRTP_AES128_CM_SHA1_80'
        ? this.#openCm(sealed, clear, index)
        : this.#openGcm(sealed, clear, index)
    if (plain !== undefined) this.#newest.set(ssrc, Math.max(index, this.#newest.get(ssrc) ?? 0))
    return plain
  }

  #indexOf(ssrc: number, sequence: number): number {
    const newest = this.#newest.get(ssrc)
    if (newest === undefined) return sequence
    const candidates = [-1, 0, 1].map(turn => (Math.floor(newest / 65_536) + turn) * 65_536 + sequence)
    return candidates.reduce((best, each) => (Math.abs(each - newest) < Math.abs(best - newest) ? each : best))
  }

  #openGcm(sealed: Buffer, clear: number, index: number): Uint8Array | undefined {
    const iv = packetIv(this.#salt, sealed.readUInt32BE(8), index)
    const name = this.#profile === 'SRTP_AEAD_AES_128_GCM' ? 'aes-128-gcm' : 'aes-256-gcm'
    const end = sealed.length - GCM_TAG
    const cipher = createDecipheriv(name, this.#key, iv, { authTagLength: GCM_TAG })
    cipher.setAAD(sealed.subarray(0, clear)).setAuthTag(sealed.subarray(end))
    const body = cipher.update(sealed.subarray(clear, end))
    try {
      return Buffer.concat([sealed.subarray(0, clear), body, cipher.final()])
    } catch {
      return undefined
    }
  }

  #openCm(sealed: Buffer, clear: number, index: number): Uint8Array | undefined {
    const end = sealed.length - CM_TAG
    const rollover = Buffer.alloc(4)
    rollover.writeUInt32BE(Math.floor(index / 65_536))
    const mac = createHmac('sha1', this.#authentication).update(sealed.subarray(0, end)).update(rollover).digest()
    if (!mac.subarray(0, CM_TAG).equals(sealed.subarray(end))) return undefined
    const block = Buffer.alloc(16)
    block.writeUInt32BE(sealed.readUInt32BE(8), 4)
    block.writeUIntBE(index, 8, 6)
    for (let at = 0; at < 14; at++) block[at]! ^= this.#salt[at]!
    const body = createCipheriv('aes-128-ctr', this.#key, block).update(sealed.subarray(clear, end))
    return Buffer.concat([sealed.subarray(0, clear), body])
  }
}

/** AES-CTR of zeros under the salt with the label in its eighth byte (RFC 3711 §4.3.1, rate 0). */
export function deriveSrtpKey(master: Uint8Array, salt: Uint8Array, label: number, length: number): Buffer {
  const block = Buffer.alloc(16)
  block.set(salt)
  block[7]! ^= label
  const name = master.length === 32 ? 'aes-256-ctr' : 'aes-128-ctr'
  return createCipheriv(name, master, block).update(Buffer.alloc(length))
}

/** The nonce of AES-GCM: SSRC and index under the salt (RFC 7714 §8.1). */
export function packetIv(salt: Uint8Array, ssrc: number, index: number): Buffer {
  const iv = Buffer.alloc(12)
  iv.writeUInt32BE(ssrc, 2)
  iv.writeUIntBE(index, 6, 6)
  for (let at = 0; at < 12; at++) iv[at]! ^= salt[at]!
  return iv
}

/** Fixed header, CSRCs and extension (RFC 3550 §5.1). */
function headerLength(packet: Buffer): number {
  const first = packet[0]!
  const fixed = 12 + 4 * (first & 0x0f)
  return (first & 0x10) === 0 ? fixed : fixed + 4 + 4 * packet.readUInt16BE(fixed + 2)
}
