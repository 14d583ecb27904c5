// Chromium's ICE, DTLS, SRTP and codecs against a node, in calls with Discord clients and with each other.
import assert from 'node:assert/strict'
import { networkInterfaces } from 'node:os'
import { test } from 'node:test'
import { BrowserScene } from './browser-scene.ts'
import { withoutChromium } from './chromium.ts'
import { count, talk } from './talking.ts'
import { until } from './until.ts'
import { ANA, BEN, CYD } from './users.ts'
import { energies, framesDecoded, hears, type WebMember } from './web-member.ts'

const OPTIONS = { timeout: 90_000, skip: withoutChromium() }
/** Packets that may be lost while the start of a second browser keeps the machine busy. */
const FEW = 20

async function assertConnected(member: WebMember): Promise<void> {
  const { transport } = await member.until('the connection', stats => stats.state === 'connected')
  assert.equal(transport?.dtlsState, 'connected')
  assert.equal(transport.dtlsRole, 'client')
  assert.equal(transport.tlsVersion, 'FEFD')
  assert.equal(transport.srtpCipher, 'SRTP_AEAD_AES_256_GCM')
}

for (const engine of ['ffi', 'portable'] as const)
  test(`two browsers and a Discord client receive each other (${engine} engine)`, OPTIONS, async context => {
    const scene = await BrowserScene.open(context, { engine })
    const ben = await scene.joinNative(BEN)
    const hearsAna = count(ben, ANA)
    talk(context, ben)
    const ana = await scene.joinWeb(ANA)
    await assertConnected(ana)
    await ana.until('the Discord client’s voice', hears(1))
    await until('the browser’s voice', () => hearsAna() > 50)
    const cyd = await scene.joinWeb(CYD)
    await assertConnected(cyd)
    await cyd.until('both voices', hears(2))
    const stats = await ana.until('both voices', hears(2))
    for (const { packetsLost, kind } of stats.inbound)
      if (kind === 'audio') assert.ok(packetsLost <= FEW + scene.droppedByAge)
    await until('both browsers at the Discord client', () => ben.members.get(CYD)?.ssrc !== undefined)
    assert.deepEqual(scene.drops, {})
    const reported = await ana.until('a receiver report', ({ remoteInbound }) => remoteInbound.length > 0)
    assert.ok(reported.remoteInbound[0]!.packetsLost <= FEW + scene.droppedByAge)
  })

test(
  'clients that build their answers locally, as Spacebar’s client does, receive each other',
  OPTIONS,
  async context => {
    const scene = await BrowserScene.open(context)
    const ben = await scene.joinNative(BEN)
    talk(context, ben)
    const ana = await scene.joinWeb(ANA, { flow: 'spacebar' })
    await assertConnected(ana)
    const cyd = await scene.joinWeb(CYD, { flow: 'spacebar' })
    await ana.until('both voices', hears(2))
    await cyd.until('both voices', hears(2))
  },
)

test(
  'media continues while the gateway connection is resumed; the node notices a closed peer connection at once',
  OPTIONS,
  async context => {
    const scene = await BrowserScene.open(context)
    const ben = await scene.joinNative(BEN)
    const hearsAna = count(ben, ANA)
    talk(context, ben)
    const ana = await scene.joinWeb(ANA)
    await ana.until('the Discord client’s voice', hears(1))
    await ana.evaluate('client.resume()')
    const before = hearsAna()
    const [heard] = energies(await ana.stats())
    await ana.until('more of the voice', stats => energies(stats)[0]! > heard!)
    await until('more of the browser’s voice', () => hearsAna() > before + 20)
    assert.equal(await ana.evaluate('client.log.filter(op => op === 4).length'), 1)
    assert.ok(await ana.evaluate('client.log.includes(9)'))
    const transport = () => (scene.session(ANA) as { transport: { state: string } }).transport.state
    assert.equal(transport(), 'connected')
    await ana.evaluate('client.pc.close()')
    await until('the close_notify', () => transport() === 'closed')
  },
)

for (const video of ['VP8', 'H264', 'VP9'] as const)
  test(
    `two browsers see each other in ${video}, and their encoders receive feedback on bandwidth`,
    OPTIONS,
    async context => {
      const scene = await BrowserScene.open(context)
      const ana = await scene.joinWeb(ANA, { video })
      const cyd = await scene.joinWeb(CYD, { video })
      await assertConnected(ana)
      await assertConnected(cyd)
      for (const member of [ana, cyd]) {
        await member.until('the other member’s video', stats => framesDecoded(stats) > 30)
        await member.until('the other member’s voice', hears(1))
      }
      const wide = await cyd.until(
        'a width of 640 pixels',
        ({ inbound }) => (inbound.find(({ kind }) => kind === 'video')?.frameWidth ?? 0) >= 640,
      )
      // Freezes would measure how busy this machine is; lost packets measure the node.
      assert.ok(wide.inbound.every(({ packetsLost }) => packetsLost <= FEW + scene.droppedByAge))
      assert.deepEqual(scene.drops, {})
    },
  )

/** Chromium sends over IPv6, even to ::1, only if an interface has an IPv6 address that is neither loopback nor link-local. */
const withoutIpv6 = (): string | false =>
  Object.values(networkInterfaces())
    .flat()
    .some(address => address?.family === 'IPv6' && !address.internal && !address.address.startsWith('fe80:'))
    ? false
    : 'this machine has no IPv6'

test('a browser and a node exchange media over IPv6', {
  ...OPTIONS,
  skip: OPTIONS.skip || withoutIpv6(),
}, async context => {
  const scene = await BrowserScene.open(context, { mediaIp: '::1' })
  const ben = await scene.joinNative(BEN)
  const hearsAna = count(ben, ANA)
  talk(context, ben)
  const ana = await scene.joinWeb(ANA)
  await assertConnected(ana)
  await ana.until('the Discord client’s voice', hears(1))
  await until('the browser’s voice', () => hearsAna() > 50)
})
