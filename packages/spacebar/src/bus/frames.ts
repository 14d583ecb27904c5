// The framing of Spacebar's Unix-socket bus: a length as uint32 (big endian), then that many bytes of JSON.
import { LIMITS } from '../limits.ts'

const HEADER = 4

/** A length that no Spacebar sends: the peer speaks something else. */
export class FrameError extends Error {
  constructor(length: number) {
    super(`expected a frame of at most ${LIMITS.frameClaim} bytes, found one of ${length}`)
    this.name = 'FrameError'
  }
}

/** Cuts a stream of chunks into frames. Frames above `LIMITS.frame` are skipped without being stored. */
export class FrameReader {
  readonly #take: (frame: Buffer) => void
  #buffered: Buffer[] = []
  #size = 0
  /** Bytes of a long frame that are still to be dropped. */
  #skip = 0
  /** Frames that were too long. */
  skipped = 0

  constructor(take: (frame: Buffer) => void) {
    this.#take = take
  }

  /** Throws a FrameError; the reader cannot be used after that. */
  push(chunk: Buffer): void {
    let rest = chunk
    if (this.#skip > 0) {
      const dropped = Math.min(this.#skip, rest.length)
      this.#skip -= dropped
      rest = rest.subarray(dropped)
    }
    if (rest.length === 0) return
    this.#buffered.push(rest)
    this.#size += rest.length
    if (this.#size >= this.#wanted()) this.#cut()
  }

  /** Bytes until the next frame is complete, counted from the start of the buffer. A frame to skip is not waited for. */
  #wanted(): number {
    const first = this.#buffered[0]
    const length = first === undefined || first.length < HEADER ? 0 : first.readUInt32BE(0)
    return length > LIMITS.frame ? HEADER : HEADER + length
  }

  /** Takes complete frames out of the buffer. What is left begins with the next header. */
  #cut(): void {
    let bytes = this.#buffered.length === 1 ? this.#buffered[0]! : Buffer.concat(this.#buffered)
    while (bytes.length >= HEADER) {
      const length = bytes.readUInt32BE(0)
      if (length > LIMITS.frameClaim) throw new FrameError(length)
      const end = HEADER + length
      if (length > LIMITS.frame) {
        this.skipped++
        this.#skip = Math.max(0, end - bytes.length)
      } else if (bytes.length < end) break
      else this.#take(bytes.subarray(HEADER, end))
      bytes = bytes.subarray(Math.min(end, bytes.length))
    }
    this.#buffered = bytes.length > 0 ? [bytes] : []
    this.#size = bytes.length
  }
}

/** A message as one frame. */
export function frameOf(message: unknown): Buffer {
  const body = Buffer.from(JSON.stringify(message))
  const header = Buffer.alloc(HEADER)
  header.writeUInt32BE(body.length)
  return Buffer.concat([header, body])
}
