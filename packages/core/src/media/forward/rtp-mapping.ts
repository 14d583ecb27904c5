// How packets look to one peer: which payload types and which ids of header extensions it knows. Routes work in one form of
// the node's own, which is also what native clients send and expect for audio.
import {
  extensionLength,
  extensionPlace,
  findExtension,
  HIGHEST_EXTENSION_ID,
  NATIVE_EXTENSIONS,
  ONE_BYTE_EXTENSIONS,
  OPUS_PAYLOAD_TYPE,
  RTP_EXTENSION_BIT,
  RTP_HEADER,
  RTP_PAYLOAD_TYPE,
} from '@parley/protocol'
import type { RtpMappingDescription } from '../../lane/commands.ts'
import { type Batch, SLOT } from '../../lane/packet-io.ts'

const PAYLOAD_TYPES = 128
const UNKNOWN = 0xff

/** The extensions that are passed on, in the order of `Form.extensions`. */
const PASSED = ['audioLevel', 'videoOrientation', 'playoutDelay', 'speaker'] as const
/** Bytes of data of each. */
const LENGTHS = [1, 1, 3, 1] as const

export interface RtpMapping {
  /** Forms that look alike have the same key. */
  readonly key: string
  /** Ids of PASSED, 0 for none. */
  readonly extensions: Uint8Array
  /** Of the transport-wide sequence, 0 for none. */
  readonly transportSequence: number
  /** By the node's own payload type: the peer's; and the reverse. */
  readonly outgoing: Uint8Array
  readonly incoming: Uint8Array
}

/** Ids that do not fit one-byte elements are not used. */
export function createRtpMapping({ payloadTypes, extensions }: RtpMappingDescription): RtpMapping {
  const outgoing = new Uint8Array(PAYLOAD_TYPES).fill(UNKNOWN)
  const incoming = new Uint8Array(PAYLOAD_TYPES).fill(UNKNOWN)
  for (const [ours, theirs] of payloadTypes) {
    outgoing[ours] = theirs
    incoming[theirs] = ours
  }
  const idOf = (id: number | undefined) => (id !== undefined && id <= HIGHEST_EXTENSION_ID ? id : 0)
  return {
    key: JSON.stringify([payloadTypes, extensions]),
    extensions: Uint8Array.from(PASSED, name => idOf(extensions[name])),
    transportSequence: extensions.transportSequence ?? 0,
    outgoing,
    incoming,
  }
}

export const DISCORD_MAPPING: RtpMapping = createRtpMapping({
  payloadTypes: [[OPUS_PAYLOAD_TYPE, OPUS_PAYLOAD_TYPE]],
  extensions: NATIVE_EXTENSIONS,
})

/** Rewrites one packet in its slot from form to form. Per packet: no allocation. */
export class Rewriter {
  /** Data of each passed extension, at four bytes each; and whether it is there. */
  readonly #data = new Uint8Array(PASSED.length * 4)
  readonly #present = new Uint8Array(PASSED.length)
  #header = 0

  /** Reads what the packet in `slot` carries, whose header takes `header` bytes and has no CSRCs. */
  load(batch: Batch, slot: number, header: number, from: RtpMapping): void {
    this.#header = header
    for (let which = 0; which < PASSED.length; which++) this.#read(batch, slot, which, from.extensions[which]!)
  }

  /**
   * Writes the packet as `to` knows it, with payload type `type`. Returns the new length of the header; −1, and the packet is
   * as it was, if it does not fit its slot any more.
   */
  write(batch: Batch, slot: number, to: RtpMapping, type: number): number {
    const offset = slot * SLOT
    const { bytes, lengths } = batch
    const elements = this.#elementsLength(to)
    const header = RTP_HEADER + (elements > 0 ? 4 + elements : 0)
    const payload = lengths[slot]! - this.#header
    if (header + payload > SLOT) return -1
    if (header !== this.#header)
      bytes.copyWithin(offset + header, offset + this.#header, offset + this.#header + payload)
    bytes[offset] = (bytes[offset]! & ~RTP_EXTENSION_BIT) | (elements > 0 ? RTP_EXTENSION_BIT : 0)
    bytes[offset + 1] = (bytes[offset + 1]! & ~RTP_PAYLOAD_TYPE) | type
    if (elements > 0) this.#writeElements(batch, offset + RTP_HEADER, elements, to)
    this.#header = header
    lengths[slot] = header + payload
    return header
  }

  #read(batch: Batch, slot: number, which: number, id: number): void {
    const found = findExtension(batch.view, slot * SLOT, this.#header, id)
    const isWhole = found >= 0 && extensionLength(found) === LENGTHS[which]
    this.#present[which] = isWhole ? 1 : 0
    if (!isWhole) return
    const place = extensionPlace(found)
    for (let index = 0; index < LENGTHS[which]!; index++) this.#data[which * 4 + index] = batch.bytes[place + index]!
  }

  /** A multiple of four. */
  #elementsLength(to: RtpMapping): number {
    let length = 0
    for (let which = 0; which < PASSED.length; which++)
      if (this.#present[which] === 1 && to.extensions[which] !== 0) length += 1 + LENGTHS[which]!
    return (length + 3) & ~3
  }

  #writeElements({ bytes, view }: Batch, at: number, length: number, to: RtpMapping): void {
    view.setUint16(at, ONE_BYTE_EXTENSIONS)
    view.setUint16(at + 2, length / 4)
    let place = at + 4
    for (let which = 0; which < PASSED.length; which++) {
      const id = to.extensions[which]!
      if (this.#present[which] === 0 || id === 0) continue
      bytes[place++] = (id << 4) | (LENGTHS[which]! - 1)
      for (let index = 0; index < LENGTHS[which]!; index++) bytes[place++] = this.#data[which * 4 + index]!
    }
    bytes.fill(0, place, at + 4 + length)
  }
}

/** Whether a form knows this payload type. */
export const isKnownType = (type: number): boolean => type !== UNKNOWN
