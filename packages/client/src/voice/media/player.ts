// Plays Opus frames at their own pace. Waits while the end-to-end encryption of the call is set up or changes its keys.

import { LIMITS } from '../../limits.ts'
import { OPUS_RATE, opusSamples } from '../../ogg/opus-packet.ts'
import { FRAME_SAMPLES } from './audio-sender.ts'
import { Interruptible } from './interruptible.ts'
import { type Clock, paced } from './pacer.ts'

/** Readiness of a call's end-to-end encryption: a group is being set up, its keys are changing, or frames reach all members. */
export type CallReadiness = 'setup' | 'changing' | 'settled'

/** The call that a player sends to. */
export interface PlayedCall {
  readonly readiness: CallReadiness
  /** Whether no other member is known. */
  readonly isAlone: boolean
  readonly isClosed: boolean
  /** Sends one Opus frame now. `samples` is its duration at 48 kHz; undefined if the packet is not valid Opus. */
  sendFrame(frame: Uint8Array, samples: number | undefined): void
  /** Ends the talkspurt: silence frames, and speaking flags 0. */
  stopSpeaking(): void
}

export interface PlayOptions {
  /** Ends playing at once, also while the source waits for its next frame. */
  signal?: AbortSignal | undefined
}

/**
 * One at a time per call: it owns the RTP timestamps while it plays. It never decodes or encodes: frames are Opus
 * packets.
 */
export class Player {
  readonly #call: PlayedCall
  readonly #clock: Clock
  #isPlaying = false
  /** Whether the next key change is waited for: a slow member delays playing once, not at every frame. */
  #isPatient = true
  #wake: AbortController | undefined
  /** Frames that are being played. */
  #frames: Interruptible<Uint8Array> | undefined

  constructor(call: PlayedCall, clock: Clock) {
    this.#call = call
    this.#clock = clock
  }

  /** Reports that readiness, members or state of the call may have changed. */
  callChanged(): void {
    this.#wake?.abort()
    if (this.#call.isClosed) this.#frames?.end()
  }

  /**
   * Sends frame after frame, then stops speaking. Frames that are due while media cannot be sent are dropped. Before the first
   * frame it waits for an encryption that is being set up; between frames, briefly, for a change of keys. `signal` and the end of the call
   * end it at once, also while the source waits for its next frame. Rejects with an Error if it is playing already.
   */
  async play(frames: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, { signal }: PlayOptions = {}): Promise<void> {
    if (this.#isPlaying) throw new Error('another play is in progress')
    this.#isPlaying = true
    const source = new Interruptible(frames)
    const end = () => source.end()
    this.#frames = source
    signal?.addEventListener('abort', end)
    try {
      await this.#settled(LIMITS.settleTimeout, signal)
      if (signal?.aborted || this.#call.isClosed) return
      for await (const frame of paced(source, frameTime, this.#clock)) {
        await this.#keysChanged(signal)
        if (signal?.aborted || this.#call.isClosed) break
        this.#call.sendFrame(frame, opusSamples(frame))
      }
    } finally {
      signal?.removeEventListener('abort', end)
      this.#frames = undefined
      this.#isPlaying = false
      this.#call.stopSpeaking()
    }
  }

  /** Waits until frames reach all members. A client that is alone waits only for the announcement of other members. */
  async #settled(timeout: number, signal: AbortSignal | undefined): Promise<void> {
    const start = this.#clock.now()
    while (signal?.aborted !== true && !this.#call.isClosed && this.#call.readiness !== 'settled') {
      const allowed = this.#call.isAlone ? Math.min(timeout, LIMITS.aloneTimeout) : timeout
      const left = start + allowed - this.#clock.now()
      if (left <= 0) return
      await this.#change(left, signal)
    }
  }

  /** Waits for a change of keys before a frame, unless an earlier wait for the same change timed out. */
  async #keysChanged(signal: AbortSignal | undefined): Promise<void> {
    if (this.#call.readiness === 'changing' && this.#isPatient) await this.#settled(LIMITS.keyChangeTimeout, signal)
    this.#isPatient = this.#call.readiness !== 'changing'
  }

  /** Resolves at the next change of the call, after `timeout` milliseconds, or when `signal` aborts. */
  async #change(timeout: number, signal: AbortSignal | undefined): Promise<void> {
    this.#wake = new AbortController()
    const signals = signal === undefined ? [this.#wake.signal] : [this.#wake.signal, signal]
    await this.#clock.sleep(timeout, AbortSignal.any(signals))
    this.#wake = undefined
  }
}

/** Milliseconds that a frame plays; 20 ms if it is not an Opus packet. */
const frameTime = (frame: Uint8Array) => ((opusSamples(frame) ?? FRAME_SAMPLES) * 1_000) / OPUS_RATE
