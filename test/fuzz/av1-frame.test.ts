// Fuzz: the last OBU of frames of AV1.
import assert from 'node:assert/strict'
import { withoutLastSize } from '../../packages/client/src/dave-worker/av1-frame.ts'
import { fuzz } from './harness.ts'

fuzz('a frame of AV1 loses one size at most, and a second time nothing', {
  covers: ['client/dave-worker/av1-frame.ts'],
  corpus: [
    Uint8Array.of(0x12, 0, 0x0a, 2, 1, 2, 0x32, 3, 7, 8, 9),
    Uint8Array.of(0x36, 0x28, 0x82, 0, 7, 8),
    Uint8Array.of(0x0a, 1, 1, 0x30, 7),
  ],
  run(bytes) {
    const shorter = withoutLastSize(bytes)
    const lost = bytes.length - shorter.length
    assert.ok(lost >= 0 && lost <= 4, `${lost} bytes fewer`)
    assert.deepEqual(withoutLastSize(shorter), shorter)
    if (lost === 0) assert.deepEqual(shorter, bytes)
  },
})
