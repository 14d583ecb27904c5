// SDP offers observed from clients, and the answer that they need.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DecodeError } from '../bytes.ts'
import { ExtensionUri, formatSdpAnswer, parseSdpOffer } from './sdp.ts'

const PRINT = Array.from({ length: 32 }, (_, index) => index.toString(16).padStart(2, '0').toUpperCase()).join(':')
const FRAGMENT = [
  'a=extmap-allow-mixed',
  'a=ice-ufrag:Xw3k',
  'a=ice-pwd:0123456789abcdefghijklmn',
  'a=ice-options:trickle',
  `a=fingerprint:sha-256 ${PRINT}`,
  'a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level',
  'a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01',
  'a=rtpmap:111 opus/48000/2',
  'a=extmap:14 urn:ietf:params:rtp-hdrext:toffset',
  'a=extmap:13 urn:3gpp:video-orientation',
  'a=rtpmap:96 VP8/90000',
  'a=rtpmap:97 rtx/90000',
]

for (const [name, sdp] of [
  ['a fragment', FRAGMENT.join('\n')],
  ['a fragment with CRLF', FRAGMENT.join('\r\n')],
  ['a fragment in reverse', FRAGMENT.toReversed().join('\n')],
  [
    'a whole description',
    ['v=0', 'o=- 1 2 IN IP4 127.0.0.1', 's=-', 't=0 0', 'm=audio 9 UDP/TLS/RTP/SAVPF 111', ...FRAGMENT, 'a=mid:0'].join(
      '\r\n',
    ),
  ],
] as const)
  test(`${name} is parsed`, () => {
    const offer = parseSdpOffer(sdp)
    assert.equal(offer.ufrag, 'Xw3k')
    assert.equal(offer.password, '0123456789abcdefghijklmn')
    assert.equal(offer.fingerprint.algorithm, 'sha-256')
    assert.deepEqual(
      [...offer.fingerprint.bytes],
      Array.from({ length: 32 }, (_, index) => index),
    )
    assert.equal(offer.extensions.get(ExtensionUri.AudioLevel), 1)
    assert.equal(offer.extensions.get(ExtensionUri.TransportSequence), 3)
    assert.equal(offer.extensions.get(ExtensionUri.VideoOrientation), 13)
    assert.equal(offer.payloadTypes.get('opus'), 111)
    assert.equal(offer.payloadTypes.get('vp8'), 96)
  })

test('an extension with a direction is parsed, and the first of several counts', () => {
  const more = [
    ...FRAGMENT,
    'a=extmap:2/recvonly http://www.webrtc.org/experiments/rtp-hdrext/playout-delay',
    'a=extmap:9 urn:3gpp:video-orientation',
    'a=ice-ufrag:other',
  ]
  const offer = parseSdpOffer(more.join('\n'))
  assert.equal(offer.extensions.get(ExtensionUri.PlayoutDelay), 2)
  assert.equal(offer.extensions.get(ExtensionUri.VideoOrientation), 13)
  assert.equal(offer.ufrag, 'Xw3k')
})

test('extensions with invalid ids are skipped', () => {
  const offer = parseSdpOffer([...FRAGMENT, 'a=extmap:0 urn:a', 'a=extmap:15 urn:b', 'a=extmap:256 urn:c'].join('\n'))
  for (const uri of ['urn:a', 'urn:b', 'urn:c']) assert.ok(!offer.extensions.has(uri))
})

test('a missing or malformed line is named', () => {
  const text = FRAGMENT.join('\n')
  const without = (start: string) => FRAGMENT.filter(line => !line.startsWith(start)).join('\n')
  for (const [sdp, line] of [
    [without('a=ice-ufrag'), 'a=ice-ufrag'],
    [without('a=ice-pwd'), 'a=ice-pwd'],
    [without('a=fingerprint'), 'a=fingerprint'],
    ['', 'a=ice-ufrag'],
    [text.replace(PRINT, `${PRINT}:0`), 'a=fingerprint'],
    [text.replace('Xw3k', 'a b'), 'a=ice-ufrag'],
  ] as const)
    assert.throws(() => parseSdpOffer(sdp), new DecodeError(`expected ${line} in the SDP`))
})

test('the answer has the lines that every known client reads', () => {
  const answer = {
    ip: '203.0.113.10',
    port: 50004,
    ufrag: 'Xw3k',
    password: 'p'.repeat(24),
    fingerprint: `sha-256 ${PRINT}`,
  }
  assert.equal(
    formatSdpAnswer(answer),
    `m=audio 50004 ICE/SDP
a=fingerprint:sha-256 ${PRINT}
c=IN IP4 203.0.113.10
a=rtcp:50004
a=ice-ufrag:Xw3k
a=ice-pwd:${'p'.repeat(24)}
a=fingerprint:sha-256 ${PRINT}
a=candidate:1 1 UDP 4261412862 203.0.113.10 50004 typ host
`,
  )
  assert.match(formatSdpAnswer({ ...answer, ip: '2001:db8::1' }), /^c=IN IP6 2001:db8::1$/m)
})

test('a TCP candidate is neither the first nor the last: clients that know one candidate use UDP', () => {
  const answer = { ip: '203.0.113.10', port: 50004, tcpPort: 443, ufrag: 'Xw3k', password: 'p', fingerprint: 'x' }
  assert.deepEqual(formatSdpAnswer(answer).match(/^a=candidate:.*$/gm), [
    'a=candidate:1 1 UDP 4261412862 203.0.113.10 50004 typ host',
    'a=candidate:2 1 TCP 1518280447 203.0.113.10 443 typ host tcptype passive',
    'a=candidate:1 1 UDP 4261412862 203.0.113.10 50004 typ host',
  ])
})
