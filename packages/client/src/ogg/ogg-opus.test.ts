// Ogg Opus: files of opusenc, round trips, and malformed files.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { readOggOpus } from './ogg-opus.ts'
import { OggOpusWriter, writeOggOpus } from './ogg-opus-writer.ts'
import { lace, OggError, PageFlag, readPage, writePage } from './ogg-page.ts'
import { opusSamples } from './opus-packet.ts'

/** Encoded by opusenc of opus-tools 0.2. */
const SPEECH = new URL('../../../server/assets/speech/', import.meta.url)
const ANA = readFileSync(new URL('ana-2.opus', SPEECH))
const SILENCE = Uint8Array.of(0xf8, 0xff, 0xfe)

const pagesOf = (bytes: Uint8Array) => {
  const pages = []
  for (let offset = 0; offset < bytes.length; ) {
    const { page, end } = readPage(bytes, offset)
    pages.push(page)
    offset = end
  }
  return pages
}

test('a file of opusenc is decoded as opusinfo describes it', () => {
  const file = readOggOpus(ANA)
  assert.equal(file.channels, 1)
  assert.equal(file.preSkip, 312)
  assert.equal(file.inputRate, 22_050)
  assert.equal(file.vendor, 'libopus 1.3.1, libopusenc 0.2.1')
  assert.match(file.comments[0] ?? '', /^ENCODER=opusenc/)
  assert.ok(file.packets.every(packet => opusSamples(packet) === 960))
  assert.equal(Math.floor(file.samples! / 48), 4_482, 'milliseconds')
  const played = file.packets.length * 960 - file.preSkip
  assert.ok(played >= file.samples! && played - file.samples! < 960, 'the last packet is cut, and only that')
})

test('every line of the dialogue consists of mono frames of 20 ms', () => {
  const lines: { file: string; speaker: string; text: string }[] = JSON.parse(
    readFileSync(new URL('speech.json', SPEECH), 'utf8'),
  )
  assert.ok(lines.length >= 6)
  for (const { file } of lines) {
    const { channels, packets } = readOggOpus(readFileSync(new URL(file, SPEECH)))
    assert.equal(channels, 1, file)
    assert.ok(packets.length > 50 && packets.every(packet => opusSamples(packet) === 960), file)
  }
})

test('pages of opusenc are re-encoded byte for byte', () => {
  const again = pagesOf(ANA).map(page => writePage(page))
  assert.deepEqual(Buffer.concat(again), ANA)
})

test('the RFC 3533 checksum detects any single wrong bit', () => {
  const page = pagesOf(ANA)[0]!
  const bytes = writePage(page)
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const broken = bytes.slice()
    broken[bit >> 3]! ^= 1 << (bit & 7)
    assert.throws(() => readPage(broken, 0), OggError)
  }
})

test('a lacing value below 255, 0 included, ends a packet', () => {
  assert.deepEqual(
    [0, 1, 254, 255, 256, 510].map(length => [...lace(length)]),
    [[0], [1], [254], [255, 0], [255, 1], [255, 255, 0]],
  )
})

/** Opus packets of one frame of 20 ms, and of other lengths where the first byte says so. */
const packet = fc
  .tuple(fc.integer({ min: 0, max: 31 }), fc.uint8Array({ maxLength: 1_275 }))
  .map(([configuration, rest]) => Uint8Array.of(configuration << 3, ...rest))
const options = fc.record({
  channels: fc.constantFrom(1, 2),
  preSkip: fc.integer({ min: 0, max: 0xffff }),
  inputRate: fc.constantFrom(0, 44_100, 48_000),
  vendor: fc.string({ unit: 'grapheme' }),
  comments: fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 5 }),
  serial: fc.integer({ min: 0, max: 0xffff_ffff }),
})

test('a written file is read back', () => {
  fc.assert(
    fc.property(fc.array(packet, { maxLength: 200 }), options, (packets, chosen) => {
      const { serial: _, ...expected } = chosen
      const { samples, gain, ...read } = readOggOpus(writeOggOpus(packets, chosen))
      const total = packets.reduce((sum, each) => sum + opusSamples(each)!, 0) - chosen.preSkip
      assert.deepEqual(read, { ...expected, packets })
      assert.equal(samples, total < 0 ? undefined : total)
      assert.equal(gain, 0)
    }),
    { numRuns: 60 },
  )
})

test('the longest packet is written and read, and a longer one is refused', () => {
  const longest = new Uint8Array(61_440).fill(0xf8)
  assert.deepEqual(readOggOpus(writeOggOpus([longest, SILENCE, longest])).packets, [longest, SILENCE, longest])
  assert.throws(() => writeOggOpus([new Uint8Array(61_441).fill(0xf8)]), RangeError)
})

