// Hot: rewrites payload type and header extensions of a packet from one RTP mapping to another.
import {
  extensionLength,
  extensionPlace,
  findExtension,
  ONE_BYTE_EXTENSIONS,
  RTP_EXTENSION_BIT,
  RTP_HEADER,
  RTP_PAYLOAD_TYPE,
} from '@parley/protocol'
import { type Batch, SLOT } from '../../lane/batch.ts'
import { FORWARDED_EXTENSIONS, type RtpMapping } from '../streams/rtp-mapping.ts'

const COUNT = FORWARDED_EXTENSIONS.length
/** Bytes of data of each forwarded extension. */
const LENGTHS = FORWARDED_EXTENSIONS.map(name => (name === 'playoutDelay' ? 3 : 1))

/** Bytes of the element of a stamp, and where its data is in the packet. */
const STAMP_LENGTH = 3
export const STAMP = RTP_HEADER + 5

/** `load` once, then `write` for each mapping. Per packet: no allocation. */
export class Rewriter {
  /** Data of each forwarded extension, at four bytes each; and whether the packet has it. */
  readonly #data = new Uint8Array(COUNT * 4)
  readonly #present = new Uint8Array(COUNT)
  #header = 0

  /** Reads the extensions of the packet in `slot`, whose header takes `header` bytes and has no CSRCs. */
  load(batch: Batch, slot: number, header: number, from: RtpMapping): void {
    this.#header = header
    for (let which = 0; which < COUNT; which++) this.#read(batch, slot, which, from.extensions[which]!)
  }

  /**
   * Writes the packet in the numbering of `to`, with payload type `type`. With a `stamp`, the first element has that id and two
   * bytes, at STAMP, for the transport-wide sequence. Returns the new length of the header; −1, and leaves the packet as it was,
   * if it does not fit its slot.
   */
  write(batch: Batch, slot: number, to: RtpMapping, type: number, stamp: number): number {
    const offset = slot * SLOT
    const { bytes, lengths } = batch
    const elements = this.#elementsLength(to, stamp)
    const header = RTP_HEADER + (elements > 0 ? 4 + elements : 0)
    const payload = lengths[slot]! - this.#header
    if (header + payload > SLOT) return -1
    if (header !== this.#header)
      bytes.copyWithin(offset + header, offset + this.#header, offset + this.#header + payload)
    bytes[offset] = (bytes[offset]! & ~RTP_EXTENSION_BIT) | (elements > 0 ? RTP_EXTENSION_BIT : 0)
    bytes[offset + 1] = (bytes[offset + 1]! & ~RTP_PAYLOAD_TYPE) | type
    if (elements > 0) this.#writeElements(batch, offset + RTP_HEADER, elements, to, stamp)
    this.#header = header
    lengths[slot] = header + payload
    return header
  }

  /** Remembers one extension. One of an unexpected length is treated as absent. */
  #read(batch: Batch, slot: number, which: number, id: number): void {
    const found = findExtension(batch.view, slot * SLOT, this.#header, id)
    const isWhole = found >= 0 && extensionLength(found) === LENGTHS[which]
    this.#present[which] = isWhole ? 1 : 0
    if (!isWhole) return
    const place = extensionPlace(found)
    for (let index = 0; index < LENGTHS[which]!; index++) this.#data[which * 4 + index] = batch.bytes[place + index]!
  }

  /** Bytes that the elements take in `to`: a multiple of four. */
  #elementsLength(to: RtpMapping, stamp: number): number {
    let length = stamp === 0 ? 0 : STAMP_LENGTH
    for (let which = 0; which < COUNT; which++)
      if (this.#present[which] === 1 && to.extensions[which] !== 0) length += 1 + LENGTHS[which]!
    return (length + 3) & ~3
  }

  /** Writes the extension block in the one-byte form (RFC 8285 §4.2), padded with zeros. */
  #writeElements({ bytes, view }: Batch, at: number, length: number, to: RtpMapping, stamp: number): void {
    view.setUint16(at, ONE_BYTE_EXTENSIONS)
    view.setUint16(at + 2, length / 4)
    let place = at + 4
    if (stamp !== 0) {
      bytes[place] = (stamp << 4) | 1
      view.setUint16(place + 1, 0)
      place += STAMP_LENGTH
    }
    for (let which = 0; which < COUNT; which++) {
      const id = to.extensions[which]!
      if (this.#present[which] === 0 || id === 0) continue
      bytes[place++] = (id << 4) | (LENGTHS[which]! - 1)
      for (let index = 0; index < LENGTHS[which]!; index++) bytes[place++] = this.#data[which * 4 + index]!
    }
    bytes.fill(0, place, at + 4 + length)
  }
}
