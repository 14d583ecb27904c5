// The packets of one stream, one after the other: their media time, their length, and when each is due.
import { OPUS_FRAME_TIMESTAMPS, OPUS_PAYLOAD_TYPE } from '@parley/protocol'
import { OPUS_TOC } from './stamp.ts'

/** The properties are those of the packet that `next` came to. Per packet: no allocation. */
export interface Packets {
  readonly payloadType: number
  /** The first byte of the payload, by which receivers recognize keyframes. */
  readonly first: number
  /** Bytes of the payload. */
  readonly length: number
  readonly timestamp: number
  readonly isMarked: boolean
  /** Comes to the next packet. Returns the milliseconds between the two; those of audio, whose pace the load sets, are `interval`. */
  next(interval: number): number
  /** Milliseconds over which the beginnings of several streams are spread. */
  period(interval: number): number
}

/** Audio: packets of the same length at the pace of the load. */
export class OpusPackets implements Packets {
  readonly payloadType = OPUS_PAYLOAD_TYPE
  readonly first = OPUS_TOC
  readonly isMarked = false
  readonly length: number
  timestamp: number

  /** `counter`: the packets that the stream has sent before. */
  constructor(length: number, counter: number) {
    this.length = length
    this.timestamp = ((counter + 1) * OPUS_FRAME_TIMESTAMPS) >>> 0
  }

  next(interval: number): number {
    this.timestamp = (this.timestamp + OPUS_FRAME_TIMESTAMPS) >>> 0
    return interval
  }

  period(interval: number): number {
    return interval
  }
}
