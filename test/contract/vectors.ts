// Published test vectors of the seven encryption modes, as printed: key 000102…1f, payload f8fffe.
import { VoiceMode } from '@parley/protocol'

export const KEY = Uint8Array.from({ length: 32 }, (_, index) => index)

const RTP = '807812340001020300003039f8fffe'
const RTP_EXT = '907812340001020300003039bede000110b29004f8fffe'
const CSRC_EXT = '91781234000102030000303900000007bede000110b29004f8fffe'
const RTCP_SR = '80c8000600003039e5c0000080000000000102030000006400001f40'
const RTCP_RR = '81c90007000000010000303900000000000012340000000500000000' + '00000000'

export interface Vector {
  mode: VoiceMode
  name: string
  sealed: string
  plain: string
}

const vector = (mode: VoiceMode, name: string, plain: string, sealed: string): Vector => ({ mode, name, plain, sealed })

export const VECTORS: readonly Vector[] = [
  // aead_aes256_gcm_rtpsize
  vector(
    VoiceMode.AeadAes256GcmRtpsize,
    'rtp',
    RTP,
    '807812340001020300003039bcc93334137f899b5f1e2e463bd73ba62215f700000001',
  ),
  vector(
    VoiceMode.AeadAes256GcmRtpsize,
    'rtp+ext',
    RTP_EXT,
    '907812340001020300003039bede000196bd646b6d1739391501c73b71ebb36ef523c463b186660000002a',
  ),
  vector(
    VoiceMode.AeadAes256GcmRtpsize,
    'csrc+ext',
    CSRC_EXT,
    '91781234000102030000303900000007bede000196bd646b6d1739a025885a7302adf0069e2201919e34260000002a',
  ),
  vector(
    VoiceMode.AeadAes256GcmRtpsize,
    'rtcp SR',
    RTCP_SR,
    '80c8000600003039a1f6cdaa8c5af4a85f3d6793a9bd35e4673fd680f4e12e5d3a57e27c1980d30498dc1f4500000001',
  ),
  // aead_xchacha20_poly1305_rtpsize
  vector(
    VoiceMode.AeadXchacha20Poly1305Rtpsize,
    'rtp',
    RTP,
    '807812340001020300003039f158af3a3d5dba236b4ba860f884d0b5b7905d00000001',
  ),
  vector(
    VoiceMode.AeadXchacha20Poly1305Rtpsize,
    'rtp+ext',
    RTP_EXT,
    '907812340001020300003039bede000177a9f4200145815bed104c3d21bfbdedc1b34322395d120000002a',
  ),
  vector(
    VoiceMode.AeadXchacha20Poly1305Rtpsize,
    'rtcp RR',
    RTCP_RR,
    '81c900070000000109a761196f0091dfcee7b5a0c430ae16201bc77b6755040b7d7c324e45f70b8f8a1df5fc6a42e4a900000001',
  ),
  // xsalsa20_poly1305_lite_rtpsize
  vector(
    VoiceMode.Xsalsa20Poly1305LiteRtpsize,
    'rtp',
    RTP,
    '807812340001020300003039373c50ba1774f0dedb75d5fd7d64251236542b00000001',
  ),
  vector(
    VoiceMode.Xsalsa20Poly1305LiteRtpsize,
    'rtp+ext',
    RTP_EXT,
    '907812340001020300003039bede00017b19aea8f2acfb79c58f5c2bbf36c6922af4eaf69ade300000002a',
  ),
  // aead_aes256_gcm
  vector(VoiceMode.AeadAes256Gcm, 'rtp', RTP, '807812340001020300003039bcc93334137f899b5f1e2e463bd73ba62215f700000001'),
  vector(
    VoiceMode.AeadAes256Gcm,
    'rtp+ext',
    RTP_EXT,
    '90781234000102030000303938d1f46e855a5736c700878878085e30ffe2f9f172cfb5a6d5d9d90000002a',
  ),
  // xsalsa20_poly1305
  vector(VoiceMode.Xsalsa20Poly1305, 'rtp', RTP, '807812340001020300003039710fb82b96d351ff2c0212ce46f8b30ecb24e7'),
  vector(
    VoiceMode.Xsalsa20Poly1305,
    'rtp+ext',
    RTP_EXT,
    '907812340001020300003039f9d56e95fd47f6eb65fb328086979ded8714e03bff0d14bb571a2f',
  ),
  vector(
    VoiceMode.Xsalsa20Poly1305,
    'rtcp SR',
    RTCP_SR,
    '80c800060000303957d6917eff1c049b1ac855fee9d0741474c272019102988bf52d03e6dccfe3fb84f23081',
  ),
  // xsalsa20_poly1305_suffix (nonce a0a1…b7)
  vector(
    VoiceMode.Xsalsa20Poly1305Suffix,
    'rtp',
    RTP,
    '807812340001020300003039a645eb9fae22eb933e49a746f5188b60ce6a49a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7',
  ),
  vector(
    VoiceMode.Xsalsa20Poly1305Suffix,
    'rtcp SR',
    RTCP_SR,
    '80c80006000030391d5c02240c1eed7bfd6052f36deff18bd355b71a0266e7ae772a3948f6a876a2549bcfeea0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7',
  ),
  // xsalsa20_poly1305_lite
  vector(
    VoiceMode.Xsalsa20Poly1305Lite,
    'rtp',
    RTP,
    '807812340001020300003039373c50ba1774f0dedb75d5fd7d64251236542b00000001',
  ),
  vector(
    VoiceMode.Xsalsa20Poly1305Lite,
    'rtp+ext',
    RTP_EXT,
    '9078123400010203000030394406d2604a1c070e3f9c1b07a6173e3584987af372935ee6c5fde60000002a',
  ),
  vector(
    VoiceMode.Xsalsa20Poly1305Lite,
    'rtcp SR',
    RTCP_SR,
    '80c80006000030390078afcbfba15f0ce1ff2fa4777059942b6bd57ec7b1f75302e9c66a96a682a99f8c466e00000001',
  ),
]

/** HChaCha20 of KEY: input and output. */
export const HCHACHA20 = {
  input: '000000090000004a0000000031415927',
  output: '82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc',
}
