// Fuzz: corrupted Ogg Opus files yield an OggError, or packets that survive a round trip.
import assert from 'node:assert/strict'
import { OggError, OggOpusWriter, opusSamples, readOggOpus, writeOggOpus, writePage } from '@parley/client'
import { fuzz } from './harness.ts'

const SILENCE = Uint8Array.of(0xf8, 0xff, 0xfe)
const LONG = new Uint8Array(700).fill(0xf8)
const corpus = [
  writeOggOpus([SILENCE, LONG, SILENCE], { preSkip: 312, comments: ['ARTIST=Ana'] }),
  writeOggOpus([], { channels: 1 }),
  writeOggOpus(Array.from({ length: 60 }, () => SILENCE)),
]

function read(bytes: Uint8Array): void {
  try {
    const file = readOggOpus(bytes)
    assert.ok(file.packets.every(packet => packet.length > 0 && packet.length <= 61_440))
    assert.ok(file.packets.reduce((sum, packet) => sum + packet.length, 0) <= bytes.length)
    assert.ok(file.samples === undefined || file.samples >= 0)
    rewrite(file.packets)
  } catch (error) {
    if (!(error instanceof OggError)) throw error
  }
}

/** Asserts that valid Opus packets survive a round trip. */
function rewrite(packets: readonly Uint8Array[]): void {
  const valid = packets.filter(packet => opusSamples(packet) !== undefined)
  const writer = new OggOpusWriter()
  const parts = valid.map(packet => writer.write(packet))
  assert.deepEqual(readOggOpus(Buffer.concat([...parts, writer.end()])).packets, valid)
}

fuzz('reading Ogg Opus', {
  covers: ['client/ogg/ogg-opus.ts', 'client/ogg/ogg-page.ts', 'client/ogg/opus-packet.ts'],
  corpus,
  run: read,
})

/** Corrects the checksum of every page, so that inputs reach the code behind the check. */
function mend(bytes: Uint8Array): Uint8Array {
  const pages: Uint8Array[] = []
  for (let offset = 0; offset + 27 <= bytes.length; ) {
    const view = new DataView(bytes.buffer, bytes.byteOffset + offset, bytes.length - offset)
    const body = 27 + view.getUint8(26)
    const lacing = bytes.slice(offset + 27, offset + body)
    const end = body + lacing.reduce((sum, value) => sum + value, 0)
    pages.push(
      writePage({
        flags: view.getUint8(5),
        granule: view.getBigInt64(6, true),
        serial: view.getUint32(14, true),
        sequence: view.getUint32(18, true),
        lacing,
        body: bytes.slice(offset + body, offset + end),
      }),
    )
    offset += end
  }
  return Buffer.concat(pages)
}

fuzz('reading Ogg Opus with corrected checksums', {
  covers: ['client/ogg/ogg-opus.ts', 'client/ogg/ogg-page.ts', 'client/ogg/opus-packet.ts'],
  corpus,
  run: bytes => read(mend(bytes)),
})
