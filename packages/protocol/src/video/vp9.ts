// The VP9 payload descriptor (RFC 9628 §4.2), which precedes the frame in every packet. Under DAVE nothing else is clear.
//
//    0 1 2 3 4 5 6 7
//   |I|P|L|F|B|E|V|Z|   P: predicted from another frame; B: start of a frame; F: flexible mode
//   |M| PictureID   |   if I; 15 bits if M
//   | TID |U| SID |D|   if L; U: the temporal layer may be added
//   |   TL0PICIDX   |   if L and not F
const HAS_PICTURE_ID = 0x80
const PREDICTED = 0x40
const HAS_LAYER = 0x20
const FLEXIBLE = 0x10
const START = 0x08
const LONG_PICTURE_ID = 0x80

/** A parsed descriptor, reused for each packet. Places are offsets in the view; −1 for an absent field. */
export class Vp9Descriptor {
  /** The packet begins a frame. */
  isStart = false
  /** The packet begins a keyframe of the lowest spatial layer. */
  isKeyframe = false
  pictureIdPlace = -1
  /** 7 or 15. */
  pictureIdBits = 0
  pictureId = 0
  tl0Place = -1
  tl0 = 0
  /** Temporal and spatial layer; 0 if there is none. */
  temporal = 0
  spatial = 0
  isSwitchPoint = false

  /** Parses the payload of `length` bytes at `offset`. Returns false if it is malformed. Per packet: no allocation, no throw. */
  parse(view: DataView, offset: number, length: number): boolean {
    this.#clear()
    if (length < 1) return false
    const end = offset + length
    const first = view.getUint8(offset)
    let at = offset + 1
    if ((first & HAS_PICTURE_ID) !== 0) at = this.#pictureId(view, at, end)
    if (at >= 0 && (first & HAS_LAYER) !== 0) at = this.#layer(view, at, end, (first & FLEXIBLE) === 0)
    if (at < 0 || at >= end) return false
    this.isStart = (first & START) !== 0
    this.isKeyframe = this.isStart && (first & PREDICTED) === 0 && this.spatial === 0
    return true
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

  #clear(): void {
    this.isStart = false
    this.isKeyframe = false
    this.pictureIdPlace = -1
    this.pictureIdBits = 0
    this.pictureId = 0
    this.tl0Place = -1
    this.tl0 = 0
    this.temporal = 0
    this.spatial = 0
    this.isSwitchPoint = false
  }
}
