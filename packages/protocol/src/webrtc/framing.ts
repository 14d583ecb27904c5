// Datagrams in a TCP stream (RFC 4571 §2), as ICE-TCP uses it (RFC 6544 §3): a big-endian length of two bytes, then the datagram.

/** What a frame's two length bytes add to it. */
export const FRAME_HEADER = 2

/**
 * Divides a TCP stream into frames. A length is never trusted: one above `longest` ends the reading, and memory is reserved for one
 * frame at most.
 */
export class FrameReader {
  readonly #longest: number
  /** The first byte of a length, whose second has not arrived; −1 for none. */
  #half = -1
  /** A frame of which a part has arrived … */
  #frame: Uint8Array | undefined
  /** … and how much of it. */
  #filled = 0

  constructor(longest: number) {
    this.#longest = longest
  }

  /**
   * Passes each frame that `chunk` completes. A frame stays valid, as part of the chunk or as a copy. Frames without content are skipped.
   * Returns false at a length above `longest`: the stream cannot be read any further.
   */
  read(chunk: Uint8Array, take: (frame: Uint8Array) => void): boolean {
    let at = 0
    while (at < chunk.length) {
      if (this.#frame === undefined) {
        const length = this.#lengthAt(chunk, at)
        if (length < 0) return true
        at += this.#half < 0 ? FRAME_HEADER : 1
        this.#half = -1
        if (length > this.#longest) return false
        if (at + length <= chunk.length) {
          if (length > 0) take(chunk.subarray(at, at + length))
          at += length
          continue
        }
        this.#frame = new Uint8Array(length)
        this.#filled = 0
      }
      at += this.#fill(this.#frame, chunk, at)
      if (this.#filled < this.#frame.length) return true
      const frame = this.#frame
      this.#frame = undefined
      take(frame)
    }
    return true
  }

  /** The length that begins at `at`, or before the chunk; −1 if its second byte has not arrived. */
  #lengthAt(chunk: Uint8Array, at: number): number {
    if (this.#half >= 0) return (this.#half << 8) | chunk[at]!
    if (at + 1 < chunk.length) return (chunk[at]! << 8) | chunk[at + 1]!
    this.#half = chunk[at]!
    return -1
  }

  /** Returns how many bytes were taken. */
  #fill(frame: Uint8Array, chunk: Uint8Array, at: number): number {
    const taken = Math.min(frame.length - this.#filled, chunk.length - at)
    frame.set(chunk.subarray(at, at + taken), this.#filled)
    this.#filled += taken
    return taken
  }
}

/** A frame with its header, as one piece. */
export function encodeFrame(datagram: Uint8Array): Uint8Array {
  const frame = new Uint8Array(FRAME_HEADER + datagram.length)
  frame[0] = datagram.length >> 8
  frame[1] = datagram.length & 0xff
  frame.set(datagram, FRAME_HEADER)
  return frame
}