test('pages are returned as they fill, hold at most a second, and only the last has the end flag', () => {
  const writer = new OggOpusWriter()
  const parts = Array.from({ length: 120 }, () => writer.write(SILENCE))
  assert.equal(parts.filter(part => part.length > 0).length, 3, 'headers, and two full pages')
  const pages = pagesOf(Buffer.concat([...parts, writer.end(100)]))
  assert.deepEqual(
    pages.map(page => page.granule),
    [0n, 0n, 48_000n, 96_000n, 115_100n],
  )
  assert.deepEqual(
    pages.map(page => page.flags),
    [PageFlag.First, 0, 0, 0, PageFlag.Last],
  )
})

test('a packet that spans pages is assembled', () => {
  const [head, tags] = pagesOf(writeOggOpus([]))
  const long = new Uint8Array(600).map((_, index) => index)
  const parts = [
    { flags: 0, granule: -1n, sequence: 2, lacing: Uint8Array.of(255), body: long.subarray(0, 255) },
    { flags: PageFlag.Continued, granule: -1n, sequence: 3, lacing: Uint8Array.of(255), body: long.subarray(255, 510) },
    {
      flags: PageFlag.Continued | PageFlag.Last,
      granule: 960n,
      sequence: 4,
      lacing: Uint8Array.of(90),
      body: long.subarray(510),
    },
  ]
  const file = (pages: typeof parts) =>
    Buffer.concat([head!, tags!, ...pages.map(page => ({ serial: 1, ...page }))].map(writePage))
  assert.deepEqual(readOggOpus(file(parts)).packets, [long])
  assert.throws(() => readOggOpus(file(parts.toSpliced(1, 1))), /page 3 of the stream is missing/)
  assert.throws(() => readOggOpus(file([{ ...parts[0]!, flags: PageFlag.Continued }])), /does not continue/)
})

test('multiplexed and chained streams are skipped', () => {
  const ours = pagesOf(writeOggOpus([SILENCE]))
  const other = {
    flags: PageFlag.First,
    granule: 0n,
    serial: 9,
    sequence: 0,
    lacing: lace(7),
    body: Uint8Array.of(1, 2, 3, 4, 5, 6, 7),
  }
  const mixed = [
    other,
    ours[0]!,
    { ...other, flags: 0, sequence: 1 },
    ...ours.slice(1),
    ...pagesOf(writeOggOpus([SILENCE], { serial: 2 })),
  ]
  assert.deepEqual(readOggOpus(Buffer.concat(mixed.map(writePage))).packets, [SILENCE])
})

test('invalid files are refused with a reason', () => {
  const [head, tags] = pagesOf(writeOggOpus([]))
  const withHead = (offset: number, value: number) => {
    const body = head!.body.slice()
    body[offset] = value
    return Buffer.concat([writePage({ ...head!, body }), writePage(tags!)])
  }
  const cases: [Uint8Array, RegExp][] = [
    [new Uint8Array(), /found none/],
    [Buffer.from('RIFF, and more than a header of it'), /found other bytes/],
    [ANA.subarray(0, 1_000), /is truncated/],
    [writePage(head!), /two header packets/],
    [withHead(8, 0x10), /version 0\.x/],
    [withHead(9, 3), /mono or stereo/],
    [withHead(18, 1), /mono or stereo/],
    [
      Buffer.concat([
        writePage(head!),
        writePage({ ...tags!, lacing: lace(12), body: Buffer.from('OpusTags\xff\xff\xff\x7f', 'latin1') }),
      ]),
      /OpusTags packet is truncated/,
    ],
  ]
  for (const [bytes, reason] of cases)
    assert.throws(
      () => readOggOpus(bytes),
      error => error instanceof OggError && reason.test(error.message),
    )
})

test('the duration of an Opus packet is computed from its first bytes', () => {
  const samples = (...bytes: number[]) => opusSamples(Uint8Array.from(bytes))
  assert.equal(samples(...SILENCE), 960)
  assert.deepEqual(
    [0, 1, 2, 3].map(index => samples(index << 3)),
    [480, 960, 1_920, 2_880],
    'SILK',
  )
  assert.deepEqual(
    [12, 13].map(index => samples(index << 3)),
    [480, 960],
    'hybrid',
  )
  assert.deepEqual(
    [16, 17, 18, 19].map(index => samples(index << 3)),
    [120, 240, 480, 960],
    'CELT',
  )
  assert.deepEqual([samples(0xf9), samples(0xfa), samples(0xfb, 6), samples(0xfb, 0x86)], [1_920, 1_920, 5_760, 5_760])
  assert.deepEqual(
    [samples(), samples(0xfb), samples(0xfb, 0), samples(0xfb, 7), samples(0x1b, 3)],
    Array(5).fill(undefined),
  )
})
