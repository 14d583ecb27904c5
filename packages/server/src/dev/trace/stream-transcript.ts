// The packets of one SSRC that a client sent: gaps, timestamps, talkspurts, end-to-end encryption.
import { isSequenceNewer, OPUS_FRAME_TIMESTAMPS, OPUS_PAYLOAD_TYPE, sequenceDistance } from '@parley/protocol'
import type { RtpFields } from './trace-record.ts'

export interface StreamView {
  ssrc: number
  payloadTypes: number[]
  packets: number
  /** Sequences that were left out, packets behind a newer one, and packets with the sequence of an earlier one. */
  missing: number
  reordered: number
  repeated: number
  firstSequence: number
  lastSequence: number
  /** Steps of the timestamp from one packet to the next that are not one frame of 20 ms per sequence. */
  timestampJumps: number
  silenceFrames: number
  /** Packets encrypted end to end, and packets that are neither encrypted nor silence. */
  dave: number
  plain: number
  talkspurts: number
}

/** A pause in milliseconds that ends a talkspurt. */
const PAUSE = 1_000
const SILENCE_FRAMES = 5

/** Judges one SSRC; `TranscriptBuilder` turns its findings into violations. Only Opus packets count for talkspurts. */
export class StreamTranscript {
  readonly #view: StreamView
  readonly #payloadTypes = new Set<number>()
  #timestamp: number | undefined
  #lastAt = 0
  /** Silence frames at the end of the talkspurt; undefined outside one. */
  #trailing: number | undefined
  /** Before the first encrypted frame of a key or transition. */
  #mayBePlain = true

  constructor(ssrc: number) {
    this.#view = {
      ssrc,
      payloadTypes: [],
      packets: 0,
      missing: 0,
      reordered: 0,
      repeated: 0,
      firstSequence: -1,
      lastSequence: -1,
      timestampJumps: 0,
      silenceFrames: 0,
      dave: 0,
      plain: 0,
      talkspurts: 0,
    }
  }

  get view(): StreamView {
    return { ...this.#view, payloadTypes: [...this.#payloadTypes] }
  }

  /** After a new key or a transition to version 0 unencrypted frames are expected. */
  allowPlain(): void {
    this.#mayBePlain = true
  }

  /** `at` in milliseconds. Returns the rule that the packet broke, if any. */
  add(at: number, rtp: RtpFields): 'plain after encrypted' | undefined {
    const view = this.#view
    view.packets++
    this.#payloadTypes.add(rtp.payloadType)
    this.#order(rtp)
    this.#lastAt = at
    if (rtp.isSilence) view.silenceFrames++
    else if (rtp.isDave) view.dave++
    else view.plain++
    if (rtp.payloadType !== OPUS_PAYLOAD_TYPE) return undefined
    if (rtp.isSilence) this.#trailing = this.#trailing === undefined ? undefined : this.#trailing + 1
    else this.#talk()
    if (rtp.isDave) this.#mayBePlain = false
    return !rtp.isDave && !rtp.isSilence && !this.#mayBePlain ? 'plain after encrypted' : undefined
  }

  /** If the talkspurt has ended by `now` without its silence frames: how many it had. Judges each talkspurt once. */
  endTalkspurt(now: number): number | undefined {
    if (this.#trailing === undefined || now - this.#lastAt < PAUSE) return undefined
    const silence = this.#trailing
    this.#trailing = undefined
    return silence < SILENCE_FRAMES ? silence : undefined
  }

  #talk(): void {
    if (this.#trailing === undefined) this.#view.talkspurts++
    this.#trailing = 0
  }

  /** The first packet sets sequence and timestamp; one behind a newer packet changes neither. */
  #order({ sequence, timestamp }: RtpFields): void {
    const view = this.#view
    if (view.firstSequence < 0) view.firstSequence = sequence
    else if (sequence === view.lastSequence) view.repeated++
    else if (!isSequenceNewer(sequence, view.lastSequence)) {
      view.reordered++
      return
    } else {
      const step = sequenceDistance(sequence, view.lastSequence)
      view.missing += step - 1
      const expected = (this.#timestamp! + step * OPUS_FRAME_TIMESTAMPS) >>> 0
      if (timestamp !== expected) view.timestampJumps++
    }
    view.lastSequence = sequence
    this.#timestamp = timestamp
  }
}
