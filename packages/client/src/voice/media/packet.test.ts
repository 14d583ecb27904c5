// Every encryption mode against published packets, and against tampered ones.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CLEAR_RTCP_LENGTH, clearRtpLength, decodeRtp, PROTECTION_LAYOUTS, VoiceMode } from '@parley/protocol'
import { openPacket, type PacketKind, PacketProtection, sealPacket } from './packet.ts'

const hex = (bytes: Uint8Array) => Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
const unhex = (text: string) => Uint8Array.from(text.match(/../g) ?? [], pair => Number.parseInt(pair, 16))

const KEY = Uint8Array.from({ length: 32 }, (_, index) => index)
const RTP = '807812340001020300003039f8fffe'
const RTP_EXTENSION = '907812340001020300003039bede000110b29004f8fffe'
const RTP_CSRC_EXTENSION = '91781234000102030000303900000007bede000110b29004f8fffe'
const SENDER_REPORT = '80c8000600003039e5c0000080000000000102030000006400001f40'
const RECEIVER_REPORT = '81c9000700000001000030390000000000001234000000050000000000000000'
const SUFFIX = 'a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7'
const mode = VoiceMode

const VECTORS: [VoiceMode, PacketKind, plain: string, trailer: string, sealed: string][] = [
  [
    mode.AeadAes256GcmRtpsize,
    'rtp',
    RTP,
    '00000001',
    '807812340001020300003039bcc93334137f899b5f1e2e463bd73ba62215f700000001',
  ],
  [
    mode.AeadAes256GcmRtpsize,
    'rtp',
    RTP_EXTENSION,
    '0000002a',
    '907812340001020300003039bede000196bd646b6d1739391501c73b71ebb36ef523c463b186660000002a',
  ],
  [
    mode.AeadAes256GcmRtpsize,
    'rtp',
    RTP_CSRC_EXTENSION,
    '0000002a',
    '91781234000102030000303900000007bede000196bd646b6d1739a025885a7302adf0069e2201919e34260000002a',
  ],
  [
    mode.AeadAes256GcmRtpsize,
    'rtcp',
    SENDER_REPORT,
    '00000001',
    '80c8000600003039a1f6cdaa8c5af4a85f3d6793a9bd35e4673fd680f4e12e5d3a57e27c1980d30498dc1f4500000001',
  ],
  [
    mode.AeadXchacha20Poly1305Rtpsize,
    'rtp',
    RTP,
    '00000001',
    '807812340001020300003039f158af3a3d5dba236b4ba860f884d0b5b7905d00000001',
  ],
  [
    mode.AeadXchacha20Poly1305Rtpsize,
    'rtp',
    RTP_EXTENSION,
    '0000002a',
    '907812340001020300003039bede000177a9f4200145815bed104c3d21bfbdedc1b34322395d120000002a',
  ],
  [
    mode.AeadXchacha20Poly1305Rtpsize,
    'rtcp',
    RECEIVER_REPORT,
    '00000001',
    '81c900070000000109a761196f0091dfcee7b5a0c430ae16201bc77b6755040b7d7c324e45f70b8f8a1df5fc6a42e4a900000001',
  ],
  [
    mode.Xsalsa20Poly1305LiteRtpsize,
    'rtp',
    RTP,
    '00000001',
    '807812340001020300003039373c50ba1774f0dedb75d5fd7d64251236542b00000001',
  ],
  [
    mode.Xsalsa20Poly1305LiteRtpsize,
    'rtp',
    RTP_EXTENSION,
    '0000002a',
    '907812340001020300003039bede00017b19aea8f2acfb79c58f5c2bbf36c6922af4eaf69ade300000002a',
  ],
  [
    mode.AeadAes256Gcm,
    'rtp',
    RTP,
    '00000001',
    '807812340001020300003039bcc93334137f899b5f1e2e463bd73ba62215f700000001',
  ],
  [
    mode.AeadAes256Gcm,
    'rtp',
    RTP_EXTENSION,
    '0000002a',
    '90781234000102030000303938d1f46e855a5736c700878878085e30ffe2f9f172cfb5a6d5d9d90000002a',
  ],
  [mode.Xsalsa20Poly1305, 'rtp', RTP, '', '807812340001020300003039710fb82b96d351ff2c0212ce46f8b30ecb24e7'],
  [
    mode.Xsalsa20Poly1305,
    'rtp',
    RTP_EXTENSION,
    '',
    '907812340001020300003039f9d56e95fd47f6eb65fb328086979ded8714e03bff0d14bb571a2f',
  ],
  [
    mode.Xsalsa20Poly1305,
    'rtcp',
    SENDER_REPORT,
    '',
    '80c800060000303957d6917eff1c049b1ac855fee9d0741474c272019102988bf52d03e6dccfe3fb84f23081',
  ],
  [
    mode.Xsalsa20Poly1305Suffix,
    'rtp',
    RTP,
    SUFFIX,
    `807812340001020300003039a645eb9fae22eb933e49a746f5188b60ce6a49${SUFFIX}`,
  ],
  [
    mode.Xsalsa20Poly1305Suffix,
    'rtcp',
    SENDER_REPORT,
    SUFFIX,
    `80c80006000030391d5c02240c1eed7bfd6052f36deff18bd355b71a0266e7ae772a3948f6a876a2549bcfee${SUFFIX}`,
  ],
  [
    mode.Xsalsa20Poly1305Lite,
    'rtp',
    RTP,
    '00000001',
    '807812340001020300003039373c50ba1774f0dedb75d5fd7d64251236542b00000001',
  ],
  [
    mode.Xsalsa20Poly1305Lite,
    'rtp',
    RTP_EXTENSION,
    '0000002a',
    '9078123400010203000030394406d2604a1c070e3f9c1b07a6173e3584987af372935ee6c5fde60000002a',
  ],
  [
    mode.Xsalsa20Poly1305Lite,
    'rtcp',
    SENDER_REPORT,
    '00000001',
    '80c80006000030390078afcbfba15f0ce1ff2fa4777059942b6bd57ec7b1f75302e9c66a96a682a99f8c466e00000001',
  ],
]

