// Fuzz: descriptors and NAL unit headers of video payloads.
import assert from 'node:assert/strict'
import { VIDEO_PAYLOAD_TYPES, VideoPayload } from '@parley/protocol'
import { fuzz } from './harness.ts'

const unhex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'))
const payload = new VideoPayload()
const CODECS = Object.values(VIDEO_PAYLOAD_TYPES)

fuzz('a video payload is parsed within its bytes, and names only places in them', {
  covers: [
    'protocol/video/video-payload.ts',
    'protocol/video/picture-descriptor.ts',
    'protocol/video/vp8.ts',
    'protocol/video/vp9.ts',
    'protocol/video/nal-units.ts',
    'protocol/video/av1.ts',
  ],
  corpus: [
    unhex('90e0d234076051'),
    unhex('1050b6009d012a'),
    unhex('a89234300549'),
    unhex('88124900'),
    unhex('7800046742002900026588'),
    unhex('7c8588'),
    unhex('6001000342010f'),
    unhex('620193af'),
    unhex('180a0b'),
  ],
  run(bytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    for (const type of CODECS) {
      payload.parse(view, 0, bytes.length, type)
      const { descriptor } = payload
      if (descriptor === undefined) continue
      const last = descriptor.pictureIdPlace + descriptor.pictureIdBits / 8 - 1
      assert.ok(last < bytes.length && descriptor.tl0Place < bytes.length)
      assert.ok(descriptor.pictureId < 2 ** descriptor.pictureIdBits && descriptor.temporal <= 7)
    }
  },
})
