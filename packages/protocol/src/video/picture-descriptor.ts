// What the payload descriptors of VP8 and VP9 have in common: where a picture is, and in which temporal layer.

/** The first bit of a picture id of 15 bits; one of 7 bits has 0 there (RFC 7741 §4.2, RFC 9628 §4.2). */
const LONG_PICTURE_ID = 0x80

/** A parsed descriptor, reused for each packet. Places are offsets in the view; −1 for an absent field. */
export abstract class PictureDescriptor {
  /** A receiver takes a gap in the picture ids for a loss. */
  abstract readonly isContinuous: boolean
  /** The packet begins a frame. */
  isStart = false
  /** The packet begins a keyframe; in VP9 one of the lowest spatial layer. */
  isKeyframe = false
  pictureIdPlace = -1
  /** 7 or 15. */
  pictureIdBits = 0
  pictureId = 0
  tl0Place = -1
  tl0 = 0
  /** Temporal layer; 0 if there is none. */
  temporal = 0
  /** A temporal layer may be added with this frame; which one, differs between the codecs. */
  isSwitchPoint = false

  /**
   * The highest temporal layer that a receiver of those up to `highest` can decode from this frame on; `highest` if no other. Bit n of
   * `sent`: it was sent the frame n + 1 before this one.
   */
  abstract highestAfter(highest: number, sent: number): number

  protected clear(): void {
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

  /** Returns where the descriptor goes on; −1 if the packet ends before. */
  protected readPictureId(view: DataView, at: number, end: number): number {
    if (at >= end) return -1
    const first = view.getUint8(at)
    const isLong = (first & LONG_PICTURE_ID) !== 0
    if (isLong && at + 2 > end) return -1
    this.pictureIdPlace = at
    this.pictureIdBits = isLong ? 15 : 7
    this.pictureId = isLong ? view.getUint16(at) & 0x7fff : first
    return at + (isLong ? 2 : 1)
  }
}

/** Writes a picture id of 7 or 15 bits; higher bits are cut. */
export function writePictureId(view: DataView, place: number, bits: number, id: number): void {
  if (bits === 15) view.setUint16(place, 0x8000 | (id & 0x7fff))
  else view.setUint8(place, id & 0x7f)
}
