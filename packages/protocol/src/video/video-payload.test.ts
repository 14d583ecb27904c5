// Where keyframes begin and which numbers payloads carry, on packets written by hand after the specifications.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VIDEO_PAYLOAD_TYPES } from '../rtp/video-types.ts'
import { DependencyDescriptor } from './dependency-descriptor.ts'
import { VideoPayload } from './video-payload.ts'

const payload = new VideoPayload()
function parse(codec: string, hex: string): VideoPayload {
  const bytes = Buffer.from(`ffff${hex.replaceAll(' ', '')}`, 'hex')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  payload.parse(view, 2, bytes.length - 2, VIDEO_PAYLOAD_TYPES[codec]!)
  return payload
}
const isKeyframe = (codec: string, hex: string) => parse(codec, hex).isKeyframe

test('a keyframe of VP8 begins with the first packet of a frame whose first byte has no P bit', () => {
  assert.ok(isKeyframe('vp8', '10 50 b6 00 9d 01 2a'))
  assert.ok(!isKeyframe('vp8', '10 51 b6 00'), 'an inter frame')
  assert.ok(!isKeyframe('vp8', '00 50 b6 00'), 'a later packet')
  assert.ok(!isKeyframe('vp8', '11 50 b6 00'), 'another partition')
  assert.ok(!isKeyframe('vp8', '10'), 'no frame')
})

test('picture id, TL0PICIDX and temporal layer of VP8 are found', () => {
  const { descriptor } = parse('vp8', '90 e0 d2 34 07 60 51')
  const { pictureId, pictureIdBits, pictureIdPlace, tl0, tl0Place, temporal, isSwitchPoint } = descriptor!
  assert.deepEqual([pictureId, pictureIdBits, pictureIdPlace, tl0, tl0Place], [0x5234, 15, 4, 7, 6])
  assert.deepEqual([temporal, isSwitchPoint], [1, true])
  assert.deepEqual([parse('vp8', '90 80 12 50').descriptor?.pictureIdBits, payload.isKeyframe], [7, true])
  for (const cut of ['90', '90 e0', '90 e0 d2', '90 e0 d2 34', '90 e0 d2 34 07', '90 e0 d2 34 07 60'])
    assert.equal(parse('vp8', cut).descriptor, undefined)
})

test('a keyframe of VP9 begins with a frame of the lowest spatial layer that is not predicted', () => {
  assert.ok(isKeyframe('vp9', '88 12 49'))
  assert.ok(!isKeyframe('vp9', 'c8 12 49'), 'predicted')
  assert.ok(!isKeyframe('vp9', '80 12 49'), 'a later packet')
  assert.ok(!isKeyframe('vp9', 'a8 12 02 05 49'), 'another spatial layer')
  const { descriptor } = parse('vp9', 'a8 92 34 30 05 49')
  assert.deepEqual([descriptor?.pictureId, descriptor?.tl0, descriptor?.temporal], [0x1234, 5, 1])
  assert.equal(descriptor?.isSwitchPoint, true)
  assert.equal(parse('vp9', 'b8 92 34 30 49').descriptor?.tl0Place, -1)
  for (const cut of ['a8', 'a8 92', 'a8 92 34', 'a8 92 34 30', 'a8 92 34 30 05'])
    assert.equal(parse('vp9', cut).descriptor, undefined)
})

test('a keyframe of H.264 begins with parameter sets or the first slice of an IDR picture, alone, aggregated or in fragments', () => {
  for (const hex of ['67 42 00', '65 88 80', '78 0004 67420029 0002 6588', '7c 85 88'])
    assert.ok(isKeyframe('h264', hex), hex)
  for (const hex of [
    '61 9a 00',
    '65 08 80',
    '78 0002 6809 0002 619a',
    '7c 45 88',
    '7c 05 88',
    '78 00ff 67420029',
    '67',
  ])
    assert.ok(!isKeyframe('h264', hex), hex)
})

test('a keyframe of H.265 begins with parameter sets or an IRAP slice, alone, aggregated or in fragments', () => {
  for (const hex of ['40 01 0c', '26 01 af', '60 01 0003 42010f', '62 01 93 af'])
    assert.ok(isKeyframe('h265', hex), hex)
  for (const hex of ['02 01 d0', '60 01 0003 0201d0', '62 01 13 af', '62 01 81 af', '60 01 00ff 42010f'])
    assert.ok(!isKeyframe('h265', hex), hex)
})

test('a keyframe of AV1 begins a coded video sequence', () => {
  assert.ok(isKeyframe('av1', '18 0a 0b'))
  assert.ok(!isKeyframe('av1', '10 32 00'))
  assert.ok(!isKeyframe('av1', '08'))
})

test('a dependency descriptor stands for the numbers that a payload of any codec does not have', () => {
  const dependencies = new DependencyDescriptor()
  const structure = Buffer.from('8000018002044eaaaf2860414d34538a0940409fc077c0', 'hex')
  assert.ok(dependencies.parse(new DataView(structure.buffer, structure.byteOffset), 0, structure.length))
  const read = (codec: string, hex: string) => {
    const bytes = Buffer.from(hex, 'hex')
    const type = VIDEO_PAYLOAD_TYPES[codec]!
    payload.parse(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length, type, dependencies)
    return [payload.descriptor === dependencies, payload.isKeyframe]
  }
  assert.deepEqual(read('vp8', '10500000'), [true, true])
  assert.deepEqual(read('vp8', '10510000'), [true, false])
  assert.deepEqual(read('vp8', '90e0d234076051'), [false, false], 'picture ids are rewritten')
  assert.deepEqual(read('h264', '674200'), [true, true])
  assert.deepEqual(read('av1', '100a0b'), [true, true])
})
