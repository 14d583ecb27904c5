// The packet layouts against lengths and nonces of published packets.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VoiceMode } from '../voice/voice.ts'
import { clearRtpLength, fillProtectionNonce, PROTECTION_LAYOUTS, protectionOverhead } from './protection-layout.ts'

const hex = (bytes: Uint8Array) => Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
const unhex = (text: string) => Uint8Array.from(text.match(/../g) ?? [], pair => Number.parseInt(pair, 16))
const CSRC_AND_EXTENSION = unhex(
  '91781234000102030000303900000007bede000196bd646b6d1739a025885a7302adf0069e2201919e34260000002a',
)

test('rtpsize modes leave CSRCs and the first four bytes of the extension clear', () => {
  const { AeadAes256GcmRtpsize, AeadXchacha20Poly1305Rtpsize, Xsalsa20Poly1305LiteRtpsize } = VoiceMode
  const rtpsize: string[] = [AeadAes256GcmRtpsize, AeadXchacha20Poly1305Rtpsize, Xsalsa20Poly1305LiteRtpsize]
  for (const mode of Object.values(VoiceMode)) {
    const clear = clearRtpLength(PROTECTION_LAYOUTS[mode], CSRC_AND_EXTENSION, 0)
    assert.equal(clear, rtpsize.includes(mode) ? 20 : 12, mode)
  }
})

test('a sealed packet is longer by tag and trailer', () => {
  const overheads = Object.values(VoiceMode).map(mode => [mode, protectionOverhead(PROTECTION_LAYOUTS[mode])])
  assert.deepEqual(Object.fromEntries(overheads), {
    aead_aes256_gcm_rtpsize: 20,
    aead_xchacha20_poly1305_rtpsize: 20,
    xsalsa20_poly1305_lite_rtpsize: 20,
    aead_aes256_gcm: 20,
    xsalsa20_poly1305_lite: 20,
    xsalsa20_poly1305_suffix: 40,
    xsalsa20_poly1305: 16,
  })
})

test('a nonce is the trailer or the header, then zeros, whatever the buffer held before', () => {
  const nonceOf = (mode: VoiceMode, headerLength: number) => {
    const layout = PROTECTION_LAYOUTS[mode]
    const nonce = new Uint8Array(layout.nonceLength)
    const bytes = CSRC_AND_EXTENSION
    if (layout.nonceSource === 'header') nonce.fill(0xee)
    fillProtectionNonce(layout, nonce, bytes, 0, bytes.length, headerLength)
    return hex(nonce)
  }
  assert.equal(nonceOf(VoiceMode.AeadAes256Gcm, 12), `0000002a${'00'.repeat(8)}`)
  assert.equal(nonceOf(VoiceMode.Xsalsa20Poly1305Lite, 12), `0000002a${'00'.repeat(20)}`)
  assert.equal(nonceOf(VoiceMode.Xsalsa20Poly1305, 12), `917812340001020300003039${'00'.repeat(12)}`)
  assert.equal(nonceOf(VoiceMode.Xsalsa20Poly1305, 8), `9178123400010203${'00'.repeat(16)}`)
  assert.equal(nonceOf(VoiceMode.Xsalsa20Poly1305Suffix, 12), hex(CSRC_AND_EXTENSION.subarray(-24)))
})
