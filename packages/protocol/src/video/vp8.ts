// The VP8 payload descriptor (RFC 7741 §4.2), which precedes the frame in every packet and stays clear under DAVE.
//
//    0 1 2 3 4 5 6 7
//   |X|R|N|S|R| PID |   S: start of a partition; PID: its index
//   |I|L|T|K|  RSV  |   if X
//   |M| PictureID   |   if I; 15 bits if M
//   |   TL0PICIDX   |   if L
//   |TID|Y| KEYIDX  |   if T or K
import { PictureDescriptor } from './picture-descriptor.ts'

const EXTENDED = 0x80
const START = 0x10
const PARTITION = 0x07
const HAS_PICTURE_ID = 0x80
const HAS_TL0 = 0x40
const HAS_TID = 0x20
const HAS_KEY_INDEX = 0x10
/** The first byte of a frame: 0 for a keyframe (RFC 7741 §4.3). */
const INTER_FRAME = 0x01

/** A parsed descriptor, reused for each packet. */
export class Vp8Descriptor extends PictureDescriptor {
  readonly isContinuous = true
  /** Bytes of the descriptor. */
  length = 0

  /** Parses the payload of `length` bytes at `offset`. Returns false if it is malformed. Per packet: no allocation, no throw. */
  parse(view: DataView, offset: number, length: number): boolean {
    this.clear()
    this.length = 0
    if (length < 2) return false
    const end = offset + length
    const first = view.getUint8(offset)
    let at = offset + 1
    if ((first & EXTENDED) !== 0) at = this.#extension(view, at, end)
    if (at < 0 || at >= end) return false
    this.length = at - offset
    this.isStart = (first & START) !== 0 && (first & PARTITION) === 0
    this.isKeyframe = this.isStart && (view.getUint8(at) & INTER_FRAME) === 0
    return true
  }

  /** A frame with Y depends on temporal layer 0 only, which says nothing of the layers between (RFC 7741 §4.2). */
  highestAfter(highest: number): number {
    return this.isSwitchPoint && this.temporal === highest + 1 ? this.temporal : highest
  }

  /** Returns where the payload goes on; −1 if the packet ends before. */
  #extension(view: DataView, start: number, end: number): number {
    if (start >= end) return -1
    const fields = view.getUint8(start)
    let at = start + 1
    if ((fields & HAS_PICTURE_ID) !== 0) {
      at = this.readPictureId(view, at, end)
      if (at < 0) return -1
    }
    if ((fields & HAS_TL0) !== 0) {
      if (at >= end) return -1
      this.tl0Place = at
      this.tl0 = view.getUint8(at++)
    }
    if ((fields & (HAS_TID | HAS_KEY_INDEX)) === 0) return at
    if (at >= end) return -1
    const layer = view.getUint8(at++)
    if ((fields & HAS_TID) !== 0) {
      this.temporal = layer >> 6
      this.isSwitchPoint = (layer & 0x20) !== 0
    }
    return at
  }
}
