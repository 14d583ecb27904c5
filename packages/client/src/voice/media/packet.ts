// Transport encryption of a client: seals and opens RTP and RTCP packets in every mode.
import { randomBytes } from 'node:crypto'
import {
  CLEAR_RTCP_LENGTH,
  clearRtpLength,
  fillProtectionNonce,
  PROTECTION_LAYOUTS,
  type ProtectionLayout,
  protectionOverhead,
  RTCP_HEADER,
  RTP_HEADER,
  type VoiceMode,
} from '@parley/protocol'
import { CIPHERS } from './ciphers.ts'

/** Kind of packet; the kinds differ in the length of their clear part. */
export type PacketKind = 'rtp' | 'rtcp'

/**
 * Seals a plain packet. `trailer` has `layout.trailerLength` bytes and holds the nonce: it must never be used twice with one
 * key.
 */
export function sealPacket(
  layout: ProtectionLayout,
  kind: PacketKind,
  key: Uint8Array,
  trailer: Uint8Array,
  plain: Uint8Array,
): Uint8Array {
  const clear = plain.subarray(0, clearLength(layout, kind, plain))
  const sealed = new Uint8Array(plain.length + protectionOverhead(layout))
  sealed.set(clear)
  sealed.set(trailer, sealed.length - trailer.length)
  const nonce = nonceOf(layout, kind, sealed)
  sealed.set(CIPHERS[layout.cipher].seal(key, nonce, clear, plain.subarray(clear.length)), clear.length)
  return sealed
}

/** Opens a sealed packet. Returns the plain packet; undefined if it is too short or does not authenticate. */
export function openPacket(
  layout: ProtectionLayout,
  kind: PacketKind,
  key: Uint8Array,
  sealed: Uint8Array,
): Uint8Array | undefined {
  if (sealed.length < headerLength(kind) + protectionOverhead(layout)) return undefined
  const length = clearLength(layout, kind, sealed)
  if (sealed.length < length + protectionOverhead(layout)) return undefined
  const clear = sealed.subarray(0, length)
  const body = sealed.subarray(length, sealed.length - layout.trailerLength)
  const plaintext = CIPHERS[layout.cipher].open(key, nonceOf(layout, kind, sealed), clear, body)
  if (plaintext === undefined) return undefined
  const plain = new Uint8Array(length + plaintext.length)
  plain.set(clear)
  plain.set(plaintext, length)
  return plain
}

/** Bytes that must be present before the clear part can be computed. */
const headerLength = (kind: PacketKind) => (kind === 'rtp' ? RTP_HEADER : RTCP_HEADER)

/** Bytes that travel in clear: for RTP they depend on mode and header, for RTCP they are always the same. */
const clearLength = (layout: ProtectionLayout, kind: PacketKind, bytes: Uint8Array) =>
  kind === 'rtp' ? clearRtpLength(layout, bytes, 0) : CLEAR_RTCP_LENGTH

function nonceOf(layout: ProtectionLayout, kind: PacketKind, sealed: Uint8Array): Uint8Array {
  const nonce = new Uint8Array(layout.nonceLength)
  fillProtectionNonce(layout, nonce, sealed, 0, sealed.length, headerLength(kind))
  return nonce
}

/** Nonces of the node are 2^31 or more in either byte order; a client stays below (docs/voice-gateway.md). */
const CLIENT_NONCES = 2 ** 31

/** One transport key with the counter of its nonces. */
export class PacketProtection {
  readonly mode: VoiceMode
  readonly #layout: ProtectionLayout
  readonly #key: Uint8Array
  #counter = 0

  constructor(mode: VoiceMode, key: Uint8Array) {
    this.mode = mode
    this.#layout = PROTECTION_LAYOUTS[mode]
    this.#key = key
  }

  /** Seals a packet under the next nonce. Undefined once the nonces of the key are exhausted, after 2^31 packets. */
  seal(kind: PacketKind, plain: Uint8Array): Uint8Array | undefined {
    if (this.#counter >= CLIENT_NONCES) return undefined
    return sealPacket(this.#layout, kind, this.#key, this.#nextTrailer(), plain)
  }

  /** As `openPacket`. */
  open(kind: PacketKind, sealed: Uint8Array): Uint8Array | undefined {
    return openPacket(this.#layout, kind, this.#key, sealed)
  }

  #nextTrailer(): Uint8Array {
    const counter = this.#counter++
    if (this.#layout.trailerLength !== 4) return randomBytes(this.#layout.trailerLength)
    const trailer = new Uint8Array(4)
    new DataView(trailer.buffer).setUint32(0, counter)
    return trailer
  }
}
