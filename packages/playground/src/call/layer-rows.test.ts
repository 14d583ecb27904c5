// The rows over a picture.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { layerRows } from './layer-rows.ts'

const LAYER = { senderId: '7', kind: 'camera', layers: 2, wanted: 1, target: 0, current: 0, bitrate: 412_300 } as const
const READING = {
  rid: undefined,
  width: 640,
  height: 360,
  frames: 29.7,
  bitrate: 1_234_000,
  codec: 'VP8',
  isActive: true,
}

test('a layer below the wanted one has its reason and the estimate', () => {
  assert.deepEqual(layerRows({ ...LAYER, reason: 'bandwidth', estimate: 900_000 }, [READING]), [
    ['Layer', '1 of 2'],
    ['Wanted', '2'],
    ['Target', '1'],
    ['Reason', 'the link carries no more'],
    ['Sent', '412 kbit/s'],
    ['Estimate', '900 kbit/s'],
    ['Picture', '640×360, 30 fps, VP8, 1.2 Mbit/s'],
  ])
})

test('a view without a layer says none, and one with fewer frames says how many', () => {
  const [layer] = layerRows({ ...LAYER, current: -1, reason: 'want' }, [])
  assert.deepEqual(layer, ['Layer', 'none of 2'])
  assert.deepEqual(layerRows({ ...LAYER, temporal: 1 }, [])[0], ['Layer', '1 of 2, frames up to T1'])
})

test('of a sent picture each layer has a row, also one that is not encoded', () => {
  const low = { ...READING, rid: '50', isActive: false }
  assert.deepEqual(layerRows(undefined, [low, { ...READING, rid: '100', bitrate: undefined }]), [
    ['Layer 50', 'not encoded: no viewer'],
    ['Layer 100', '640×360, 30 fps, VP8'],
  ])
})
