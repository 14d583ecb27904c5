// Ends the talkspurts of WebRTC clients: they just stop sending, while Discord's clients expect five frames of silence before a
// pause (docs/voice-gateway.md).
import {
  OPUS_FRAME_TIMESTAMPS,
  OPUS_PAYLOAD_TYPE,
  RTP_HEADER,
  RTP_SEQUENCE,
  RTP_SSRC,
  RTP_TIMESTAMP,
} from '@parley/protocol'
import { type Batch, createBatch, SLOT } from '../../lane/batch.ts'
import { LIMITS } from '../../limits.ts'
import type { ReceiveStream } from '../streams/receive-stream.ts'
import type { Forwarder } from './forwarder.ts'
import { silencePacket } from './trim-packet.ts'

const VERSION_2 = 0x80
const FRAMES = LIMITS.silenceFrames
/** Timestamps from the last frame before the silence to the first one behind it. */
const SILENCE_TIMESTAMPS = (FRAMES + 1) * OPUS_FRAME_TIMESTAMPS

/** The state of one stream. A stream that never sent audio has none. */
interface Talkspurt {
  isSpeaking: boolean
  /** Silence was sent since the last frame. */
  isSilenced: boolean
  receivedAt: number
}

/**
 * Only the media shows when a talkspurt ends: op 5 travels on another connection and arrives before or after the last packets, and
 * a muted track continues with comfort noise.
 */
export class Talkspurts {
  readonly #forwarder: Forwarder
  readonly #talkspurts = new Map<ReceiveStream, Talkspurt>()
  readonly #speaking = new Set<ReceiveStream>()
  readonly #batch = createBatch(1)
  deadline = Infinity

  constructor(forwarder: Forwarder) {
    this.#forwarder = forwarder
  }

  get size(): number {
    return this.#talkspurts.size
  }

  /** Another source feeds the stream, or none. */
  forget(stream: ReceiveStream): void {
    this.#talkspurts.delete(stream)
    if (this.#speaking.delete(stream)) this.#rearm()
  }

  /**
   * An audio packet of a WebRTC client, in node numbering, is about to be numbered. Per packet: allocates only for the first of a
   * stream.
   */
  arrived(batch: Batch, slot: number, stream: ReceiveStream, now: number): void {
    const at = slot * SLOT
    if (!stream.numbers.isNewer(batch.view.getUint16(at + RTP_SEQUENCE), now)) return
    const talkspurt = this.#talkspurts.get(stream) ?? this.#open(stream)
    if (!talkspurt.isSpeaking) this.#begin(stream, talkspurt, batch.view.getInt32(at + RTP_TIMESTAMP), now)
    talkspurt.receivedAt = now
  }

  /** Ends the talkspurts of streams that have been quiet for `LIMITS.talkspurtGap`. */
  tick(now: number): void {
    for (const stream of this.#speaking) {
      const talkspurt = this.#talkspurts.get(stream)!
      if (now - talkspurt.receivedAt >= LIMITS.talkspurtGap) this.#end(stream, talkspurt, now)
    }
    this.#rearm()
  }

  #open(stream: ReceiveStream): Talkspurt {
    const talkspurt = { isSpeaking: false, isSilenced: false, receivedAt: 0 }
    this.#talkspurts.set(stream, talkspurt)
    return talkspurt
  }

  /** Timestamps of some clients stand still during a pause and would overlap the silence: those are moved behind it. */
  #begin(stream: ReceiveStream, talkspurt: Talkspurt, timestamp: number, now: number): void {
    const { numbers } = stream
    const since = (timestamp - numbers.timestamp) | 0
    if (talkspurt.isSilenced && since > 0 && since < SILENCE_TIMESTAMPS)
      numbers.delayTimestamps(SILENCE_TIMESTAMPS - since)
    talkspurt.isSpeaking = true
    talkspurt.isSilenced = false
    this.#speaking.add(stream)
    this.deadline = Math.min(this.deadline, now + LIMITS.talkspurtGap)
  }

  /** Sends the silence, unless the route ended before. */
  #end(stream: ReceiveStream, talkspurt: Talkspurt, now: number): void {
    this.#speaking.delete(stream)
    talkspurt.isSpeaking = false
    if (stream.targets === undefined) return
    talkspurt.isSilenced = true
    for (let frame = 1; frame <= FRAMES; frame++) {
      this.#writeSilence(stream, frame)
      this.#forwarder.forward(this.#batch, 0, stream, stream.owner.id, RTP_HEADER, now)
    }
    stream.numbers.insert(FRAMES)
  }

  #writeSilence({ ssrc, numbers }: ReceiveStream, frame: number): void {
    const { bytes, view } = this.#batch
    bytes[0] = VERSION_2
    bytes[1] = OPUS_PAYLOAD_TYPE
    view.setUint16(RTP_SEQUENCE, numbers.sequenceAfter(frame))
    view.setInt32(RTP_TIMESTAMP, numbers.timestampAfter(frame * OPUS_FRAME_TIMESTAMPS))
    view.setUint32(RTP_SSRC, ssrc)
    silencePacket(this.#batch, 0, RTP_HEADER)
  }

  /** The deadline is that of the stream that has been quiet longest. */
  #rearm(): void {
    this.deadline = Infinity
    for (const stream of this.#speaking)
      this.deadline = Math.min(this.deadline, this.#talkspurts.get(stream)!.receivedAt + LIMITS.talkspurtGap)
  }
}
