// What the browser measures of each video: size, frames and bit rate, from the statistics of RTCPeerConnection.getStats.
import type { Stat } from './measurements.ts'

/** One layer of a video that is sent, or a video that is received. */
export interface VideoReading {
  /** Of a sent layer; undefined if the source has only one, and for received video. */
  readonly rid: string | undefined
  readonly width: number
  readonly height: number
  /** Frames per second. */
  readonly frames: number
  /** Bits per second since the last reading; undefined at the first. */
  readonly bitrate: number | undefined
  /** Such as `VP8`. */
  readonly codec: string | undefined
  /** False for a layer that is not encoded. */
  readonly isActive: boolean
}

/** By the id of the track. */
export type VideoReadings = ReadonlyMap<string, readonly VideoReading[]>

const numberOf = (value: unknown): number => (typeof value === 'number' && Number.isFinite(value) ? value : 0)
const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)

/** Bytes and time of a stream at the last reading. */
interface Bytes {
  readonly bytes: number
  readonly at: number
}

/** One per session: counters of another session cannot be compared. */
export class VideoStats {
  #last = new Map<string, Bytes>()

  read(stats: Iterable<Stat>): VideoReadings {
    const byId = new Map([...stats].map(stat => [String(stat.id), stat]))
    const readings = new Map<string, VideoReading[]>()
    const last = this.#last
    this.#last = new Map()
    for (const [id, stat] of byId) {
      if (stat.kind !== 'video' || (stat.type !== 'inbound-rtp' && stat.type !== 'outbound-rtp')) continue
      const track = textOf(stat.trackIdentifier) ?? textOf(byId.get(String(stat.mediaSourceId))?.trackIdentifier)
      if (track === undefined) continue
      const now = { bytes: numberOf(stat.bytesReceived) + numberOf(stat.bytesSent), at: numberOf(stat.timestamp) }
      this.#last.set(id, now)
      const codec = textOf(byId.get(String(stat.codecId))?.mimeType)?.replace('video/', '')
      const reading = readingOf(stat, codec, bitrateOf(last.get(id), now))
      readings.set(track, [...(readings.get(track) ?? []), reading])
    }
    return readings
  }
}

const readingOf = (stat: Stat, codec: string | undefined, bitrate: number | undefined): VideoReading => ({
  rid: textOf(stat.rid),
  width: numberOf(stat.frameWidth),
  height: numberOf(stat.frameHeight),
  frames: numberOf(stat.framesPerSecond),
  bitrate,
  codec,
  isActive: stat.active !== false,
})

function bitrateOf(before: Bytes | undefined, { bytes, at }: Bytes): number | undefined {
  if (before === undefined || at <= before.at) return undefined
  return (Math.max(0, bytes - before.bytes) * 8 * 1_000) / (at - before.at)
}
