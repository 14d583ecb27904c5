// Transport compression of the main gateway: all messages of a connection are one stream, and each ends on a byte of its own.
import { constants, createDeflate } from 'node:zlib'

/** The values of `compress` in the gateway's URL. */
export const COMPRESSIONS = { 'zlib-stream': zlibStream, 'zstd-stream': zstdStream } as const

export interface StreamCompression {
  write(text: string): void
  destroy(): void
}

type Send = (bytes: Buffer) => void

/** Each message ends with a flush (00 00 FF FF). */
const FLUSH = Buffer.from([0, 0, 0xff, 0xff])

function zlibStream(send: Send): StreamCompression {
  const deflate = createDeflate({ flush: constants.Z_SYNC_FLUSH })
  let parts: Uint8Array[] = []
  deflate.on('data', (part: Buffer) => {
    parts.push(part)
    if (!part.subarray(-FLUSH.length).equals(FLUSH)) return
    send(Buffer.concat(parts))
    parts = []
  })
  return { write: text => deflate.write(text), destroy: () => deflate.destroy() }
}

/** RFC 8878 §3.1.1: magic number; no checksum, dictionary or content size; a window of 128 KiB. */
const FRAME_HEADER = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38])
const MAX_BLOCK = 128 * 1024

/** A frame without an end, of raw blocks: valid for each decoder, and possible without the zstd of newer Node.js. */
function zstdStream(send: Send): StreamCompression {
  let header: Buffer = FRAME_HEADER
  const write = (text: string) => {
    const bytes = Buffer.from(text)
    const parts: Uint8Array[] = [header]
    header = Buffer.alloc(0)
    for (let from = 0; from < bytes.length; from += MAX_BLOCK) parts.push(...rawBlock(bytes, from))
    send(Buffer.concat(parts))
  }
  return { write, destroy: () => {} }
}

/** RFC 8878 §3.1.1.2: bit 0 is set in the last block, bits 1 and 2 are the type (0: raw), the others the size. */
function rawBlock(bytes: Buffer, from: number): Uint8Array[] {
  const content = bytes.subarray(from, from + MAX_BLOCK)
  const header = Buffer.alloc(3)
  header.writeUIntLE(content.length << 3, 0, 3)
  return [header, content]
}
