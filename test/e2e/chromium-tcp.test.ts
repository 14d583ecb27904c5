// Browsers whose network lets no UDP through: their media travels over TCP, on the port of the voice gateway.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { BrowserScene } from './browser-scene.ts'
import { withoutChromium } from './chromium.ts'
import { count, talk } from './talking.ts'
import { UdpPath } from './udp-path.ts'
import { until } from './until.ts'
import { framesDecoded, hears, type WebMember } from './web-member.ts'

const OPTIONS = { timeout: 90_000, skip: withoutChromium() }
const ANA = '81384788765712384'
const BEN = '81384788765712385'
const CYD = '81384788765712386'

/** A firewall: what is sent to this UDP port never arrives. */
async function blocked(context: TestContext, scene: BrowserScene): Promise<UdpPath> {
  const path = await UdpPath.open(context, { node: scene.server.mediaPort })
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
