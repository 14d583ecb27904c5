// Wants of the page from choices, sizes and volumes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { wantsOf } from './wants.ts'

const camera = { ssrc: 7, role: 'camera', quality: 'auto', pixels: 320 * 180 } as const

test('without pictures everything is wanted', () => {
  assert.deepEqual(wantsOf([], []), { any: 100 })
})

test('a small camera is wanted in half quality, a large one in full, and both with their pixels', () => {
  const large = { ...camera, ssrc: 9, pixels: 1280.4 * 720 }
  assert.deepEqual(wantsOf([camera, large], []), { any: 100, 7: 50, 9: 100, pixelCounts: { 7: 57_600, 9: 921_888 } })
})

test('a screen is wanted in full at any size, and so is a picture whose size is not known yet', () => {
  assert.deepEqual(wantsOf([{ ...camera, role: 'screen' }], []), { any: 100, 7: 100, pixelCounts: { 7: 57_600 } })
  assert.deepEqual(wantsOf([{ ...camera, pixels: undefined }], []), { any: 100, 7: 100 })
})

test('a choice overrides the size; what is off has no pixels', () => {
  const wantOf = (quality: 'high' | 'low' | 'off') => wantsOf([{ ...camera, quality }], [])
  assert.deepEqual(wantOf('high'), { any: 100, 7: 100, pixelCounts: { 7: 57_600 } })
  assert.deepEqual(wantOf('low'), { any: 100, 7: 1, pixelCounts: { 7: 57_600 } })
  assert.deepEqual(wantOf('off'), { any: 100, 7: 0 })
})

test('audio that is not played is not wanted', () => {
  assert.deepEqual(wantsOf([], [3, 5]), { any: 100, 3: 0, 5: 0 })
})
