// Writes Ogg Opus files (RFC 7845) page by page, for recordings.
import { LIMITS } from '../limits.ts'
import { HEAD_LENGTH, HEAD_MAGIC, joined, TAGS_MAGIC } from './ogg-opus.ts'
import { lace, MAX_SEGMENTS, PageFlag, writePage } from './ogg-page.ts'
import { OPUS_RATE, opusSamples } from './opus-packet.ts'

/** Header fields of a new file. */
export interface OggOpusOptions {
  /** 1 or 2. Default: 2. */
  channels?: number | undefined
  /** Samples at 48 kHz that a player discards at the start. Default: 0. */
  preSkip?: number | undefined
  /** Sample rate of the original input in Hz. Default: 0, unknown. */
  inputRate?: number | undefined
  /** Name of the encoder. Default: `parley`. */
  vendor?: string | undefined
  /** Tags, `NAME=value` each. Default: none. */
  comments?: readonly string[] | undefined
  /** Serial number of the logical stream. Default: 1. */
  serial?: number | undefined
}

/** Audio per page: a truncated file loses at most one second. */
const PAGE_SAMPLES = OPUS_RATE

/**
 * Encodes packets one by one. Concatenate the bytes that the methods return.
 *
 * @example
 * ```ts
 * import { createWriteStream } from 'node:fs'
 * import { OggOpusWriter, opusSamples, type VoiceClient } from '@parley/client'
 *
 * export function record(client: VoiceClient, userId: string): void {
 *   const writer = new OggOpusWriter({ channels: 2 })
 *   const file = createWriteStream(`${userId}.opus`)
 *   client.on('frame', frame => {
 *     // A user may send what is no Opus packet, which the writer refuses.
 *     if (frame.userId === userId && opusSamples(frame.payload) !== undefined) file.write(writer.write(frame.payload))
 *   })
 *   client.once('closed', () => file.end(writer.end()))
 * }
 * ```
 */
export class OggOpusWriter {
  readonly #serial: number
  #sequence = 0
  /** Samples up to the end of the current page. */
  #granule = 0n
  #pageSamples = 0
  #packets: Uint8Array[] = []
  #lacings: Uint8Array[] = []
  #segments = 0
  /** Finished pages that were not returned yet. */
  #ready: Uint8Array[] = []

  /** Throws a RangeError if a header does not fit into one page, or `channels` is invalid. */
  constructor(options: OggOpusOptions = {}) {
    this.#serial = options.serial ?? 1
    for (const header of [headPacket(options), tagsPacket(options)]) {
      this.#add(header)
      this.#endPage(0)
    }
  }

  /** Adds a packet and returns the bytes that are ready, possibly none. Throws a RangeError for an invalid packet. */
  write(packet: Uint8Array): Uint8Array {
    const samples = opusSamples(packet)
    if (samples === undefined) throw new RangeError('expected an Opus packet')
    const isFull = this.#segments + lace(packet.length).length > MAX_SEGMENTS
    if (this.#packets.length > 0 && (isFull || this.#pageSamples >= PAGE_SAMPLES)) this.#endPage(0)
    this.#add(packet)
    this.#granule += BigInt(samples)
    this.#pageSamples += samples
    return this.#take()
  }

  /** Returns the remaining bytes. `cut` is the number of samples to trim at the end. */
  end(cut = 0): Uint8Array {
    this.#granule -= BigInt(cut)
    this.#endPage(PageFlag.Last)
    return this.#take()
  }

  #add(packet: Uint8Array): void {
    if (packet.length > LIMITS.oggPacket)
      throw new RangeError(`expected at most ${LIMITS.oggPacket} bytes, found ${packet.length}`)
    const lacing = lace(packet.length)
    this.#packets.push(packet)
    this.#lacings.push(lacing)
    this.#segments += lacing.length
  }

  #endPage(flags: number): void {
    const page = {
      flags: flags | (this.#sequence === 0 ? PageFlag.First : 0),
      granule: this.#granule,
      serial: this.#serial,
      sequence: this.#sequence++,
      lacing: joined(this.#lacings),
      body: joined(this.#packets),
    }
    this.#ready.push(writePage(page))
    this.#packets = []
    this.#lacings = []
    this.#segments = 0
    this.#pageSamples = 0
  }

  #take(): Uint8Array {
    const ready = joined(this.#ready)
    this.#ready = []
    return ready
  }
}

/** A complete file with these packets. Throws as OggOpusWriter. */
export function writeOggOpus(packets: Iterable<Uint8Array>, options?: OggOpusOptions): Uint8Array {
  const writer = new OggOpusWriter(options)
  const parts = Array.from(packets, packet => writer.write(packet))
  return joined([...parts, writer.end()])
}

const ascii = (text: string) => Uint8Array.from(text, letter => letter.charCodeAt(0))

/** RFC 7845 §5.1, mapping family 0. */
function headPacket({ channels = 2, preSkip = 0, inputRate = 0 }: OggOpusOptions): Uint8Array {
  if (channels !== 1 && channels !== 2) throw new RangeError(`expected 1 or 2 channels, found ${channels}`)
  const bytes = new Uint8Array(HEAD_LENGTH)
  const view = new DataView(bytes.buffer)
  bytes.set(ascii(HEAD_MAGIC))
  bytes[8] = 1
  bytes[9] = channels
  view.setUint16(10, preSkip, true)
  view.setUint32(12, inputRate, true)
  return bytes
}

/** RFC 7845 §5.2. */
function tagsPacket({ vendor = 'parley', comments = [] }: OggOpusOptions): Uint8Array {
  const texts = comments.flatMap(comment => counted(comment))
  return joined([ascii(TAGS_MAGIC), ...counted(vendor), uint32(comments.length), ...texts])
}

function counted(text: string): Uint8Array[] {
  const bytes = new TextEncoder().encode(text)
  return [uint32(bytes.length), bytes]
}

function uint32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value, true)
  return bytes
}
