// Who is speaking, derived from frames: Speaking messages also announce users who spoke long ago.
import { OPUS_SILENCE } from '@parley/protocol'

/** Clients do not signal pauses between words; a longer pause, in milliseconds, ends the speech. */
const PAUSE = 400

export class Speakers {
  /** Time of the last frame, by user. */
  readonly #receivedAt = new Map<string, number>()
  readonly #notify: (userId: string, isSpeaking: boolean) => void

  constructor(notify: (userId: string, isSpeaking: boolean) => void) {
    this.#notify = notify
  }

  /** `now` in milliseconds. The first frame of silence ends the speech; clients send five. */
  received(userId: string, payload: Uint8Array, now: number): void {
    if (isSilence(payload)) return this.#end(userId)
    const isNew = !this.#receivedAt.has(userId)
    this.#receivedAt.set(userId, now)
    if (isNew) this.#notify(userId, true)
  }

  /** Call it a few times per second. */
  tick(now: number): void {
    for (const [userId, at] of this.#receivedAt) if (now - at >= PAUSE) this.#end(userId)
  }

  /** The user left the call. */
  left(userId: string): void {
    this.#end(userId)
  }

  #end(userId: string): void {
    if (this.#receivedAt.delete(userId)) this.#notify(userId, false)
  }
}

const isSilence = (payload: Uint8Array) =>
  payload.length === OPUS_SILENCE.length && OPUS_SILENCE.every((byte, index) => payload[index] === byte)
