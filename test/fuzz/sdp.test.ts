// Fuzz: SDP offers of WebRTC clients.
import assert from 'node:assert/strict'
import { DecodeError, parseSdpOffer, type SdpOffer } from '@parley/protocol'
import { fuzz } from './harness.ts'

const PRINT = Array.from({ length: 32 }, () => 'AB').join(':')
const lines = [
  'a=ice-ufrag:Xw3k',
  'a=ice-pwd:0123456789abcdefghijklmn',
  `a=fingerprint:sha-256 ${PRINT}`,
  'a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level',
  'a=extmap:2/recvonly http://www.webrtc.org/experiments/rtp-hdrext/playout-delay',
  'a=rtpmap:111 opus/48000/2',
]
const bytes = (text: string) => Uint8Array.from(Buffer.from(text, 'latin1'))

function offerOf(sdp: string): SdpOffer | undefined {
  try {
    return parseSdpOffer(sdp)
  } catch (error) {
    assert.ok(error instanceof DecodeError)
    assert.match(error.message, /^expected a=/)
    return undefined
  }
}

fuzz('an offer is parsed within its bounds, or the missing attribute is named', {
  covers: ['protocol/webrtc/sdp.ts'],
  corpus: [
    bytes(lines.join('\n')),
    bytes(['v=0', 'm=audio 9 UDP/TLS/RTP/SAVPF 111', ...lines].join('\r\n')),
    bytes(''),
  ],
  run(input) {
    const offer = offerOf(Buffer.from(input).toString('latin1'))
    if (offer === undefined) return
    assert.ok(offer.ufrag.length >= 4 && offer.ufrag.length <= 256)
    assert.ok(offer.password.length >= 22 && offer.password.length <= 256)
    assert.ok(offer.fingerprint.bytes.length >= 16 && offer.fingerprint.bytes.length <= 64)
    for (const id of offer.extensions.values()) assert.ok(id >= 1 && id <= 255 && id !== 15)
    for (const type of offer.payloadTypes.values()) assert.ok(type >= 0 && type <= 127)
  },
})
