import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Codec, VoiceClose } from '@parley/protocol'
import { ProtocolError } from '../../errors.ts'
import { readOffer } from './offer.ts'

const SDP = [
  'a=ice-ufrag:Xw3k',
  'a=ice-pwd:0123456789abcdefghijklmn',
  `a=fingerprint:sha-256 ${Array.from({ length: 32 }, () => 'AB').join(':')}`,
  'a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level',
  'a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01',
].join('\n')
const codec = (name: string, payload_type: number, rtx_payload_type: number | null = null): Codec => ({
  name,
  type: name === 'opus' ? 'audio' : 'video',
  payload_type,
  rtx_payload_type,
})
const select = (more: object) => ({ protocol: 'webrtc', ...more })

test('the SDP is read from data or, if that is not a string, from sdp', () => {
  for (const where of [
    { data: SDP },
    { sdp: SDP },
    { data: null, sdp: SDP },
    { data: {}, sdp: SDP },
    { data: SDP, sdp: 'x' },
  ])
    assert.equal(readOffer(select(where)).sdp.ufrag, 'Xw3k')
})

test('payload types and RTX payload types are those of the codecs; unknown codecs are omitted', () => {
  const codecs = [codec('opus', 111), codec('VP8', 96, 97), codec('H264', 102), codec('theora', 99)]
  assert.deepEqual(readOffer(select({ data: SDP, codecs })).mapping.payloadTypes, [
    [120, 111],
    [105, 96],
    [106, 97],
    [101, 102],
  ])
})

test('without codecs the Opus payload type comes from the SDP, with Discord’s as the default', () => {
  const typesOf = (data: string) => readOffer(select({ data })).mapping.payloadTypes
  assert.deepEqual(typesOf(`${SDP}\na=rtpmap:109 opus/48000/2`), [[120, 109]])
  assert.deepEqual(typesOf(SDP), [[120, 120]])
})

test('extensions have the ids of the offer; others are absent', () => {
  assert.deepEqual(readOffer(select({ data: SDP })).mapping.extensions, {
    audioLevel: 1,
    videoOrientation: undefined,
    playoutDelay: undefined,
    transportSequence: 3,
    rid: undefined,
    repairedRid: undefined,
    dependencyDescriptor: undefined,
  })
})

test('an invalid offer closes the connection with a reason that names the missing attribute', () => {
  const refusal = (data: object) => {
    try {
      readOffer(select(data))
    } catch (error) {
      assert.ok(error instanceof ProtocolError && error.code === VoiceClose.BadRequest)
      return error.message
    }
    return assert.fail('expected a rejection')
  }
  assert.match(refusal({}), /data or sdp/)
  assert.match(refusal({ data: null, sdp: null }), /data or sdp/)
  assert.match(refusal({ data: SDP.replace('ice-pwd', 'x') }), /a=ice-pwd/)
  assert.match(refusal({ data: SDP.padEnd(30_000, '\n') }), /too long/)
})
