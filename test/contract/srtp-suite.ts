// The contract of every packet engine for SRTP peers, over real loopback sockets, with libsrtp's test vectors.
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import {
  ADDRESS_WORDS,
  HEADER_WORDS,
  type PacketIo,
  type PeerId,
  type Protection,
  SLOT,
  writeAddress,
} from '@parley/core'
import { encodeRtp, SRTP_LAYOUTS, SrtpProfile, srtpMaterialLength, VoiceMode } from '@parley/protocol'
import { addDatagram, makeBatch } from '../../packages/core/src/testing/plain-io.ts'
import { Srtp } from '../../packages/server/src/lane/crypto/srtp.ts'
import { until } from '../e2e/until.ts'
import type { OpenEngineFactory } from './packet-io-suite.ts'
import { referenceOpen } from './reference-cipher.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const unhex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'))
const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
const batchOf = (...packets: Uint8Array[]) => {
  const batch = makeBatch()
  for (const packet of packets) addDatagram(batch, packet, [0, 0, 0xffff, 1, 1])
  return batch
}
/** Client and server keys are equal, so that a peer opens what it seals. */
const mirrored = (key: string, salt: string) => unhex(key + key + salt + salt)

const PLAIN = '800f1234decafbadcafebabeabababababababababababababababab'
const REPORT = '81c8000bcafebabeabababababababababababababababab'
const VECTORS = [
  {
    profile: SrtpProfile.Aes128CmSha1,
    material: mirrored('e1f97a0d3e018be0d64fa32c06de4139', '0ec675ad498afeebb6960b3aabe6'),
    rtp: '800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb',
    rtcp: '81c8000bcafebabe7128035be487b9bdbef89041f977a5a880000001993e08cd54d6c1230798',
  },
  {
    profile: SrtpProfile.AeadAes128Gcm,
    material: mirrored('000102030405060708090a0b0c0d0e0f', 'a0a1a2a3a4a5a6a7a8a9aaab'),
    rtp: '800f1234decafbadcafebabec5002ede04cfdd2eb91159e0880aa06ed2976826f796b201df3131a127e8a392',
    rtcp: '81c8000bcafebabec98b8b5df0392a55852b6c21ac8e7025c52c6fbea2b3b446ea31123ba88ce61e80000001',
  },
]
const PROFILES = Object.values(SrtpProfile)
const materialOf = (profile: SrtpProfile) => {
  const { keyLength } = SRTP_LAYOUTS[profile]
  return new Uint8Array(srtpMaterialLength(SRTP_LAYOUTS[profile])).fill(3, 0, 2 * keyLength).fill(5, 2 * keyLength)
}
const extension = { profile: 0xbede, elements: Uint8Array.of(0x10, 0xb2, 0x90, 4) }
const opus = (sequence: number, size = 120) =>
  encodeRtp({ payloadType: 111, sequence, timestamp: 1, ssrc: 12345, payload: new Uint8Array(size).fill(7), extension })

