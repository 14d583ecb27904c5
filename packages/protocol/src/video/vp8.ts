// The VP8 payload descriptor (RFC 7741 §4.2), which precedes the frame in every packet and stays clear under DAVE.
//
//    0 1 2 3 4 5 6 7
//   |X|R|N|S|R| PID |   S: start of a partition; PID: its index
//   |I|L|T|K|  RSV  |   if X
//   |M| PictureID   |   if I; 15 bits if M
//   |   TL0PICIDX   |   if L
//   |TID|Y| KEYIDX  |   if T or K
const EXTENDED = 0x80
const START = 0x10
const PARTITION = 0x07
const HAS_PICTURE_ID = 0x80
const HAS_TL0 = 0x40
const HAS_TID = 0x20
const HAS_KEY_INDEX = 0x10
const LONG_PICTURE_ID = 0x80
/** The first byte of a frame: 0 for a keyframe (RFC 7741 §4.3). */
const INTER_FRAME = 0x01

/** A parsed descriptor, reused for each packet. Places are offsets in the view; −1 for an absent field. */
export class Vp8Descriptor {
  /** Bytes of the descriptor. */
  length = 0
  /** The packet begins a frame. */
  isStart = false
  /** The packet begins a keyframe. */
  isKeyframe = false
  pictureIdPlace = -1
  /** 7 or 15. */
  pictureIdBits = 0
  pictureId = 0
  tl0Place = -1
  tl0 = 0
  /** Temporal layer; 0 if there is none. */
  temporal = 0
  /** The layer may be added with this frame. */
  isSwitchPoint = false

  /** Parses the payload of `length` bytes at `offset`. Returns false if it is malformed. Per packet: no allocation, no throw. */
  parse(view: DataView, offset: number, length: number): boolean {
    this.#clear()
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

  /** Returns where the payload goes on; −1 if the packet ends before. */
  #extension(view: DataView, start: number, end: number): number {
    if (start >= end) return -1
    const fields = view.getUint8(start)
    let at = start + 1
    if ((fields & HAS_PICTURE_ID) !== 0) {
      at = this.#pictureId(view, at, end)
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

  #pictureId(view: DataView, at: number, end: number): number {
    if (at >= end) return -1
    const first = view.getUint8(at)
    const isLong = (first & LONG_PICTURE_ID) !== 0
    if (isLong && at + 2 > end) return -1
    this.pictureIdPlace = at
    this.pictureIdBits = isLong ? 15 : 7
    this.pictureId = isLong ? view.getUint16(at) & 0x7fff : first
    return at + (isLong ? 2 : 1)
  }

  #clear(): void {
    this.length = 0
    this.isStart = false
    this.isKeyframe = false
    this.pictureIdPlace = -1
    this.pictureIdBits = 0
    this.pictureId = 0
    this.tl0Place = -1
    this.tl0 = 0
    this.temporal = 0
    this.isSwitchPoint = false
  }
}

/** Writes a picture id of 7 or 15 bits; higher bits are cut. VP9 has the same field. */
export function writePictureId(view: DataView, place: number, bits: number, id: number): void {
  if (bits === 15) view.setUint16(place, 0x8000 | (id & 0x7fff))
  else view.setUint8(place, id & 0x7f)
}
