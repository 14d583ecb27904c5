// What the RTP payload formats of the video codecs have in common.

export interface Payloads {
  /** Whether a payload certainly begins a frame. */
  begins(payload: Uint8Array): boolean
  /** The frame of these payloads, in order. */
  join(payloads: readonly Uint8Array[]): Uint8Array
  /** Whether this first payload of a frame is of a keyframe. Only where the frame does not say so itself. */
  isKeyframe?(payload: Uint8Array): boolean
  split(frame: Uint8Array, isKeyframe: boolean): Uint8Array[]
}

/** Bytes of a frame in one packet. */
export const MOST_BYTES = 1_100

export const concat = (parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(Buffer.concat(parts))
export const partsOf = (bytes: Uint8Array): Uint8Array[] =>
  Array.from({ length: Math.ceil(bytes.length / MOST_BYTES) }, (_, index) =>
    bytes.subarray(index * MOST_BYTES, (index + 1) * MOST_BYTES),
  )
export const withHeader = (first: number, bytes: Uint8Array): Uint8Array => concat([Uint8Array.of(first), bytes])
