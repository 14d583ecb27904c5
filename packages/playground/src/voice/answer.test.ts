// The SDP answers that the page builds in the node's place.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatSdpAnswer } from '@parley/protocol'
import { answerTo, readNodeEnd } from './answer.ts'
import type { OfferSection } from './offer.ts'

const FRAGMENT = formatSdpAnswer({
  ip: '203.0.113.10',
  port: 50_004,
  ufrag: 'rnBMCaQI',
  password: '0123456789abcdefghijklmn',
  fingerprint: 'sha-256 A5:B2',
})
const LEVEL = 'urn:ietf:params:rtp-hdrext:ssrc-audio-level'
const section = (mid: string): OfferSection => ({
  kind: 'audio',
  mid,
  codecs: [{ name: 'opus', type: 111, rtx: undefined, format: 'minptime=10' }],
  extensions: new Map([
    [LEVEL, 1],
    ['urn:ietf:params:rtp-hdrext:sdes:mid', 4],
  ]),
  ssrcs: [],
  rids: [],
})

test('the node’s parameters are read from its fragment with either line ending', () => {
  const end = readNodeEnd(FRAGMENT)
  assert.deepEqual(end, {
    ip: '203.0.113.10',
    port: 50_004,
    ufrag: 'rnBMCaQI',
    password: '0123456789abcdefghijklmn',
    fingerprint: 'sha-256 A5:B2',
    candidates: ['1 1 UDP 4261412862 203.0.113.10 50004 typ host'],
  })
  assert.deepEqual(readNodeEnd(FRAGMENT.replaceAll('\n', '\r\n')), end)
})

test('a TCP candidate between two of UDP is used, and the UDP candidate once', () => {
  const [udp] = /^a=candidate:.*$/m.exec(FRAGMENT) ?? []
  const tcp = 'a=candidate:2 1 TCP 1518280447 203.0.113.10 443 typ host tcptype passive'
  const node = readNodeEnd(FRAGMENT.replace(udp!, [udp, tcp, udp].join('\n')))!
  const answer = answerTo([section('0')], ['ours'], node)
  assert.deepEqual(
    answer.match(/^a=candidate:.*$/gm)?.map(line => line.trim()),
    [udp, tcp],
  )
})

test('a fragment without a required line has no parameters', () => {
  for (const line of ['a=ice-ufrag', 'a=ice-pwd', 'a=fingerprint', 'a=candidate'])
    assert.equal(readNodeEnd(FRAGMENT.replaceAll(line, 'a=nothing')), undefined, line)
  assert.equal(readNodeEnd(''), undefined)
})

test('an answer has the sections of the offer in order: the microphone, a member’s, and an unused one', () => {
  const node = readNodeEnd(FRAGMENT)!
  const sections = ['0', '1', '2'].map(section)
  const answer = answerTo(sections, ['ours', { kind: 'audio', role: 'voice', userId: '8', ssrc: 77 }, undefined], node)
  assert.match(answer, /^v=0\r\n/)
  assert.match(answer, /\r\na=group:BUNDLE 0 1 2\r\n/)
  const [session, first, second, third] = answer.split(/^(?=m=)/m)
  assert.match(session ?? '', /^a=ice-lite\r$/m)
  assert.match(first ?? '', /^m=audio 50004 UDP\/TLS\/RTP\/SAVPF 111\r$/m)
  assert.match(first ?? '', /^a=recvonly\r$/m)
  assert.match(second ?? '', /^a=sendonly\r\na=msid:8-77 a8-77\r\na=ssrc:77 cname:8-77\r$/m)
  assert.match(third ?? '', /^a=inactive\r$/m)
  for (const [index, part] of [first, second, third].entries()) {
    assert.match(part ?? '', new RegExp(`^a=mid:${index}\\r$`, 'm'))
    assert.match(part ?? '', /^a=setup:passive\r\na=rtcp-mux\r\na=candidate:1 1 UDP 4261412862 203\.0\.113\.10 50004/m)
    assert.match(part ?? '', new RegExp(`^a=extmap:1 ${LEVEL}\\r$`, 'm'))
    assert.doesNotMatch(part ?? '', /sdes:mid/)
  }
})

test('a video section has all codecs of the offer with the node’s choice first, and RTX at the next SSRC', () => {
  const video: OfferSection = {
    ...section('1'),
    kind: 'video',
    codecs: [
      { name: 'VP8', type: 96, rtx: 97, format: undefined },
      { name: 'H264', type: 102, rtx: 103, format: 'packetization-mode=1' },
    ],
  }
  const use = { kind: 'video', role: 'camera', userId: '8', ssrc: 90 } as const
  const answer = answerTo([video], [use], readNodeEnd(FRAGMENT)!, 'H264')
  assert.match(answer, /^m=video 50004 UDP\/TLS\/RTP\/SAVPF 102 103 96 97\r$/m)
  assert.match(answer, /^a=fmtp:102 packetization-mode=1\r$/m)
  assert.match(answer, /^a=fmtp:97 apt=96\r$/m)
  assert.match(answer, /^a=ssrc-group:FID 90 91\r\na=ssrc:90 cname:8-90\r\na=ssrc:91 cname:8-90\r$/m)
  assert.doesNotMatch(answer, new RegExp(LEVEL))
})

test('the layers of a section are received by rid, and the extensions that name them are negotiated', () => {
  const rid = 'urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id'
  const layered: OfferSection = {
    ...section('1'),
    kind: 'video',
    rids: ['50', '100'],
    extensions: new Map([
      ['urn:ietf:params:rtp-hdrext:sdes:mid', 4],
      [rid, 10],
    ]),
  }
  const answer = answerTo([layered], ['ours'], readNodeEnd(FRAGMENT)!)
  assert.match(answer, /^a=recvonly\r\na=rid:50 recv\r\na=rid:100 recv\r\na=simulcast:recv 50;100\r$/m)
  assert.match(answer, /^a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r$/m)
  assert.match(answer, new RegExp(`^a=extmap:10 ${rid}\\r$`, 'm'))
})
