// The load generator's checks of received packets, on which every figure of `npm run bench` relies.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SrtpProfile, VoiceMode } from '@parley/protocol'
import { Crowd } from '../../bench/load/crowd.ts'
import { measureLoad } from '../../bench/load/measure.ts'
import { readStamp, SHORTEST_PAYLOAD, writeStamp } from '../../bench/load/media/stamp.ts'
import { SrtpOpener } from '../../bench/load/webrtc/srtp-opener.ts'
import { SrtpSealer } from '../../bench/load/webrtc/srtp-sealer.ts'
import { benchPacketEngines } from '../../bench/micro/packet-engines.ts'
import { NodeProcess } from '../../bench/node/node-process.ts'
import { Native } from '../../packages/server/src/lane/engine/native-calls.ts'

const native = await Native.load()
const skip = native.ok ? false : `no batched UDP calls: ${native.reason}`

function stamped(length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  writeStamp(new DataView(bytes.buffer), 0, length, 4_000_000_000, 12_345, 70_000)
  return bytes
}

test('a stamp of any length has the time, the SSRC and the counter', () => {
  for (const length of [SHORTEST_PAYLOAD, 120, 1_275])
    assert.deepEqual(readStamp(stamped(length)), { sentAt: 4_000_000_000, ssrc: 12_345, counter: 70_000 })
})

test('a payload with a changed byte, or a shorter one, has no stamp', () => {
  for (let index = 0; index < 120; index++) {
    const bytes = stamped(120)
    bytes[index]! ^= 1
    assert.equal(readStamp(bytes), undefined)
  }
  assert.equal(readStamp(stamped(120).subarray(0, 119)), undefined)
  assert.equal(readStamp(new Uint8Array(3)), undefined)
})

/** Test packets of libsrtp; client and server have the same key and salt. */
const PLAIN = '800f1234decafbadcafebabeabababababababababababababababab'
const SRTP_VECTORS = [
  {
    profile: SrtpProfile.Aes128CmSha1,
    key: 'e1f97a0d3e018be0d64fa32c06de4139',
    salt: '0ec675ad498afeebb6960b3aabe6',
    sealed: '800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb',
  },
  {
    profile: SrtpProfile.AeadAes128Gcm,
    key: '000102030405060708090a0b0c0d0e0f',
    salt: 'a0a1a2a3a4a5a6a7a8a9aaab',
    sealed: '800f1234decafbadcafebabec5002ede04cfdd2eb91159e0880aa06ed2976826f796b201df3131a127e8a392',
  },
]

test('the SRTP opener opens libsrtp’s packets, and none with a changed byte', () => {
  for (const { profile, key, salt, sealed } of SRTP_VECTORS) {
    const opener = () => SrtpOpener.ofServer(profile, Buffer.from(key + key + salt + salt, 'hex'))
    const packet = Buffer.from(sealed, 'hex')
    assert.deepEqual(Buffer.from(opener().open(packet) ?? []).toString('hex'), PLAIN)
    for (let index = 0; index < packet.length; index++) {
      const changed = Buffer.from(packet)
      changed[index]! ^= 1
      assert.equal(opener().open(changed), undefined)
    }
  }
})

test('the SRTP sealer numbers its packets, and the opener reads them after a rollover of the sequence number', () => {
  const master = Buffer.from(Array.from({ length: 44 }, (_, index) => index))
  const [sealer, opener] = [new SrtpSealer(master, 7, 100), new SrtpOpener(SrtpProfile.AeadAes256Gcm, master)]
  for (const index of [65_534, 65_535, 65_536, 65_537]) {
    const plain = opener.open(sealer.seal(Uint8Array.of(1, 2, index & 0xff), index))
    assert.deepEqual(new Uint8Array(plain?.subarray(12) ?? []), Uint8Array.of(1, 2, index & 0xff))
  }
})

test('a load finds no wrong packet at members that stay while others leave and join', { skip }, async () => {
  const node = await NodeProcess.start()
  const mode = VoiceMode.AeadXchacha20Poly1305Rtpsize
  const crowd = await Crowd.open(node, { channels: 3, members: 6, speakers: 2, visitors: 1, payload: 60, mode })
  try {
    await crowd.join()
    const pace = { kind: 'paced', perSecond: 100 } as const
    const figures = await measureLoad(crowd, { pace, warmUp: 0.2, seconds: 1, churn: 10 })
    assert.equal(figures.wrong, 0)
    // A node that does not get enough CPU drops packets that have waited too long.
    assert.ok(figures.loss >= 0 && figures.loss < 0.5, `loss ${figures.loss}`)
    assert.ok(figures.checked > 0 && figures.joins.count > 0 && figures.heartbeat.answers > 0)
    assert.equal(figures.joins.failed, 0)
  } finally {
    await crowd.close()
    await node.stop()
  }
})

test('a load of WebRTC listeners receives Discord clients’ packets and finds none wrong', { skip }, async () => {
  const node = await NodeProcess.start()
  const mode = VoiceMode.AeadAes256GcmRtpsize
  const plan = { channels: 2, members: 4, speakers: 1, visitors: 0, payload: 60, mode, browsers: true }
  const crowd = await Crowd.open(node, plan)
  try {
    await crowd.join()
    const figures = await measureLoad(crowd, { pace: { kind: 'paced', perSecond: 200 }, warmUp: 0.1, seconds: 0.5 })
    assert.equal(figures.wrong, 0)
    assert.ok(figures.checked > 0)
  } finally {
    await crowd.close()
    await node.stop()
  }
})

test('a load counts a packet that does not open with the member’s key as wrong', { skip }, async () => {
  const node = await NodeProcess.start()
  const mode = VoiceMode.AeadAes256GcmRtpsize
  const crowd = await Crowd.open(node, { channels: 1, members: 3, speakers: 1, visitors: 0, payload: 60, mode })
  try {
    await crowd.join()
    for (const member of crowd.members) member.key = new Uint8Array(32)
    const figures = await measureLoad(crowd, { pace: { kind: 'paced', perSecond: 500 }, warmUp: 0.1, seconds: 0.5 })
    assert.ok(figures.wrong > 0)
    assert.equal(figures.checked, 0)
  } finally {
    await crowd.close()
    await node.stop()
  }
})

test('the benchmark of a lane without a node finds right packets only, at Discord and WebRTC listeners', {
  skip,
}, async () => {
  const protections = [VoiceMode.AeadAes256GcmRtpsize, SrtpProfile.AeadAes128Gcm]
  const rows = await benchPacketEngines({ seconds: 0.5, members: [10], protections, engines: ['ffi'] })
  assert.equal(rows.length, protections.length)
  for (const { opened, wrong } of rows) assert.deepEqual([opened > 0, wrong], [true, 0])
})
