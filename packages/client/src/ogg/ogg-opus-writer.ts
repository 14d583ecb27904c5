// Writes Opus in Ogg (RFC 7845) page by page: for recordings of what was heard. Packets in, bytes out.
import { HEAD_LENGTH, HEAD_MAGIC, joined, LONGEST_PACKET, TAGS_MAGIC } from './ogg-opus.ts'
import { lace, MOST_SEGMENTS, PageFlag, writePage } from './ogg-page.ts'
import { OPUS_RATE, opusSamples } from './opus-packet.ts'

export interface OggOpusOptions {
  /** 1 or 2; 2 without it. */
  channels?: number | undefined
  /** Samples at 48 kHz that a player drops at the start; 0 without it. */
  preSkip?: number | undefined
  /** Of what was encoded, in Hz; 0, not known, without it. */
  inputRate?: number | undefined
  vendor?: string | undefined
  /** `NAME=value` each. */
  comments?: readonly string[] | undefined
  /** Tells streams in one file apart; 1 without it. */
  serial?: number | undefined
}

/** A page ends after this much audio, so that a file that is cut loses no more. */
const PAGE_SAMPLES = OPUS_RATE

export class OggOpusWriter {
  readonly #serial: number
  #sequence = 0
  /** Samples up to the end of the page in the making. */
  #granule = 0n
  #pageSamples = 0
  #packets: Uint8Array[] = []
  #lacings: Uint8Array[] = []
  #segments = 0
  /** The header pages, until they have been given out. */
  #ready: Uint8Array[] = []

  /** Throws a RangeError if the headers do not fit in a page each. */
  constructor(options: OggOpusOptions = {}) {
    this.#serial = options.serial ?? 1
    for (const header of [headPacket(options), tagsPacket(options)]) {
      this.#add(header)
      this.#endPage(0)
    }
  }

  /** The bytes that are ready, which may be none. Throws a RangeError for what is no Opus packet of at most 61,440 bytes. */
  write(packet: Uint8Array): Uint8Array {
    const samples = opusSamples(packet)
    if (samples === undefined) throw new RangeError('expected an Opus packet')
    const isFull = this.#segments + lace(packet.length).length > MOST_SEGMENTS
    if (this.#packets.length > 0 && (isFull || this.#pageSamples >= PAGE_SAMPLES)) this.#endPage(0)
    this.#add(packet)
    this.#granule += BigInt(samples)
    this.#pageSamples += samples
    return this.#take()
  }

  /** The rest of the file. `cut` samples of the last packet are not to be played. */
  end(cut = 0): Uint8Array {
    this.#granule -= BigInt(cut)
    this.#endPage(PageFlag.Last)
    return this.#take()
  }

  #add(packet: Uint8Array): void {
    if (packet.length > LONGEST_PACKET)
      throw new RangeError(`expected at most ${LONGEST_PACKET} bytes, found ${packet.length}`)
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

/** A whole file of these packets. */
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
