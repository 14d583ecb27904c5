// SRTP against the published vectors of RFC 3711 (B.3), RFC 7714 (§16, §17) and of libsrtp's test driver; replay and rollover.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fillGcmRtcpIv, fillGcmRtpIv, SRTP_LAYOUTS, SrtpProfile, srtpMaterialLength } from '@parley/protocol'
import { Srtp } from './srtp.ts'
import { deriveSrtpKeys, makeSrtpCipher } from './srtp-cipher.ts'

const unhex = (text: string) => Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'))
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
const counted = (length: number, from = 0) => Uint8Array.from({ length }, (_, index) => from + index)
const NONE = new Uint8Array(0)

test('the published keys are derived from the published master key (RFC 3711 B.3)', () => {
  const master = { key: unhex('E1F97A0D3E018BE0D64FA32C06DE4139'), salt: unhex('0EC675AD498AFEEBB6960B3AABE6') }
  const derived = deriveSrtpKeys(SRTP_LAYOUTS[SrtpProfile.Aes128CmSha1], master, 0)
  assert.equal(hex(derived.key), 'c61e7a93744f39ee10734afe3ff7a087')
  assert.equal(hex(derived.salt), '30cbbc08863d8c85d49db34a9ae1')
  assert.equal(hex(derived.authentication), 'cebe321f6ff7716b6fd4ab49af256a156d38baa4')
})

const RTP = unhex(`8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070
  61727465 73207472 6573`)
const RTCP = unhex(`81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef
  deadbeef deadbeef deadbeef`)
const QUID = unhex('51756964 2070726f 2071756f')
const published = {
  [SrtpProfile.AeadAes128Gcm]: {
    rtp: `8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b
      36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce`,
    rtcp: `81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda 4ce09b46
      86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade`,
  },
  [SrtpProfile.AeadAes256Gcm]: {
    rtp: `8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02 76ffae0f
      1ba63799 b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13`,
    rtcp: undefined,
  },
} as const

for (const [name, { rtp, rtcp }] of Object.entries(published)) {
  const layout = SRTP_LAYOUTS[name as SrtpProfile]
  const cipher = makeSrtpCipher(layout, { key: counted(layout.keyLength), salt: QUID, authentication: NONE })
  test(`the published packet is sealed as published, and opened again (RFC 7714 §16, ${name})`, () => {
    const bytes = new Uint8Array(RTP.length + 16)
    bytes.set(RTP)
    fillGcmRtpIv(cipher.iv, cipher.salt, bytes, 0, 0)
    cipher.seal(bytes, 0, 12, 12, RTP.length - 12, NONE, RTP.length)
    assert.equal(hex(bytes), rtp.replace(/\s/g, ''))
    assert.ok(cipher.open(bytes, 0, 12, RTP.length - 12, NONE, RTP.length))
    assert.equal(hex(bytes.subarray(0, RTP.length)), hex(RTP))
  })
  if (rtcp === undefined) continue
  test(`the published report is sealed as published (RFC 7714 §17, ${name})`, () => {
    const bytes = new Uint8Array(RTCP.length + 16)
    bytes.set(RTCP)
    fillGcmRtcpIv(cipher.iv, cipher.salt, bytes, 0, 0x5d4)
    cipher.seal(bytes, 0, 8, 8, RTCP.length - 8, unhex('800005d4'), RTCP.length)
    assert.equal(hex(bytes), rtcp.replace(/\s/g, ''))
  })
}

/** Client and server have the same key, so that one peer can open what it sealed. */
function mirrored(profile: SrtpProfile, key: Uint8Array, salt: Uint8Array): Srtp {
  return new Srtp(profile, Uint8Array.from([...key, ...key, ...salt, ...salt]))
}
const PLAIN = unhex('800f1234decafbadcafebabe abababababababababababababababab')
const REPORT = unhex('81c8000bcafebabe abababababababababababababababab')
const libsrtp = [
  {
    profile: SrtpProfile.Aes128CmSha1,
    key: unhex('e1f97a0d3e018be0d64fa32c06de4139'),
    salt: unhex('0ec675ad498afeebb6960b3aabe6'),
    rtp: '800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb',
    rtcpIndex1: '81c8000bcafebabe7128035be487b9bdbef89041f977a5a880000001993e08cd54d6c1230798',
  },
  {
    profile: SrtpProfile.AeadAes128Gcm,
    key: counted(16),
    salt: counted(12, 0xa0),
    rtp: '800f1234decafbadcafebabec5002ede04cfdd2eb91159e0880aa06ed2976826f796b201df3131a127e8a392',
    rtcpIndex1: '81c8000bcafebabec98b8b5df0392a55852b6c21ac8e7025c52c6fbea2b3b446ea31123ba88ce61e80000001',
  },
] as const

