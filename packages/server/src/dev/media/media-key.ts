// The transport key of a relayed session: opens packets of both directions, and seals those of the test server's own.
import { type PacketKind, PacketProtection, sealPacket } from '@parley/client'
import { PROTECTION_LAYOUTS, VoiceMode } from '@parley/protocol'

/** Nonces of the test server: below those of the node (2^31), far above those that a client reaches. */
const FIRST_NONCE = 2 ** 30

export class MediaKey {
  readonly mode: VoiceMode
  readonly #key: Uint8Array
  readonly #opening: PacketProtection
  #nonce = FIRST_NONCE

  constructor(mode: VoiceMode, key: Uint8Array) {
    this.mode = mode
    this.#key = key
    this.#opening = new PacketProtection(mode, key)
  }

  open(kind: PacketKind, sealed: Uint8Array): Uint8Array | undefined {
    return this.#opening.open(kind, sealed)
  }

  seal(kind: PacketKind, plain: Uint8Array): Uint8Array {
    const layout = PROTECTION_LAYOUTS[this.mode]
    const trailer = new Uint8Array(layout.trailerLength)
    if (trailer.length >= 4) new DataView(trailer.buffer).setUint32(0, this.#nonce++)
    return sealPacket(layout, kind, this.#key, trailer, plain)
  }

  /** The nonce that a sealed packet carries, as hexadecimal digits; undefined if its header is the nonce. */
  nonceOf(sealed: Uint8Array): string | undefined {
    const { trailerLength } = PROTECTION_LAYOUTS[this.mode]
    return trailerLength === 0 ? undefined : Buffer.from(sealed.subarray(sealed.length - trailerLength)).toString('hex')
  }
}

const MODES: readonly string[] = Object.values(VoiceMode)

/** From the data of Session Description; undefined for WebRTC. */
export function mediaKeyOf(d: unknown): MediaKey | undefined {
  const { mode, secret_key: key } = (d ?? {}) as { mode?: unknown; secret_key?: unknown }
  if (typeof mode !== 'string' || !MODES.includes(mode) || !Array.isArray(key)) return undefined
  return new MediaKey(mode as VoiceMode, Uint8Array.from(key as number[]))
}
