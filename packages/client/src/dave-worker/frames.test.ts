// Frames of one receiver and one sender in a worker, with scripted keys: which are passed on, in which order, and which are not.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIMITS } from '../limits.ts'
import { ScriptedKeys } from '../testing/scripted-keys.ts'
import { DaveHost } from './dave-host.ts'
import type { EncodedFrame } from './encoded-frame.ts'
import { FrameOpener } from './frame-opener.ts'
import { FrameSealer } from './frame-sealer.ts'

const SSRC = 7
/** First byte of frames that the library cannot seal. */
const UNSEALABLE = 0x66
const SILENCE = [0xf8, 0xff, 0xfe]
const TRAILER = [0, 0, 0, 0, 0, 0, 0, 0, 1, 12, 0xfa, 0xfa]

/** Seals with an epoch, and opens frames of known epochs only. */
class Keys extends ScriptedKeys {
  epoch = 1
  readonly known = new Set([1])
  override seal(frame: Uint8Array): Uint8Array {
    if (frame[0] === UNSEALABLE) throw new Error('the frame cannot be sealed')
    return Uint8Array.of(this.epoch, ...frame, ...TRAILER)
  }
  override open(userId: string, frame: Uint8Array): Uint8Array {
    return this.known.has(frame[0]!) ? frame.slice(1, -TRAILER.length) : super.open(userId, frame)
  }
}

interface FrameOptions {
  type?: 'key' | 'delta'
  mimeType?: string
  payloadType?: number
}

const frameOf = (bytes: readonly number[], { type, ...metadata }: FrameOptions = {}): EncodedFrame => ({
  data: Uint8Array.from(bytes).buffer,
  ...(type !== undefined && { type }),
  getMetadata: () => ({ synchronizationSource: SSRC, ...metadata }),
})
const sealed = (epoch: number, number: number, options?: FrameOptions) => frameOf([epoch, number, ...TRAILER], options)

function scene(version = 1) {
  const keys = new Keys()
  const host = new DaveHost({ version: 1, keysFor: () => keys }, () => {})
  host.command({ kind: 'described', generation: 1, version, userId: '1', channelId: '5' })
  host.setSources([[SSRC, '2']])
  return { keys, host }
}

function receiver(media: 'audio' | 'video', version = 1) {
  const { keys, host } = scene(version)
  const written: number[][] = []
  let requests = 0
  const opener = new FrameOpener(host, media, {
    write: frame => written.push([...new Uint8Array(frame.data)]),
    requestKeyframe: () => void requests++,
  })
  return { keys, host, opener, written, requests: () => requests }
}

test('frames that arrive before their keys wait, and are passed on in order', () => {
  const { keys, opener, written, host } = receiver('audio')
  opener.receive(sealed(1, 1), 0)
  opener.receive(sealed(2, 2), 20)
  opener.receive(frameOf(SILENCE), 40)
  assert.deepEqual(written, [[1]], 'silence does not overtake the frames that it ends')
  keys.known.add(2)
  opener.retry(60)
  opener.receive(sealed(2, 3), 80)
  assert.deepEqual(written, [[1], [2], SILENCE, [3]])
  assert.deepEqual([host.report.opened, host.report.passed, host.report.unopened], [3, 1, 0])
})

test('frames of an SSRC without a user wait until the user is known', () => {
  const { opener, written, host } = receiver('audio')
  host.setSources([])
  opener.receive(sealed(1, 1), 0)
  assert.deepEqual(written, [])
  host.setSources([[SSRC, '2']])
  opener.retry(10)
  assert.deepEqual(written, [[1]])
})

test('a frame that cannot be opened is dropped after a second, or when a later one can be', () => {
  const { keys, opener, written, host } = receiver('audio')
  opener.receive(sealed(9, 1), 0)
  opener.receive(sealed(1, 2), 20)
  assert.deepEqual(written, [[2]])
  opener.receive(sealed(8, 3), 40)
  keys.known.add(8)
  opener.retry(40 + LIMITS.earlyFrameWait)
  assert.deepEqual(written, [[2]])
  assert.equal(host.report.unopened, 2)
})