const sealRtp = (srtp: Srtp, plain: Uint8Array) => {
  const bytes = new Uint8Array(plain.length + 20)
  bytes.set(plain)
  const length = srtp.sealRtp(bytes, viewOf(bytes), 0, plain.length)
  return length < 0 ? undefined : bytes.slice(0, length)
}
const sealRtcp = (srtp: Srtp, plain: Uint8Array) => {
  const bytes = new Uint8Array(plain.length + 20)
  bytes.set(plain)
  return bytes.slice(0, srtp.sealRtcp(bytes, viewOf(bytes), 0, plain.length))
}
const openRtp = (srtp: Srtp, sealed: Uint8Array) => {
  const bytes = sealed.slice()
  const length = srtp.openRtp(bytes, viewOf(bytes), 0, bytes.length)
  return length < 0 ? undefined : hex(bytes.subarray(0, length))
}
const openRtcp = (srtp: Srtp, sealed: Uint8Array) => {
  const bytes = sealed.slice()
  const length = srtp.openRtcp(bytes, viewOf(bytes), 0, bytes.length)
  return length < 0 ? undefined : hex(bytes.subarray(0, length))
}

for (const { profile, key, salt, rtp, rtcpIndex1 } of libsrtp) {
  test(`libsrtp's packets of ${profile} are sealed and opened as in libsrtp`, () => {
    const srtp = mirrored(profile, key, salt)
    assert.equal(hex(sealRtp(srtp, PLAIN)!), rtp)
    assert.equal(openRtp(srtp, unhex(rtp)), hex(PLAIN))
    assert.equal(openRtcp(srtp, unhex(rtcpIndex1)), hex(REPORT))
    sealRtcp(srtp, REPORT)
    assert.equal(hex(sealRtcp(srtp, REPORT)), rtcpIndex1)
  })
}

const packet = (sequence: number, fill = 7) => {
  const bytes = Uint8Array.from([0x80, 111, 0, 0, 0, 0, 0, 1, 0, 0, 0x30, 0x39, ...new Uint8Array(20).fill(fill)])
  viewOf(bytes).setUint16(2, sequence)
  return bytes
}
const PROFILES = Object.values(SrtpProfile)
const materialOf = (profile: SrtpProfile) => {
  const { keyLength, saltLength } = SRTP_LAYOUTS[profile]
  return mirrored(profile, counted(keyLength), counted(saltLength, 9))
}

for (const profile of PROFILES) {
  test(`${profile}: packets with a changed bit or truncated are refused, for RTP and RTCP`, () => {
    const sealed = sealRtp(materialOf(profile), packet(5))!
    const report = sealRtcp(materialOf(profile), REPORT)
    for (const [bytes, open] of [
      [sealed, openRtp],
      [report, openRtcp],
    ] as const) {
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const changed = bytes.slice()
        changed[bit >> 3]! ^= 1 << (bit & 7)
        assert.equal(open(materialOf(profile), changed), undefined, `bit ${bit}`)
      }
      for (let length = 0; length < bytes.length; length++)
        assert.equal(open(materialOf(profile), bytes.slice(0, length)), undefined)
    }
  })

  test(`${profile}: both sides follow the rollover counter over many wraps, with loss`, () => {
    const sender = materialOf(profile)
    const receiver = materialOf(profile)
    for (let index = 100; index < 300_000; index += 9_999) {
      const sealed = sealRtp(sender, packet(index & 0xffff))!
      assert.ok(openRtp(receiver, sealed) !== undefined, `index ${index}`)
    }
  })
}

test('no index is sealed twice, for any sequences of the caller', () => {
  const srtp = materialOf(SrtpProfile.AeadAes128Gcm)
  const isSealed = (sequence: number, fill = 7) => sealRtp(srtp, packet(sequence, fill)) !== undefined
  assert.deepEqual(
    [1_000, 1_000, 1_003, 1_001, 1_001, 1_003].map(sequence => isSealed(sequence, 8)),
    [true, false, true, true, false, false],
  )
  assert.ok(isSealed(1_003 - 63))
  assert.ok(!isSealed(1_003 - 64), 'older than the window')
  assert.ok(!isSealed(3), 'the caller has to renumber a sender that starts over')
  for (let index = 1_100; index < 200_000; index += 5_000)
    assert.deepEqual([isSealed(index & 0xffff), isSealed(index & 0xffff)], [true, false], `index ${index}`)
})

