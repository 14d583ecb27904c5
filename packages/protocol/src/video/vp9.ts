// The VP9 payload descriptor (RFC 9628 §4.2), which precedes the frame in every packet. Under DAVE nothing else is clear.
//
//    0 1 2 3 4 5 6 7
//   |I|P|L|F|B|E|V|Z|   P: predicted from another frame; B: start of a frame; F: flexible mode
//   |M| PictureID   |   if I; 15 bits if M
//   | TID |U| SID |D|   if L; U: the temporal layer may be added
//   |   TL0PICIDX   |   if L and not F
import { PictureDescriptor } from './picture-descriptor.ts'

const HAS_PICTURE_ID = 0x80
const PREDICTED = 0x40
const HAS_LAYER = 0x20
const FLEXIBLE = 0x10
const START = 0x08

/** TID has three bits. */
const HIGHEST_TEMPORAL = 7

/** A parsed descriptor, reused for each packet. */
export class Vp9Descriptor extends PictureDescriptor {
  /** Frames name others by the distance of their picture ids, so that those of dropped frames must stay unused. */
  readonly isContinuous = false
  /** Spatial layer; 0 if there is none. */
  spatial = 0

  /** Parses the payload of `length` bytes at `offset`. Returns false if it is malformed. Per packet: no allocation, no throw. */
  parse(view: DataView, offset: number, length: number): boolean {
    this.clear()
    this.spatial = 0
    if (length < 1) return false
    const end = offset + length
    const first = view.getUint8(offset)
    let at = offset + 1
    if ((first & HAS_PICTURE_ID) !== 0) at = this.readPictureId(view, at, end)
    if (at >= 0 && (first & HAS_LAYER) !== 0) at = this.#layer(view, at, end, (first & FLEXIBLE) === 0)
    if (at < 0 || at >= end) return false
    this.isStart = (first & START) !== 0
    this.isKeyframe = this.isStart && (first & PREDICTED) === 0 && this.spatial === 0
    return true
  }

  /** No later frame of a higher temporal layer depends on one of these before a frame with U (RFC 9628 §4.2). */
  highestAfter(highest: number): number {
    return this.isSwitchPoint && this.temporal <= highest ? HIGHEST_TEMPORAL : highest
  }

  #layer(view: DataView, at: number, end: number, hasTl0: boolean): number {
    if (at + (hasTl0 ? 2 : 1) > end) return -1
    const layer = view.getUint8(at)
    this.temporal = layer >> 5
    this.isSwitchPoint = (layer & 0x10) !== 0
    this.spatial = (layer >> 1) & 7
    if (!hasTl0) return at + 1
    this.tl0Place = at + 1
    this.tl0 = view.getUint8(at + 1)
    return at + 2
  }
}
