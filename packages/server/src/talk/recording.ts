// One speaker's frames as an Ogg Opus stream: in order, with silence in the gaps, so that the recording keeps real time.
import { type OggOpusOptions, OggOpusWriter, OPUS_RATE, opusSamples, type ReceivedFrame } from '@parley/client'
import { OPUS_SILENCE } from '@parley/protocol'
import { SERVER_LIMITS } from '../limits.ts'

/** A packet that waits for earlier ones. Positions are samples from the start. */
interface Held {
  position: number
  samples: number
  payload: Uint8Array
}

/** The newest packet with a known position in the recording. */
interface Anchor {
  ssrc: number
  timestamp: number
  position: number
  at: number
}

/** If media time differs from the clock by more than this, the sender has restarted, and the clock determines the position. */
const TOLERANCE = 2 * OPUS_RATE
/** Frames of silence by length in samples: 20 ms, and 2.5 ms for the remainder (RFC 6716 table 2). */
const SILENCES: readonly [samples: number, frame: Uint8Array][] = [
  [960, Uint8Array.from(OPUS_SILENCE)],
  [120, Uint8Array.of(0xe0, ...OPUS_SILENCE.slice(1))],
]

const samplesOf = (time: number) => Math.round((time * OPUS_RATE) / 1_000)

/** Reorders a few packets, fills gaps with silence, drops what arrives later. Opus is copied, never decoded. */
export class Recording {
  readonly #write: (bytes: Uint8Array) => void
  readonly #ogg: OggOpusWriter
  /** Sorted by position. */
  readonly #held: Held[] = []
  #anchor: Anchor | undefined
  #startedAt: number | undefined
  #samples = 0
  /** Packets that arrived too late or were not Opus. */
  skipped = 0

  /** `write` receives the bytes of the file, in order. */
  constructor(write: (bytes: Uint8Array) => void, options: OggOpusOptions) {
    this.#write = write
    this.#ogg = new OggOpusWriter(options)
  }

  /** Length so far, in samples at 48 kHz. */
  get samples(): number {
    return this.#samples
  }

  /** `now` in milliseconds. */
  add({ ssrc, timestamp, payload }: Pick<ReceivedFrame, 'ssrc' | 'timestamp' | 'payload'>, now: number): void {
    const samples = opusSamples(payload)
    const position = this.#place(ssrc, timestamp, now)
    if (samples === undefined || position + samples <= this.#samples || this.#has(position)) {
      this.skipped++
      return
    }
    const index = this.#held.findLastIndex(held => held.position < position) + 1
    this.#held.splice(index, 0, { position, samples, payload })
    if (this.#held.length > SERVER_LIMITS.maxHeldPackets) this.#put(this.#held.shift()!)
  }

  /** Writes the held packets and the end of the file. */
  end(): void {
    for (const held of this.#held.splice(0)) this.#put(held)
    this.#write(this.#ogg.end())
  }

  #has(position: number): boolean {
    return this.#held.some(held => held.position === position)
  }

  /** In samples from the first packet: by timestamp while it agrees with the clock, else by the clock. */
  #place(ssrc: number, timestamp: number, now: number): number {
    this.#startedAt ??= now
    const anchor = this.#anchor ?? { ssrc, timestamp, position: 0, at: now }
    const ahead = (timestamp - anchor.timestamp) | 0
    const isSteady = ssrc === anchor.ssrc && Math.abs(ahead - samplesOf(now - anchor.at)) <= TOLERANCE
    const clock = samplesOf(now - this.#startedAt)
    // Bounds the silence that a sender can cause to the length of the call.
    const latest = Math.max(clock + (isSteady ? TOLERANCE : 0), this.#end)
    const position = isSteady ? Math.min(anchor.position + ahead, latest) : latest
    if (position >= anchor.position) this.#anchor = { ssrc, timestamp, position, at: now }
    return position
  }

  /** The position after the last packet. */
  get #end(): number {
    const last = this.#held.at(-1)
    return last === undefined ? this.#samples : last.position + last.samples
  }

  /** Writes silence up to the packet, then the packet. */
  #put({ position, samples, payload }: Held): void {
    for (const [length, silence] of SILENCES) while (position - this.#samples >= length) this.#append(silence, length)
    this.#append(payload, samples)
  }

  /** Writes one packet and advances by its duration. */
  #append(packet: Uint8Array, samples: number): void {
    this.#write(this.#ogg.write(packet))
    this.#samples += samples
  }
}
