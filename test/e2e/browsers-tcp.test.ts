// Browsers whose network lets no UDP through: their media travels over TCP, on the port of the voice gateway.
import assert from 'node:assert/strict'
import { connect, createServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import { BrowserScene } from './browser-scene.ts'
import { withoutChromium } from './chromium.ts'
import { ownAddress, withoutFirefox } from './firefox.ts'
import { count, talk } from './talking.ts'
import { UdpPath } from './udp-path.ts'
import { until } from './until.ts'
import { ANA, BEN, CYD } from './users.ts'
import { framesDecoded, hears, type WebMember } from './web-member.ts'

const OPTIONS = { timeout: 90_000, skip: withoutChromium() }

/** A firewall: what is sent to this UDP port never arrives. */
async function blocked(context: TestContext, scene: BrowserScene, host = '127.0.0.1'): Promise<UdpPath> {
  const path = await UdpPath.open(context, { node: scene.server.mediaPort, host })
  path.isBroken = true
  return path
}

/** Of the candidate pair in use. */
const protocolOf = (member: WebMember) =>
  member.evaluate<string>(`client.pc.getStats().then(all => {
    const { selectedCandidatePairId } = [...all.values()].find(({ type }) => type === 'transport')
    return all.get(all.get(selectedCandidatePairId).localCandidateId).protocol
  })`)

for (const engine of ['ffi', 'portable'] as const)
  test(
    `a browser without UDP sends and receives audio and video over TCP (${engine} engine)`,
    OPTIONS,
    async context => {
      const scene = await BrowserScene.open(context, { engine, tcp: true })
      const ben = await scene.joinNative(BEN)
      const [hearsAna, hearsCyd] = [count(ben, ANA), count(ben, CYD)]
      talk(context, ben)
      const path = await blocked(context, scene)
      const ana = await scene.joinWeb(ANA, { video: 'VP8', through: path.port })
      await ana.until('the Discord client’s voice', hears(1))
      const cyd = await scene.joinWeb(CYD, { video: 'VP8' })
      for (const member of [ana, cyd]) {
        await member.until('both voices', hears(2))
        await member.until('the other member’s video', stats => framesDecoded(stats) > 60)
      }
      await until('both browsers at the Discord client', () => hearsAna() > 50 && hearsCyd() > 50)
      const { transport } = await ana.stats()
      assert.equal(transport?.dtlsState, 'connected')
      assert.deepEqual([await protocolOf(ana), await protocolOf(cyd)], ['tcp', 'udp'])
      assert.ok(path.up.lost > 0)
      assert.deepEqual(scene.drops, {})
    },
  )

/** Firefox does not use loopback addresses: it reaches the gateway's port at another address of this machine. */
async function forward(context: TestContext, port: number): Promise<void> {
  const forwarder = createServer(near => {
    const far = connect(port, '127.0.0.1')
    for (const socket of [near, far]) socket.on('error', () => {})
    near.pipe(far).pipe(near)
    context.after(() => void near.destroy())
  })
  context.after(() => void forwarder.close())
  await new Promise<void>(resolve => forwarder.listen(port, ownAddress(), resolve))
}

test('Firefox without UDP sends and receives over TCP', { timeout: 90_000, skip: withoutFirefox() }, async context => {
  const scene = await BrowserScene.open(context, { tcp: true, mediaIp: ownAddress() })
  await forward(context, Number(new URL(scene.server.url).port))
  const ben = await scene.joinNative(BEN)
  const hearsAna = count(ben, ANA)
  talk(context, ben)
  const path = await blocked(context, scene, ownAddress())
  const ana = await scene.joinFrom(await scene.openPage('firefox'), ANA, { video: 'VP8', through: path.port })
  await ana.until('the Discord client’s voice', hears(1))
  await until('the browser’s voice', () => hearsAna() > 50)
  assert.ok(path.up.lost > 0)
  assert.deepEqual(scene.drops, {})
})
