// Who speaks, by what is heard: a speaking message also introduces users who said something long ago.
import { OPUS_SILENCE } from '@parley/protocol'

/** Clients pause between words without a word; after so many milliseconds it is the end. */
const PAUSE = 400

export class Speakers {
  /** When each was last heard. */
  readonly #heardAt = new Map<string, number>()
  readonly #tell: (userId: string, speaks: boolean) => void

  constructor(tell: (userId: string, speaks: boolean) => void) {
    this.#tell = tell
  }

  /** `now` in milliseconds. Frames of silence end what a user says (five of them, but one is enough to know). */
  heard(userId: string, payload: Uint8Array, now: number): void {
    if (isSilence(payload)) return this.#end(userId)
    const isNew = !this.#heardAt.has(userId)
    this.#heardAt.set(userId, now)
    if (isNew) this.#tell(userId, true)
  }

  /** To be called a few times a second. */
  tick(now: number): void {
    for (const [userId, at] of this.#heardAt) if (now - at >= PAUSE) this.#end(userId)
  }

  left(userId: string): void {
    this.#end(userId)
  }

  #end(userId: string): void {
    if (this.#heardAt.delete(userId)) this.#tell(userId, false)
  }
}

const isSilence = (payload: Uint8Array) =>
  payload.length === OPUS_SILENCE.length && OPUS_SILENCE.every((byte, index) => payload[index] === byte)
