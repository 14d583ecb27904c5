// Browsers on a bad network: lost datagrams, a changing address, a broken path.
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { BrowserScene } from './browser-scene.ts'
import { BusyFactor } from './busy-factor.ts'
import { withoutChromium } from './chromium.ts'
import { count, talk } from './talking.ts'
import { UdpPath } from './udp-path.ts'
import { until } from './until.ts'
import { ANA, BEN, CYD } from './users.ts'
import { energies, framesDecoded, hears, type WebMember, type WebStats } from './web-member.ts'

const OPTIONS = { timeout: 90_000, skip: withoutChromium() }
const SEED = 7

const video = ({ inbound }: WebStats) => inbound.find(({ kind }) => kind === 'video')
const sentVideo = ({ outbound }: WebStats) => outbound.find(({ kind }) => kind === 'video')

/** Asserts that losses in both directions were repaired, and that a hundred more frames were decoded without a freeze. */
async function assertRepaired(context: TestContext, member: WebMember): Promise<void> {
  // The paths of both members are in this process.
  const busy = new BusyFactor()
  const before = framesDecoded(await member.stats())
  await member.until('a hundred more frames and retransmissions both ways', stats => {
    const { nackCount = 0, retransmittedPacketsReceived = 0 } = video(stats) ?? {}
    const { nackCount: asked = 0, retransmittedPacketsSent = 0 } = sentVideo(stats) ?? {}
    const isRepaired = nackCount > 5 && retransmittedPacketsReceived > 5 && asked > 0 && retransmittedPacketsSent > 0
    return isRepaired && framesDecoded(stats) > before + 100
  })
  const pause = await member.evaluate<number>('client.longestPause')
  context.diagnostic(`the longest pause between two frames is ${Math.round(pause)} ms`)
  assert.ok(pause < 1_000 * busy.read(), `the picture froze for ${pause} ms`)
}

test(`with 10 % loss each way, video does not freeze (seed ${SEED})`, OPTIONS, async context => {
  const scene = await BrowserScene.open(context)
  const lossy = (seed: number) => UdpPath.open(context, { node: scene.server.mediaPort, loss: 0.1, seed })
  const [anas, cyds] = [await lossy(SEED), await lossy(SEED + 2)]
  const ana = await scene.joinWeb(ANA, { video: 'VP8', through: anas.port })
  const cyd = await scene.joinWeb(CYD, { video: 'VP8', through: cyds.port })
  for (const member of [ana, cyd]) {
    await member.until('the other member’s video', stats => framesDecoded(stats) > 30)
    await member.until('the other member’s voice', hears(1))
    await member.evaluate('client.watchPicture()')
  }
  await Promise.all([ana, cyd].map(member => assertRepaired(context, member)))
  for (const { up, down } of [anas, cyds]) assert.ok(up.lost > 20 && down.lost > 20)
  assert.deepEqual(scene.drops, {})
})

// Both tests mostly wait, so they run at the same time.
describe('a path that changes or breaks', { concurrency: true }, () => {
  test('a browser whose address changes continues to send and receive', OPTIONS, async context => {
    const scene = await BrowserScene.open(context)
    const path = await UdpPath.open(context, { node: scene.server.mediaPort })
    const ben = await scene.joinNative(BEN)
    const hearsAna = count(ben, ANA)
    talk(context, ben)
    const ana = await scene.joinWeb(ANA, { through: path.port })
    await ana.until('the Discord client’s voice', hears(1))
    await until('the browser’s voice', () => hearsAna() > 20)
    path.changeAddresses()
    const heard = hearsAna()
    const [energy] = energies(await ana.stats())
    await until('more frames of the browser', () => hearsAna() > heard + 50)
    await ana.until('more of the Discord client’s voice', stats => energies(stats)[0]! > energy! * 1.2)
    assert.equal((await ana.stats()).state, 'connected')
  })

  test('the node stops sending to a browser whose consent expired; the others continue', OPTIONS, async context => {
    const notes: string[] = []
    const scene = await BrowserScene.open(context, { log: line => void notes.push(line) })
    const path = await UdpPath.open(context, { node: scene.server.mediaPort })
    const ben = await scene.joinNative(BEN)
    const hearsCyd = count(ben, CYD)
    talk(context, ben)
    const ana = await scene.joinWeb(ANA, { through: path.port })
    await ana.until('the Discord client’s voice', hears(1))
    const cyd = await scene.joinWeb(CYD)
    await cyd.until('both voices', hears(2))
    path.isBroken = true
    const isLost = () => notes.some(line => line.includes('lane.consent_lost'))
    await until('the loss of consent', isLost)
    const { lost } = path.down
    const heard = hearsCyd()
    const before = await cyd.stats()
    await until('more frames of the other browser', () => hearsCyd() > heard + 50)
    await cyd.until('more of the Discord client’s voice', stats =>
      energies(stats).some((energy, index) => energy > energies(before)[index]! * 1.05),
    )
    assert.equal(path.down.lost, lost)
  })
})