export function srtpSuite(name: string, open: OpenEngineFactory): void {
  const engineTest = (sentence: string, run: (io: PacketIo, context: TestContext) => unknown) =>
    test(`${name}: ${sentence}`, async context => {
      const engine = await open(() => {})
      context.after(() => engine.close())
      await run(engine.io, context)
    })

  for (const { profile, material, rtp, rtcp } of VECTORS)
    engineTest(`opens and seals libsrtp's test vectors of ${profile}`, async (io, context) => {
      const take = await join(io, context, 1, profile, material)
      const batch = batchOf(new Uint8Array(9), unhex(rtp), unhex(rtcp))
      assert.ok(io.open(batch, 1, 1))
      assert.equal(hex(batch.bytes.subarray(SLOT, SLOT + batch.lengths[1]!)), PLAIN)
      assert.ok(io.open(batch, 2, 1))
      assert.equal(hex(batch.bytes.subarray(2 * SLOT, 2 * SLOT + batch.lengths[2]!)), REPORT)
      assert.equal(io.open(batchOf(unhex(rtcp)), 0, 1), false)
      io.forward(batchOf(unhex(PLAIN)), 0, Int32Array.of(1), 1, 0)
      for (let index = 0; index < 2; index++) assert.ok(io.sendRtcp(1, unhex(REPORT), REPORT.length / 2))
      io.flush()
      const sent = (await take(3)).map(hex)
      assert.equal(sent[0], rtp)
      assert.equal(sent[2], rtcp)
    })

  for (const profile of PROFILES) {
    engineTest(`seals ${profile} packets that the TypeScript twin opens`, async (io, context) => {
      const take = await join(io, context, 1, profile, materialOf(profile))
      const packets = Array.from({ length: 40 }, (_, index) => opus(32_750 + index, 1 + index * 29))
      const batch = batchOf(...packets)
      for (const slot of packets.keys()) assert.equal(io.forward(batch, slot, Int32Array.of(1), 1, 0), 1)
      io.flush()
      const twin = new Srtp(profile, materialOf(profile))
      const opened = (await take(packets.length)).map(sealed => {
        const bytes = Uint8Array.from(sealed)
        return hex(bytes.subarray(0, twin.openRtp(bytes, viewOf(bytes), 0, bytes.length)))
      })
      assert.deepEqual(opened, packets.map(hex))
    })

    engineTest(`rejects every changed byte and every truncation of a ${profile} packet`, io => {
      io.addPeer(1)
      io.protectPeer(1, profile, materialOf(profile), 0)
      const sealed = new Uint8Array(opus(1, 20).length + 16)
      sealed.set(opus(1, 20))
      const length = new Srtp(profile, materialOf(profile)).sealRtp(sealed, viewOf(sealed), 0, sealed.length - 16)
      const whole = sealed.slice(0, length)
      for (let index = 0; index < length; index++) {
        const changed = whole.slice()
        changed[index]! ^= index === 0 ? 0x40 : 1
        assert.equal(io.open(batchOf(changed), 0, 1), false, `byte ${index}`)
        assert.equal(io.open(batchOf(whole.slice(0, index)), 0, 1), false, `${index} bytes`)
      }
      assert.ok(io.open(batchOf(whole), 0, 1))
    })
  }

  engineTest('never seals an index twice, nor one older than the window', async (io, context) => {
    const profile = SrtpProfile.AeadAes128Gcm
    const take = await join(io, context, 1, profile, materialOf(profile))
    const send = (sequence: number) => io.forward(batchOf(opus(sequence)), 0, Int32Array.of(1), 1, 0)
    assert.deepEqual([send(400), send(400), send(401), send(339), send(337), send(400)], [1, 0, 1, 1, 0, 0])
    io.flush()
    const sequences = (await take(3)).map(sealed => sealed.readUInt16BE(2))
    assert.deepEqual(sequences, [400, 401, 339])
  })

  engineTest('begins each copy with the header words of its target', async (io, context) => {
    const profiles = Object.values(SrtpProfile)
    const modes = [VoiceMode.AeadAes256GcmRtpsize, VoiceMode.AeadXchacha20Poly1305Rtpsize, VoiceMode.Xsalsa20Poly1305]
    const key = new Uint8Array(32).fill(9)
    const protections = [...profiles, ...modes]
    const takes: ((count: number) => Promise<Buffer[]>)[] = []
    for (const [index, protection] of protections.entries()) {
      const isSrtp = index < profiles.length
      takes.push(await join(io, context, index + 1, protection, isSrtp ? materialOf(protection as SrtpProfile) : key))
    }
    const plain = opus(5)
    const headerOf = (index: number) => {
      const header = plain.slice(0, 4 * HEADER_WORDS)
      viewOf(header).setUint16(2, 100 + index)
      viewOf(header).setUint32(4, 7_000 + index)
      viewOf(header).setUint32(8, 0xdddd_0000 + index)
      return header
    }
    const headers = new Int32Array(protections.length * HEADER_WORDS)
    const bytes = new Uint8Array(headers.buffer)
    for (const index of protections.keys()) bytes.set(headerOf(index), index * 4 * HEADER_WORDS)
    const targets = Int32Array.from(protections, (_, index) => index + 1)
    assert.equal(io.forward(batchOf(plain), 0, targets, targets.length, 2, headers), targets.length - 1)
    io.flush()
    for (const [index, protection] of protections.entries()) {
      if (index === 1) continue
      const sealed = Uint8Array.from((await takes[index]!(1))[0]!)
      const expected = hex(Buffer.concat([headerOf(index), plain.subarray(4 * HEADER_WORDS)]))
      if (index < profiles.length) {
        const twin = new Srtp(protection as SrtpProfile, materialOf(protection as SrtpProfile))
        assert.equal(hex(sealed.subarray(0, twin.openRtp(sealed, viewOf(sealed), 0, sealed.length))), expected)
      } else assert.equal(hex(referenceOpen(protection as VoiceMode, key, Buffer.from(sealed))), expected)
    }
  })

  engineTest('sends one packet to Discord and SRTP peers in one call', async (io, context) => {
    const profile = SrtpProfile.AeadAes256Gcm
    const mode = VoiceMode.AeadAes256GcmRtpsize
    const browser = await join(io, context, 1, profile, materialOf(profile))
    const native = await join(io, context, 2, mode, new Uint8Array(32).fill(9))
    assert.equal(io.forward(batchOf(opus(5)), 0, Int32Array.of(1, 2, 3), 3, 0), 2)
    io.flush()
    const bytes = Uint8Array.from((await browser(1))[0]!)
    const length = new Srtp(profile, materialOf(profile)).openRtp(bytes, viewOf(bytes), 0, bytes.length)
    assert.equal(hex(bytes.subarray(0, length)), hex(opus(5)))
    assert.equal(hex(referenceOpen(mode, new Uint8Array(32).fill(9), (await native(1))[0]!)), hex(opus(5)))
  })

  engineTest('sends nothing to a peer without an address, and resumes when it has one again', async (io, context) => {
    const profile = SrtpProfile.AeadAes128Gcm
    const take = await join(io, context, 1, profile, materialOf(profile))
    const send = (sequence: number) => io.forward(batchOf(opus(sequence)), 0, Int32Array.of(1), 1, 0)
    send(1)
    io.dropAddress(1)
    assert.equal(send(2), 0)
    assert.ok(!io.sendRtcp(1, unhex(REPORT), REPORT.length / 2))
    io.setAddress(1, take.words, 0)
    assert.equal(send(3), 1)
    io.flush()
    assert.deepEqual(
      (await take(2)).map(sealed => sealed.readUInt16BE(2)),
      [1, 3],
    )
  })
}

/** Adds a protected peer whose packets go to a new socket. Returns a function that waits for a number of packets. */
async function join(io: PacketIo, context: TestContext, peer: PeerId, protection: Protection, key: Uint8Array) {
  const socket = createSocket('udp4')
  context.after(() => void socket.close())
  const received: Buffer[] = []
  socket.on('message', bytes => received.push(bytes))
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const words = new Int32Array(ADDRESS_WORDS)
  writeAddress(words, 0, '127.0.0.1', socket.address().port)
  io.addPeer(peer)
  io.protectPeer(peer, protection, key, 0)
  io.setAddress(peer, words, 0)
  const take = async (count: number): Promise<Buffer[]> => {
    await until(`${count} datagrams`, () => received.length >= count)
    return received.splice(0)
  }
  return Object.assign(take, { words })
}