test('sealing returns the published bytes', () => {
  for (const [name, kind, plain, trailer, sealed] of VECTORS)
    assert.equal(hex(sealPacket(PROTECTION_LAYOUTS[name], kind, KEY, unhex(trailer), unhex(plain))), sealed, name)
})

test('opening returns the plain packet', () => {
  for (const [name, kind, plain, , sealed] of VECTORS)
    assert.equal(hex(openPacket(PROTECTION_LAYOUTS[name], kind, KEY, unhex(sealed)) ?? new Uint8Array()), plain, name)
})

test('no changed byte authenticates behind the clear part, and with AEAD none anywhere', () => {
  for (const [name, kind, , , sealed] of VECTORS) {
    const layout = PROTECTION_LAYOUTS[name]
    const clear = kind === 'rtp' ? clearRtpLength(layout, unhex(sealed), 0) : CLEAR_RTCP_LENGTH
    const first = layout.isClearAuthenticated ? 0 : clear
    for (let index = first; index < sealed.length / 2; index++) {
      const bytes = unhex(sealed)
      bytes[index]! ^= 1
      assert.equal(openPacket(layout, kind, KEY, bytes), undefined, `${name}, ${kind}, byte ${index}`)
    }
  }
})

test('a truncated packet does not open, and does not throw', () => {
  for (const [name, kind, , , sealed] of VECTORS)
    for (let length = 0; length < sealed.length / 2; length++)
      assert.equal(openPacket(PROTECTION_LAYOUTS[name], kind, KEY, unhex(sealed).subarray(0, length)), undefined)
})

test('a packet does not open under another key', () => {
  const other = KEY.map(byte => byte ^ 0x80)
  for (const [name, kind, , , sealed] of VECTORS)
    assert.equal(openPacket(PROTECTION_LAYOUTS[name], kind, other, unhex(sealed)), undefined)
})

test('a packet whose extension or padding exceeds the plaintext opens, but is malformed', () => {
  for (const plain of [
    '907812340001020300003039bede0009f8fffe',
    'a07812340001020300003039f8ff09',
    'a07812340001020300003039',
  ])
    for (const name of Object.values(VoiceMode)) {
      const protection = new PacketProtection(name, KEY)
      const opened = protection.open('rtp', protection.seal('rtp', unhex(plain))!)
      assert.equal(hex(opened!), plain, name)
      assert.equal(decodeRtp(opened!), undefined, name)
    }
})

test('no two packets of one key have the same trailer', () => {
  for (const name of Object.values(VoiceMode)) {
    const { trailerLength } = PROTECTION_LAYOUTS[name]
    if (trailerLength === 0) continue
    const protection = new PacketProtection(name, KEY)
    const trailers = Array.from({ length: 100 }, () => hex(protection.seal('rtp', unhex(RTP))!.slice(-trailerLength)))
    assert.equal(new Set(trailers).size, 100, name)
  }
})
