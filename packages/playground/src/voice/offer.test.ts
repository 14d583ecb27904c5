// Reading a browser's offer.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseSdpOffer } from '@parley/protocol'
import { codecsOf, fragmentOf, sectionsOf } from './offer.ts'

/** An offer of Chromium 156, shortened to the lines of one microphone and one receiving section. */
const OFFER = [
  'v=0',
  'o=- 4611731400430051336 2 IN IP4 127.0.0.1',
  's=-',
  't=0 0',
  'a=group:BUNDLE 0 1',
  'a=extmap-allow-mixed',
  'a=msid-semantic: WMS',
  'm=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8',
  'c=IN IP4 0.0.0.0',
  'a=ice-ufrag:owEL',
  'a=ice-pwd:0123456789abcdefghijklmn',
  'a=ice-options:trickle',
  'a=fingerprint:sha-256 59:28:7A:19:2C:F9:A1:9C:D7:71:6C:19:7A:0F:3A:B6:5D:9F:D0:C8:F9:4F:BE:58:C0:25:05:00:BB:D1:40:67',
  'a=setup:actpass',
  'a=mid:0',
  'a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level',
  'a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01',
  'a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid',
  'a=sendonly',
  'a=rtcp-mux',
  'a=rtpmap:111 opus/48000/2',
  'a=rtpmap:63 red/48000/2',
  'a=ssrc:1597862890 cname:Zp0nQ',
  'm=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8',
  'a=ice-ufrag:owEL',
  'a=ice-pwd:0123456789abcdefghijklmn',
  'a=fingerprint:sha-256 59:28:7A:19:2C:F9:A1:9C:D7:71:6C:19:7A:0F:3A:B6:5D:9F:D0:C8:F9:4F:BE:58:C0:25:05:00:BB:D1:40:67',
  'a=mid:1',
  'a=extmap:2/recvonly urn:ietf:params:rtp-hdrext:ssrc-audio-level',
  'a=recvonly',
  'a=rtpmap:109 opus/48000/2',
  '',
].join('\r\n')

test('a fragment has each line that the node needs once, without section lines', () => {
  const fragment = fragmentOf(OFFER)
  assert.doesNotMatch(fragment, /\r|^m=|a=mid:|a=setup|a=ssrc|red\//m)
  const lines = fragment.split('\n')
  assert.equal(new Set(lines).size, lines.length)
  const read = parseSdpOffer(fragment)
  assert.equal(read.ufrag, 'owEL')
  assert.equal(read.payloadTypes.get('opus'), 111)
  assert.equal(read.extensions.get('urn:ietf:params:rtp-hdrext:ssrc-audio-level'), 1)
})

test('a section has its mid, its payload types and, if it sends, its SSRCs', () => {
  const [microphone, receiver] = sectionsOf(OFFER)
  assert.equal(microphone?.mid, '0')
  assert.deepEqual(microphone?.ssrcs, [1_597_862_890])
  assert.deepEqual(receiver?.ssrcs, [])
  assert.equal(receiver?.codecs[0]?.type, 109)
  assert.equal(receiver?.extensions.get('urn:ietf:params:rtp-hdrext:ssrc-audio-level'), 2)
})

test('an offer without Opus has no codecs', () => {
  assert.deepEqual(codecsOf(sectionsOf(OFFER)), [
    { name: 'opus', type: 'audio', priority: 1_000, payload_type: 111, rtx_payload_type: null },
  ])
  assert.deepEqual(codecsOf(sectionsOf(OFFER.replaceAll('opus', 'pcmu'))), [])
  assert.deepEqual(sectionsOf(''), [])
})

/** The camera section of Chromium 156, shortened. It names AV1 first here. */
const CAMERA = [
  'm=video 9 UDP/TLS/RTP/SAVPF 45 46 96 97 102 103 108 109',
  'a=mid:1',
  'a=rtpmap:45 AV1/90000',
  'a=fmtp:45 level-idx=5;profile=0;tier=0',
  'a=rtpmap:46 rtx/90000',
  'a=fmtp:46 apt=45',
  'a=rtpmap:96 VP8/90000',
  'a=rtpmap:97 rtx/90000',
  'a=fmtp:97 apt=96',
  'a=rtpmap:102 H264/90000',
  'a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f',
  'a=rtpmap:103 rtx/90000',
  'a=fmtp:103 apt=102',
  'a=rtpmap:108 H264/90000',
  'a=ssrc-group:FID 3000 3001',
  'a=ssrc:3000 cname:x',
  '',
].join('\r\n')

test('a camera section has VP8 before H264 and AV1, the first payload type of each with its RTX, and two SSRCs', () => {
  const [camera] = sectionsOf(`v=0\r\n${CAMERA}`)
  assert.deepEqual(camera?.ssrcs, [3000, 3001])
  const format = 'level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f'
  assert.deepEqual(camera?.codecs, [
    { name: 'VP8', type: 96, rtx: 97, format: undefined },
    { name: 'H264', type: 102, rtx: 103, format },
    { name: 'AV1', type: 45, rtx: 46, format: 'level-idx=5;profile=0;tier=0' },
  ])
  assert.deepEqual(
    codecsOf([camera!]).map(({ name, priority }) => [name, priority]),
    [
      ['VP8', 1_000],
      ['H264', 2_000],
      ['AV1', 3_000],
    ],
  )
})

test('a camera section with layers has their rids, and no SSRCs', () => {
  const layered = CAMERA.replace(/a=ssrc.*\r\n/g, '').replace(
    /$/,
    'a=rid:50 send\r\na=rid:100 send\r\na=simulcast:send 50;100\r\n',
  )
  const [camera] = sectionsOf(`v=0\r\n${layered}`)
  assert.deepEqual([camera?.rids, camera?.ssrcs], [['50', '100'], []])
  assert.deepEqual(sectionsOf(`v=0\r\n${CAMERA}`)[0]?.rids, [])
})