test('a flood of frames without keys is bounded', () => {
  const { keys, opener, written, host } = receiver('audio')
  for (let count = 0; count < LIMITS.earlyFrames + 50; count++) opener.receive(sealed(9, 1), 0)
  keys.known.add(9)
  opener.retry(1)
  assert.equal(written.length, LIMITS.earlyFrames)
  assert.equal(host.report.unopened, 50)
})

test('after a dropped frame of video a keyframe is requested until one arrives', () => {
  const { opener, written, requests } = receiver('video')
  opener.receive(sealed(9, 1, { type: 'key' }), 0)
  opener.receive(sealed(1, 2, { type: 'delta' }), 40)
  assert.equal(requests(), 1)
  opener.receive(sealed(1, 3, { type: 'key' }), 80)
  opener.receive(sealed(1, 4, { type: 'delta' }), 120)
  assert.equal(requests(), 1)
  assert.deepEqual(written, [[2], [3], [4]])
})

test('the last OBU of AV1 is opened without the size that the browser has added, and clear frames keep it', () => {
  const last = [0x32, 13, 7, ...TRAILER]
  const encrypted = receiver('video')
  // The epoch of these tests as the header of an OBU without a size.
  encrypted.keys.known.add(0x30)
  encrypted.opener.receive(frameOf(last, { type: 'key', mimeType: 'video/AV1' }), 0)
  assert.deepEqual(encrypted.written, [[7]])
  const clear = receiver('video', 0)
  clear.opener.receive(frameOf([0x32, 1, 7], { type: 'key', mimeType: 'video/AV1' }), 0)
  assert.deepEqual(clear.written, [[0x32, 1, 7]])
})

test('in an unencrypted call frames pass as they are', () => {
  const { opener, written, host } = receiver('video', 0)
  opener.receive(frameOf([1, 2, 3], { type: 'key' }), 0)
  assert.deepEqual(written, [[1, 2, 3]])
  assert.equal(host.report.passed, 1)
})

test('a sender seals frames of the codecs that DAVE knows, and sends no others', () => {
  const { host } = scene()
  host.setCodecs([[96, 'VP8']])
  const sealer = new FrameSealer(host, () => {})
  for (const options of [
    { mimeType: 'video/VP8' },
    { mimeType: 'video/AV1' },
    { mimeType: 'audio/opus' },
    { payloadType: 96 },
  ]) {
    const frame = frameOf([5], options)
    assert.equal(sealer.seal(frame), true)
    assert.deepEqual([...new Uint8Array(frame.data)], [1, 5, ...TRAILER])
  }
  for (const options of [{ mimeType: 'video/H265' }, { payloadType: 97 }, {}])
    assert.equal(sealer.seal(frameOf([5], options)), false)
  assert.deepEqual([host.report.sealed, host.report.clear, host.report.unsent], [4, 0, 3])
})

test('a sender of video without keys sends nothing, and a keyframe once it has them', () => {
  const { keys, host } = scene()
  let requests = 0
  const sealer = new FrameSealer(host, () => void requests++)
  const delta = () => frameOf([5], { type: 'delta', mimeType: 'video/VP8' })
  keys.isReady = false
  assert.equal(sealer.seal(delta()), false)
  keys.isReady = true
  assert.equal(sealer.seal(delta()), true)
  assert.equal(sealer.seal(delta()), true)
  assert.equal(requests, 1)
})

test('a frame that the library cannot seal is not sent, and those after it are', () => {
  const { host } = scene()
  const sealer = new FrameSealer(host, () => {})
  assert.equal(sealer.seal(frameOf([UNSEALABLE], { mimeType: 'video/H264' })), false)
  assert.equal(sealer.seal(frameOf([5], { mimeType: 'video/H264' })), true)
  assert.deepEqual([host.report.sealed, host.report.unsent], [1, 1])
})
