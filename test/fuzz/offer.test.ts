// Fuzz: Select Protocol of WebRTC clients. An offer is answered, or rejected with the protocol's error.
import assert from 'node:assert/strict'
import { decodeJson, SelectProtocol } from '@parley/protocol'
import { ProtocolError } from '../../packages/core/src/errors.ts'
import { LIMITS } from '../../packages/core/src/limits.ts'
import { readOffer } from '../../packages/core/src/transport/webrtc/offer.ts'
import { fuzz } from './harness.ts'

const PRINT = Array.from({ length: 32 }, () => 'AB').join(':')
const SDP = `a=ice-ufrag:Xw3k\na=ice-pwd:0123456789abcdefghijklmn\na=fingerprint:sha-256 ${PRINT}\na=rtpmap:111 opus/48000/2`
const CODECS = [
  { name: 'opus', type: 'audio', priority: 1000, payload_type: 111 },
  { name: 'VP8', type: 'video', priority: 2000, payload_type: 96, rtx_payload_type: 97 },
  { name: 'H264', type: 'video', priority: 3000, payload_type: -1 },
]
const corpus = [
  { protocol: 'webrtc', data: SDP, sdp: SDP, codecs: CODECS },
  { protocol: 'webrtc', sdp: SDP, codecs: [] },
  { protocol: 'webrtc', data: SDP, rtc_connection_id: '4d3f' },
  { protocol: 'webrtc', data: null, sdp: null },
].map(message => Uint8Array.from(Buffer.from(JSON.stringify(message))))

function decoded(text: string): unknown {
  try {
    return decodeJson(text)
  } catch {
    return undefined
  }
}

fuzz('an offer is read within its bounds, or rejected', {
  covers: ['core/transport/webrtc/offer.ts', 'core/transport/video-mapping.ts'],
  corpus,
  run(bytes) {
    const select = SelectProtocol.safeParse(decoded(Buffer.from(bytes).toString('utf8')))
    if (!select.success) return
    try {
      const { sdp, mapping } = readOffer(select.data)
      assert.ok(sdp.ufrag.length + sdp.password.length < LIMITS.sdp)
      for (const types of mapping.payloadTypes) for (const type of types) assert.ok(type >= 0 && type <= 127)
    } catch (error) {
      assert.ok(error instanceof ProtocolError, String(error))
    }
  },
})
