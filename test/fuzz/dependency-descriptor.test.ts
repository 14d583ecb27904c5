// Fuzz: dependency descriptors of AV1, each after those before it, as their structures last.
import assert from 'node:assert/strict'
import { DependencyDescriptor } from '@parley/protocol'
import { fuzz } from './harness.ts'

const unhex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'))
const descriptor = new DependencyDescriptor()

fuzz('a dependency descriptor is parsed within its bytes, and names layers that exist', {
  covers: ['protocol/video/dependency-descriptor.ts'],
  corpus: [
    unhex('8000018002044eaaaf2860414d34538a0940409fc077c0'),
    unhex('c000028002044eaaaf2860414d34538a0940404fc03bc0'),
    unhex('000001'),
    unhex('c500031220'),
    unhex('c5000a126800'),
  ],
  run(bytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const isRead = descriptor.parse(view, 0, bytes.length)
    assert.ok(descriptor.temporal <= 7 && descriptor.pictureId < 2 ** 16)
    for (const highest of [0, 1, 7]) assert.ok(descriptor.highestAfter(highest, bytes.length) >= highest)
    assert.ok(isRead || !descriptor.isKeyframe)
  },
})