test('before the first wrap no sequence is unwrapped to an index below zero', () => {
  const srtp = materialOf(SrtpProfile.AeadAes128Gcm)
  assert.ok(sealRtp(srtp, packet(2)) !== undefined)
  assert.equal(sealRtp(srtp, packet(65_535)), undefined)
  assert.ok(sealRtp(srtp, packet(0)) !== undefined)
})

test('the header and the payload may be at separate places', () => {
  const srtp = materialOf(SrtpProfile.AeadAes128Gcm)
  const plain = packet(7)
  const bytes = new Uint8Array(200)
  bytes.set(plain.subarray(0, 12))
  bytes.set(plain.subarray(12), 100 + 12)
  const length = srtp.sealRtp(bytes, viewOf(bytes), 0, plain.length, 12, 100)
  assert.equal(openRtp(materialOf(SrtpProfile.AeadAes128Gcm), bytes.slice(0, length)), hex(plain))
})

test('an opened packet is not opened again, a late one is opened, also across the wrap', () => {
  const sender = materialOf(SrtpProfile.AeadAes128Gcm)
  const receiver = materialOf(SrtpProfile.AeadAes128Gcm)
  const sealed = Array.from({ length: 1_200 }, (_, index) => sealRtp(sender, packet((65_000 + index) & 0xffff))!)
  const isOpened = (index: number) => openRtp(receiver, sealed[index]!) !== undefined
  assert.deepEqual([520, 520, 522, 521, 520, 521, 522, 550, 540, 539, 540, 550].map(isOpened), [
    true,
    false,
    true,
    true,
    false,
    false,
    false,
    true,
    true,
    true,
    false,
    false,
  ])
  assert.ok(isOpened(1_199))
  assert.ok(isOpened(1_199 - 1_023), 'sent again, by a sender without RTX')
  assert.ok(!isOpened(1_199 - 1_023))
  assert.ok(!isOpened(1_199 - 1_024), 'older than the window')
})

test('a packet that does not verify marks no index', () => {
  const sealed = sealRtp(materialOf(SrtpProfile.AeadAes128Gcm), packet(7))!
  const receiver = materialOf(SrtpProfile.AeadAes128Gcm)
  const forged = sealed.slice()
  forged[20]! ^= 1
  assert.equal(openRtp(receiver, forged), undefined)
  assert.ok(openRtp(receiver, sealed) !== undefined)
  assert.equal(openRtp(receiver, sealed), undefined)
})

test('an opened report is not opened again, a late one is opened', () => {
  const sender = materialOf(SrtpProfile.Aes128CmSha1)
  const receiver = materialOf(SrtpProfile.Aes128CmSha1)
  const sealed = Array.from({ length: 40 }, () => sealRtcp(sender, REPORT))
  assert.ok(openRtcp(receiver, sealed[1]!) !== undefined)
  assert.ok(openRtcp(receiver, sealed[0]!) !== undefined)
  assert.equal(openRtcp(receiver, sealed[0]!), undefined)
  assert.equal(openRtcp(receiver, sealed[1]!), undefined)
  assert.ok(openRtcp(receiver, sealed[39]!) !== undefined)
  assert.equal(openRtcp(receiver, sealed[2]!), undefined)
  assert.ok(openRtcp(receiver, sealed[30]!) !== undefined)
})

test('each SSRC of a client has its own report counter', () => {
  const profile = SrtpProfile.AeadAes128Gcm
  const other = REPORT.slice()
  other[7]! ^= 1
  const [audio, video, receiver] = [materialOf(profile), materialOf(profile), materialOf(profile)]
  for (let count = 0; count < 100; count++) assert.ok(openRtcp(receiver, sealRtcp(audio, REPORT)) !== undefined)
  const first = sealRtcp(video, other)
  assert.ok(openRtcp(receiver, first) !== undefined)
  assert.equal(openRtcp(receiver, first), undefined)
})

test('keying material is split as RFC 5764 §4.2 specifies: the client’s key opens, the server’s key seals', () => {
  for (const profile of PROFILES) {
    const material = counted(srtpMaterialLength(SRTP_LAYOUTS[profile]))
    const { keyLength: key, saltLength: salt } = SRTP_LAYOUTS[profile]
    const swapped = Uint8Array.from([
      ...material.subarray(key, 2 * key),
      ...material.subarray(0, key),
      ...material.subarray(2 * key + salt),
      ...material.subarray(2 * key, 2 * key + salt),
    ])
    const sealed = sealRtp(new Srtp(profile, material), packet(9))!
    assert.equal(openRtp(new Srtp(profile, swapped), sealed), hex(packet(9)))
    assert.equal(openRtp(new Srtp(profile, material), sealed), undefined)
  }
})
