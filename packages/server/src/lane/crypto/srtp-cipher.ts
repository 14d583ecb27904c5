// The ciphers of SRTP's profiles with their session keys, on node:crypto: AES-GCM (RFC 7714), AES-CM with HMAC-SHA1 (RFC 3711).
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  type KeyObject,
  timingSafeEqual,
} from 'node:crypto'
import {
  cutSrtpMaterial,
  type SrtpLabel,
  type SrtpLayout,
  type SrtpMasterKey,
  srtpDerivationBlock,
} from '@parley/protocol'

/** One direction, RTP or RTCP. */
export interface SrtpCipher {
  /** Salt for the IV or counter block, which the caller fills into `iv` before each packet. */
  readonly salt: Uint8Array
  /** 12 bytes for GCM, 16 for CM. */
  readonly iv: Uint8Array
  /**
   * Of the packet at `start` of `bytes`: encrypts the `length` bytes at `plain` to behind the first `clear` ones, where they may
   * be already, and writes the tag at `tag`. `extra` is authenticated too: the rollover counter (CM), or the word with E bit and
   * index (RTCP).
   */
  seal(
    bytes: Uint8Array,
    start: number,
    clear: number,
    plain: number,
    length: number,
    extra: Uint8Array,
    tag: number,
  ): void
  /** The reverse. Returns false, and leaves anything there, if the tag does not verify. */
  open(bytes: Uint8Array, start: number, clear: number, length: number, extra: Uint8Array, tag: number): boolean
  /** Frees what is not the garbage collector's to free. */
  close?(): void
}

/** Keys derived from the master key of one direction, for RTP or for RTCP. */
export interface SrtpSessionKey {
  readonly key: Uint8Array
  readonly salt: Uint8Array
  /** Empty with GCM. */
  readonly authentication: Uint8Array
}

const AUTHENTICATION_LENGTH = 20

/** Derives the session keys of one direction (RFC 3711 §4.3.1, rate 0); `first` is the first of three labels. */
export function deriveSrtpKeys(layout: SrtpLayout, master: SrtpMasterKey, first: 0 | 3): SrtpSessionKey {
  const derive = (label: number, length: number) => {
    if (length === 0) return new Uint8Array(0)
    const block = srtpDerivationBlock(master.salt, (first + label) as SrtpLabel)
    return new Uint8Array(createCipheriv(ctrName(layout), master.key, block).update(new Uint8Array(length)))
  }
  return {
    key: derive(0, layout.keyLength),
    authentication: derive(1, layout.isGcm ? 0 : AUTHENTICATION_LENGTH),
    salt: derive(2, layout.saltLength),
  }
}

export type MakeSrtpCipher = (layout: SrtpLayout, session: SrtpSessionKey, direction: 'open' | 'seal') => SrtpCipher

/** The first of three labels of RFC 3711 §4.3.1. */
const RTP = 0
const RTCP = 3

/**
 * The four session keys of a peer: RTP and RTCP, in both directions. Each is derived with the first packet of its kind: a silent
 * listener uses none of them, and a state takes half a kilobyte or more. Per packet: allocates only for the first of each kind.
 */
export class SrtpKeys {
  readonly #layout: SrtpLayout
  readonly #makeCipher: MakeSrtpCipher
  /** As exported for a DTLS server; undefined once it is erased. */
  #material: Uint8Array | undefined
  #rtpIn: SrtpCipher | undefined
  #rtpOut: SrtpCipher | undefined
  #rtcpIn: SrtpCipher | undefined
  #rtcpOut: SrtpCipher | undefined

  /** Keeps a copy of `material`. */
  constructor(layout: SrtpLayout, material: Uint8Array, makeCipher: MakeSrtpCipher) {
    this.#layout = layout
    this.#material = material.slice()
    this.#makeCipher = makeCipher
  }

  get rtpIn(): SrtpCipher {
    this.#rtpIn ??= this.#derive('client', RTP)
    return this.#rtpIn
  }
  get rtcpIn(): SrtpCipher {
    this.#rtcpIn ??= this.#derive('client', RTCP)
    return this.#rtcpIn
  }
  get rtpOut(): SrtpCipher {
    this.#rtpOut ??= this.#derive('server', RTP)
    return this.#rtpOut
  }
  get rtcpOut(): SrtpCipher {
    this.#rtcpOut ??= this.#derive('server', RTCP)
    return this.#rtcpOut
  }

