// The load generator's checks of received packets, on which every figure of `npm run bench` relies.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SrtpProfile, VoiceMode } from '@parley/protocol'
import { Crowd } from '../../bench/load/crowd.ts'
import { measureLoad } from '../../bench/load/measure.ts'
import { OPUS_TOC, readStamp, SHORTEST_PAYLOAD, writeStamp } from '../../bench/load/media/stamp.ts'
import { VideoPackets } from '../../bench/load/media/video-packets.ts'
import type { Plan } from '../../bench/load/plan.ts'
import { SrtpOpener } from '../../bench/load/webrtc/srtp-opener.ts'
import { SrtpSealer } from '../../bench/load/webrtc/srtp-sealer.ts'
import { benchPacketEngines } from '../../bench/micro/packet-engines.ts'
import { NodeProcess } from '../../bench/node/node-process.ts'
import { Native } from '../../packages/server/src/lane/engine/native-calls.ts'
import { until } from './until.ts'

const native = await Native.load()
const skip = native.ok ? false : `no batched UDP calls: ${native.reason}`

function stamped(length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  writeStamp(new DataView(bytes.buffer), 0, length, OPUS_TOC, 4_000_000_000, 12_345, 70_000)
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

test('the packets of a layer have its bit rate and frame rate, a marker at the end of each frame, and keyframes', () => {
  for (const layer of [
    { framesPerSecond: 60, bitsPerSecond: 8e6 },
    { framesPerSecond: 30, bitsPerSecond: 150e3 },
  ]) {
    const packets = new VideoPackets(layer)
    const sent = { bits: 0, milliseconds: 0, frames: 0, keyframes: 0, burst: 0 }
    let longest = 0
    while (sent.milliseconds < 60_000) {
      const { timestamp, isMarked } = packets
      sent.bits += packets.length * 8
      if (packets.first === 0x67) sent.keyframes++
      if (isMarked) sent.frames++
      const gap = packets.next()
      assert.equal(packets.timestamp, timestamp + (isMarked ? 90_000 / layer.framesPerSecond : 0))
      sent.milliseconds += gap
      sent.burst = gap === 0 ? sent.burst + 1 : 0
      longest = Math.max(longest, sent.burst)
    }
    const seconds = sent.milliseconds / 1_000
    assert.ok(Math.abs(sent.bits / seconds / layer.bitsPerSecond - 1) < 0.01, `${sent.bits / seconds} bits per second`)
    assert.ok(Math.abs(sent.frames / seconds / layer.framesPerSecond - 1) < 0.01, `${sent.frames / seconds} frames`)
    assert.ok(sent.keyframes >= 20 && sent.keyframes <= 21, `${sent.keyframes} keyframes`)
    // 5 ms at 2.5 times the bit rate, in packets.
    assert.ok(longest <= (layer.bitsPerSecond * 2.5 * 0.005) / 8 / 1_100, `bursts of ${longest + 1} packets`)
  }
})

/** Sends until each member has received each stream that it is to receive, and samples were opened. No packet may be wrong. */
async function assertReceived(node: NodeProcess, plan: Plan): Promise<Crowd['streams']> {
  const crowd = await Crowd.open(node, plan)
  try {
    await crowd.join()
    crowd.traffic.start(crowd.streams, { kind: 'paced', perSecond: 50 }, 1)
    await until('packets of each stream', () =>
      crowd.streams.every(({ targets, received }) => targets.every((is, index) => !is || received[index]! > 0)),
    )
    await until('opened packets', () => crowd.receiver.counts.checked > 10)
    assert.equal(crowd.receiver.counts.wrong, 0)
    return crowd.streams
  } finally {
    await crowd.close()
    await node.stop()
  }
}

test('a load of screens is received by the members that watch', { skip }, async () => {
  const layers = [{ framesPerSecond: 60, bitsPerSecond: 2e6 }]
  const video = { kind: 'screen', senders: 2, viewers: 3, layers } as const
  const mode = VoiceMode.AeadAes256GcmRtpsize
  const plan = { channels: 2, members: 5, speakers: 1, visitors: 0, payload: 60, mode, video }
  await assertReceived(await NodeProcess.start(), plan)
})

test('of a load of cameras in two layers each viewer receives the layers that it wants', { skip }, async () => {
  const rest = { framesPerSecond: 30, keyframeInterval: 300 }
  const layers = [
    { ...rest, bitsPerSecond: 100e3 },
    { ...rest, bitsPerSecond: 600e3 },
  ]
  const video = { kind: 'camera', senders: 4, viewers: 4, layers } as const
  const mode = VoiceMode.AeadAes256GcmRtpsize
  const plan = { channels: 1, members: 4, speakers: 0, visitors: 0, payload: 60, mode, video }
  const streams = await assertReceived(await NodeProcess.start(), plan)
  const viewers = streams.map(({ targets }) => targets.filter(Boolean).length)
  assert.deepEqual(viewers, [2, 1, 2, 1, 2, 1, 2, 1])
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
