// Dependency descriptors of AV1, written bit by bit after appendix A of its RTP specification.
import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { DependencyDescriptor } from './dependency-descriptor.ts'

/** Bits of fields, written as `value:width`, of text that is bits already, or of a list. */
function pack(...fields: string[]): Uint8Array {
  const bits = fields
    .join(' ')
    .trim()
    .split(/\s+/)
    .map(field => {
      const [value, width] = field.split(':')
      return width === undefined ? value! : Number(value).toString(2).padStart(Number(width), '0')
    })
    .join('')
  return Uint8Array.from({ length: Math.ceil(bits.length / 8) }, (_, index) =>
    Number.parseInt(bits.slice(index * 8, index * 8 + 8).padEnd(8, '0'), 2),
  )
}
/** Decode target indications: not present, discardable, switch, required. */
const dtis = (text: string) => [...text].map(each => `${'-DSR'.indexOf(each)}:2`).join(' ')

/** One spatial and three temporal layers, as Chromium sends L1T3: five templates, three decode targets, one chain. */
const L1T3 = [
  '9:6 2:5',
  // Layers: T0, T0, T1, T2, T2.
  '0:2 1:2 1:2 0:2 3:2',
  ...['SSS', 'SSS', '-DS', '--D', '--D'].map(dtis),
  // Frames that each depends on: none, 4, 2, 1, 1 back.
  '0 1 3:4 0 1 1:4 0 1 0:4 0 1 0:4 0',
  // One chain of at most three; ns(4) of 1, then ns(1) of each target takes no bits; differences of the templates.
  '1:2',
  '0:4 4:4 2:4 1:4 3:4',
  // Resolutions: one, 640 × 360.
  '1 639:16 359:16',
]
let descriptor = new DependencyDescriptor()
function parse(...fields: string[]): boolean {
  const bytes = pack(...fields)
  const padded = Uint8Array.from([0xff, ...bytes, 0xff])
  return descriptor.parse(new DataView(padded.buffer), 1, bytes.length)
}
beforeEach(() => {
  descriptor = new DependencyDescriptor()
})
const keyframe = () => parse('1 1 9:6 513:16', '1 0 0 0 0', ...L1T3)

test('a descriptor with a structure and no dependency begins a keyframe', () => {
  assert.ok(keyframe())
  const { isKeyframe, isStart, isEnd, pictureId, temporal } = descriptor
  assert.deepEqual([isKeyframe, isStart, isEnd, pictureId, temporal], [true, true, true, 513, 0])
  assert.ok(parse('0 1 9:6 513:16'))
  assert.equal(descriptor.isKeyframe, false, 'a later packet of it')
  assert.ok(parse('1 1 10:6 514:16', '1 0 0 0 0', ...L1T3))
  assert.equal(descriptor.isKeyframe, false, 'a structure that is repeated with a frame that depends on others')
})

test('the structure of a keyframe is read, however many frames came since the last one', () => {
  const isRead = [100, 30_000, 40_000, 65_036, 65_600, 131_000].map(frames => {
    descriptor = new DependencyDescriptor()
    keyframe()
    for (let frame = 1; frame < frames; frame += 500) parse(`1 1 10:6 ${(513 + frame) & 0xffff}:16`)
    return parse('1 1 9:6', `${(513 + frames) & 0xffff}:16`, '1 0 0 0 0', ...L1T3) && descriptor.isKeyframe
  })
  assert.deepEqual(
    isRead,
    isRead.map(() => true),
  )
})

test('frames have the temporal layers of their templates', () => {
  keyframe()
  const temporals = [10, 11, 12, 13].map(template => {
    assert.ok(parse(`1 1 ${template}:6 600:16`))
    return descriptor.temporal
  })
  assert.deepEqual(temporals, [0, 1, 2, 2])
  assert.equal(parse('1 1 14:6 600:16'), false, 'a template that the structure does not have')
  assert.equal(parse('1 1 8:6 600:16'), false)
})

test('a temporal layer can be added with a frame that is a switch to its decode target, if it can be decoded', () => {
  const after = (sent: number, ...highest: number[]) => highest.map(each => descriptor.highestAfter(each, sent))
  keyframe()
  parse('1 1 10:6 600:16')
  assert.deepEqual(after(0, 0, 1, 7), [2, 2, 7])
  // A frame of layer 1, which is a switch to layer 2, and depends on the frame two before it.
  parse('1 1 11:6 601:16')
  assert.deepEqual(after(0b01, 0, 1), [0, 2])
  assert.deepEqual(after(0b10, 0, 1), [2, 2])
  parse('1 1 12:6 602:16')
  assert.deepEqual(after(0b11, 1, 2), [1, 2])
})

test('a frame replaces the indications and dependencies of its template', () => {
  keyframe()
  assert.ok(parse('1 1 10:6 600:16', '0 1 1 1 0', '111', dtis('SDD'), '1:2 3:4 0:2'))
  assert.deepEqual([descriptor.highestAfter(0, 0), descriptor.isKeyframe], [0, false])
  assert.ok(parse('1 1 10:6 600:16', '1 0 0 1 0', ...L1T3, '0:2'))
  assert.equal(descriptor.isKeyframe, true, 'it depends on no frame')
})

test('descriptors of Chromium, of two keyframes and frames between, are read', () => {
  const packets = [
    ['8000018002044eaaaf2860414d34538a0940409fc077c0', 1, 0, true],
    ['000001', 1, 0, false],
    ['c500031220', 3, 2, false],
    ['c300051260', 5, 1, false],
    ['82000812c0', 8, 0, false],
    ['c5000a126800', 10, 2, false],
    ['c4000b12a900', 11, 1, false],
  ] as const
  const fresh = new DependencyDescriptor()
  for (const [hex, frame, temporal, isKeyframe] of packets) {
    const bytes = Uint8Array.from(Buffer.from(hex, 'hex'))
    assert.ok(fresh.parse(new DataView(bytes.buffer), 0, bytes.length), hex)
    assert.deepEqual([fresh.pictureId, fresh.temporal, fresh.isKeyframe], [frame, temporal, isKeyframe], hex)
  }
})

test('a retransmission of an earlier keyframe does not bring its structure back', () => {
  keyframe()
  const later = ['20:6 2:5', ...L1T3.slice(1)]
  assert.ok(parse('1 1 20:6 600:16', '1 0 0 0 0', ...later))
  assert.equal(keyframe(), false)
  assert.ok(parse('1 1 23:6 601:16'))
  assert.equal(descriptor.temporal, 2)
  assert.ok(parse('1 1 20:6 40000:16', '1 0 0 0 0', ...later), 'a sender that starts over')
})

test('a descriptor that is cut, or whose structure is, is refused, and so are frames until the next structure', () => {
  const whole = pack('1 1 9:6 513:16', '1 0 0 0 0', ...L1T3)
  for (let length = 0; length < whole.length; length++) {
    keyframe()
    const view = new DataView(whole.slice(0, length).buffer)
    // Three bytes are whole: without a structure of its own the frame refers to the last one.
    assert.equal(descriptor.parse(view, 0, length), length === 3, `${length} bytes`)
    assert.equal(parse('1 1 10:6 600:16'), length <= 3)
  }
  assert.ok(keyframe())
})

test('a structure with more templates than ids is refused', () => {
  assert.equal(parse('1 1 0:6 1:16', '1 0 0 0 0', '0:6 0:5', '0:2 '.repeat(70), '3:2', '0:2 '.repeat(200)), false)
})