  /** Erases the material, and frees the keys outside the JavaScript heap. */
  close(): void {
    this.#material?.fill(0)
    this.#material = undefined
    for (const cipher of [this.#rtpIn, this.#rtpOut, this.#rtcpIn, this.#rtcpOut]) cipher?.close?.()
  }

  /** The node is the server: what the client sends is opened with the client's keys. */
  #derive(sender: 'client' | 'server', first: typeof RTP | typeof RTCP): SrtpCipher {
    if (this.#material === undefined) throw new Error('expected keys that are not closed')
    const master = cutSrtpMaterial(this.#layout, this.#material)[sender]
    const session = deriveSrtpKeys(this.#layout, master, first)
    return this.#makeCipher(this.#layout, session, sender === 'client' ? 'open' : 'seal')
  }
}

/** The portable cipher of a profile; the ffi engine uses `SrtpSlots` for GCM. */
export const makeSrtpCipher = (layout: SrtpLayout, session: SrtpSessionKey): SrtpCipher =>
  layout.isGcm ? new GcmSrtp(layout, session) : new CmSrtp(layout, session)

const ctrName = ({ keyLength }: SrtpLayout) => (keyLength === 32 ? 'aes-256-ctr' : 'aes-128-ctr')

/** Clear part and `extra` are additional data; the tag follows the ciphertext (RFC 7714 §8.2, §9.2). */
class GcmSrtp implements SrtpCipher {
  readonly salt: Uint8Array
  readonly iv = new Uint8Array(12)
  readonly #name: 'aes-128-gcm' | 'aes-256-gcm'
  readonly #key: KeyObject
  readonly #options: { authTagLength: number }

  constructor(layout: SrtpLayout, session: SrtpSessionKey) {
    this.salt = session.salt
    this.#name = layout.keyLength === 32 ? 'aes-256-gcm' : 'aes-128-gcm'
    this.#key = createSecretKey(session.key)
    this.#options = { authTagLength: layout.tagLength }
  }

  seal(
    bytes: Uint8Array,
    start: number,
    clear: number,
    plain: number,
    length: number,
    extra: Uint8Array,
    tag: number,
  ): void {
    const at = start + clear
    const cipher = createCipheriv(this.#name, this.#key, this.iv, this.#options)
    cipher.setAAD(joined(bytes.subarray(start, at), extra))
    bytes.set(cipher.update(bytes.subarray(plain, plain + length)), at)
    cipher.final()
    bytes.set(cipher.getAuthTag(), tag)
  }

  open(bytes: Uint8Array, start: number, clear: number, length: number, extra: Uint8Array, tag: number): boolean {
    const at = start + clear
    try {
      const decipher = createDecipheriv(this.#name, this.#key, this.iv, this.#options)
      decipher.setAAD(joined(bytes.subarray(start, at), extra))
      decipher.setAuthTag(bytes.subarray(tag, tag + this.#options.authTagLength))
      const plain = decipher.update(bytes.subarray(at, at + length))
      decipher.final()
      bytes.set(plain, at)
      return true
    } catch {
      return false
    }
  }
}

/** The MAC is over the encrypted packet and `extra` (RFC 3711 §4.2). */
class CmSrtp implements SrtpCipher {
  readonly salt: Uint8Array
  readonly iv = new Uint8Array(16)
  readonly #key: KeyObject
  readonly #authentication: KeyObject
  readonly #tagLength: number

  constructor(layout: SrtpLayout, session: SrtpSessionKey) {
    this.salt = session.salt
    this.#key = createSecretKey(session.key)
    this.#authentication = createSecretKey(session.authentication)
    this.#tagLength = layout.tagLength
  }

  seal(
    bytes: Uint8Array,
    start: number,
    clear: number,
    plain: number,
    length: number,
    extra: Uint8Array,
    tag: number,
  ): void {
    this.#cipher(bytes, plain, length, start + clear)
    const end = start + clear + length
    bytes.set(this.#mac(bytes.subarray(start, end), extra), tag)
  }

  open(bytes: Uint8Array, start: number, clear: number, length: number, extra: Uint8Array, tag: number): boolean {
    const end = start + clear + length
    const found = bytes.subarray(tag, tag + this.#tagLength)
    if (!timingSafeEqual(this.#mac(bytes.subarray(start, end), extra), found)) return false
    this.#cipher(bytes, start + clear, length, start + clear)
    return true
  }

  /** AES in counter mode is its own inverse (RFC 3711 §4.1.1). */
  #cipher(bytes: Uint8Array, from: number, length: number, to: number): void {
    bytes.set(createCipheriv('aes-128-ctr', this.#key, this.iv).update(bytes.subarray(from, from + length)), to)
  }

  #mac(packet: Uint8Array, extra: Uint8Array): Uint8Array {
    const digest = createHmac('sha1', this.#authentication).update(packet).update(extra).digest()
    return digest.subarray(0, this.#tagLength)
  }
}

const joined = (first: Uint8Array, second: Uint8Array): Uint8Array =>
  second.length === 0 ? first : Buffer.concat([first, second])
