// Fuzz: a lane with browsers on it that gets anything from anywhere. It never throws, and sends only to who proved an address.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { type FormDescription, Router } from '@parley/core'
import { encodeRtp, encodeStunRequest, SrtpProfile, type StunMac } from '@parley/protocol'
import { addDatagram, makeBatch, PLAIN_TAG, PlainIo } from '../contract/plain-io.ts'
import { fuzz } from './harness.ts'

const mac: StunMac = (key, bytes, length) => createHmac('sha1', key).update(bytes.subarray(0, length)).digest()
const PASSWORD = new Uint8Array(24).fill(65)
const FORM: FormDescription = {
  payloadTypes: [
    [120, 111],
    [105, 96],
    [106, 97],
  ],
  extensions: { audioLevel: 1, videoOrientation: 13, playoutDelay: 5, transportSequence: 3 },
}
const PEERS = [1, 2]
const ssrcOf = (peer: number) => 1000 + peer * 8
const ownOf = (peer: number) => 0xaa00_0000 + peer * 4
const unhex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'))
const u32 = (value: number) => value.toString(16).padStart(8, '0')
const sealed = (peer: number, plain: Uint8Array) => Uint8Array.from([...plain, ...new Array(PLAIN_TAG).fill(peer)])
const check = (peer: number) =>
  encodeStunRequest({ transaction: new Uint8Array(12), username: `node${peer}:cli`, useCandidate: true }, PASSWORD, mac)

const io = new PlainIo()
const router = new Router(io, { stunMac: mac })
const batch = makeBatch()
let now = 0
const receive = (peer: number, bytes: Uint8Array) => {
  batch.count = 0
  addDatagram(batch, bytes, [0, 0, 0xffff, 0x0a00_0000 + peer, 5_000])
  router.receive(batch, now)
}
router.command({ kind: 'openTargets', targets: 1 }, now)
for (const peer of PEERS) {
  const ssrcs = Int32Array.from({ length: 8 }, (_, index) => ssrcOf(peer) + index)
  const ice = { localUfrag: `node${peer}`, remoteUfrag: 'cli', password: PASSWORD }
  const protection = SrtpProfile.AeadAes128Gcm
  router.command({ kind: 'addPeer', peer, ssrcs }, now)
  router.command({ kind: 'addBrowser', peer, ice, form: FORM }, now)
  receive(peer, check(peer))
  router.command({ kind: 'protectPeer', peer, protection, key: new Uint8Array(56).fill(peer), nonceStart: 0 }, now)
  router.command({ kind: 'addTarget', targets: 1, peer }, now)
  for (const [offset, media] of [
    [0, 'audio'],
    [1, 'video'],
  ] as const) {
    router.command({ kind: 'setRoute', ssrc: ssrcOf(peer) + offset, owner: peer, media, targets: 1 }, now)
    router.command({ kind: 'mapSsrc', peer, own: ownOf(peer) + offset, ssrc: ssrcOf(peer) + offset }, now)
  }
  router.command({ kind: 'mapSsrc', peer, own: ownOf(peer) + 2, ssrc: ssrcOf(peer) + 2 }, now)
}
io.take()

/** The camera's SSRC becomes what was not known before, and the reverse. */
function announce(peer: number): void {
  for (const offset of [3, 1])
    router.command({ kind: 'mapSsrc', peer, own: ownOf(peer) + offset, ssrc: ssrcOf(peer) + 1 }, now)
}

const elements = Uint8Array.of(0x10, 0xb2, 0x31, 0, 9, 0xd0, 1, 0)
const rtp = (peer: number, offset: number, payloadType: number, sequence: number) =>
  encodeRtp({
    ...{
      payloadType,
      sequence,
      timestamp: sequence * 960,
      ssrc: ownOf(peer) + offset,
      payload: new Uint8Array(20).fill(7),
    },
    extension: { profile: 0xbede, elements },
  })

fuzz('a lane with browsers holds its rules whatever comes', {
  corpus: [
    ...PEERS.flatMap(peer => [
      check(peer),
      sealed(peer, rtp(peer, 0, 111, 5)),
      sealed(peer, rtp(peer, 1, 96, 9)),
      sealed(peer, rtp(peer, 2, 97, 3)),
      sealed(peer, rtp(peer, 3, 96, 3)),
      sealed(peer, unhex(`81cd0003${u32(1)}${u32(ssrcOf(3 - peer) + 1)}00090005`)),
      sealed(peer, unhex(`81ce0002${u32(1)}${u32(ssrcOf(3 - peer) + 1)}`)),
      sealed(peer, unhex(`80c80006${u32(ownOf(peer))}${'00'.repeat(20)}`)),
    ]),
    Uint8Array.from([22, 0xfe, 0xff, ...new Array(40).fill(1)]),
  ],
  run(bytes) {
    now += 3
    receive((bytes[5] ?? 0) & 3, bytes)
    // Now and then the gateway tells what another SSRC is, and releases what was held of it.
    if ((bytes[6] ?? 0) === 9) announce(1 + ((bytes[7] ?? 0) & 1))
    router.tick(now)
    for (const { peer, bytes: sent } of io.take()) {
      assert.ok(peer === 0 || PEERS.includes(peer))
      if (peer !== 0 && (sent[1]! < 192 || sent[1]! > 223)) assert.equal(sent[0]! & 0x2f, 0, 'padding or CSRCs left')
    }
    for (const event of router.takeEvents()) if (event.kind === 'datagram') assert.ok(PEERS.includes(event.peer))
    const { peers, routes, browsers, browserAddresses } = router.inspect()
    assert.deepEqual([peers, routes, browsers], [2, 4, 2])
    assert.ok(browserAddresses <= 8)
  },
})
