// Video of Firefox: its two simulcast layers, named by rid, reach viewers in Firefox and Chromium, which get the one that they want; and
// AV1 in encrypted calls.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadWasm } from '../dave/davey-wasm.ts'
import { BrowserScene } from './browser-scene.ts'
import { ownAddress, withoutFirefox } from './firefox.ts'
import { ANA, BEN, CYD } from './users.ts'
import { twoLayers, watched } from './watched-camera.ts'
import { framesDecoded } from './web-member.ts'

const OPTIONS = { timeout: 90_000, skip: withoutFirefox() }
const ENCRYPTED = { ...OPTIONS, skip: OPTIONS.skip || (await loadWasm()).skip }
const LAYERS = twoLayers(700_000, 200_000)

const { video: camera, widthOf, decoded } = watched(ANA)

for (const dave of [false, true])
  test(
    `viewers decode the VP8 layer of Firefox that they want, and frames continue after each switch${dave ? ', encrypted' : ''}`,
    dave ? ENCRYPTED : OPTIONS,
    async context => {
      const scene = await BrowserScene.open(context, { mediaIp: ownAddress(), dave })
      const pages = [await scene.openPage('firefox'), await scene.openPage('firefox'), await scene.openPage()] as const
      await scene.joinFrom(pages[0], ANA, { video: 'VP8', layers: LAYERS, dave })
      const ben = await scene.joinFrom(pages[1], BEN, { video: 'VP8', dave })
      const cyd = await scene.joinFrom(pages[2], CYD, { video: 'VP8', dave })
      for (const viewer of [ben, cyd])
        await viewer.until('the full picture', stats => widthOf(stats) === 640 && decoded(stats) > 30)
      const { ssrc } = camera(await cyd.stats())!
      for (const viewer of [ben, cyd]) {
        await viewer.evaluate(`void client.send(15, { any: 100, ${ssrc}: 50 })`)
        const half = await viewer.until('the smaller picture', stats => widthOf(stats) === 320)
        await viewer.until('more frames of it', stats => decoded(stats) > decoded(half) + 20)
      }
      await cyd.evaluate('void client.send(15, { any: 100 })')
      const again = await cyd.until('the full picture again', stats => widthOf(stats) === 640)
      await cyd.until('more frames of it', stats => decoded(stats) > decoded(again) + 20)
      assert.equal(widthOf(await ben.stats()), 320)
      if (dave) {
        const codes = await Promise.all([ben, cyd].map(each => each.evaluate<string>('client.dave.privacyCode')))
        assert.match(codes[0]!, /^\d{30}$/)
        assert.equal(codes[1], codes[0])
      }
      context.diagnostic(
        JSON.stringify([ben, cyd].map(({ userId }) => (scene.session(userId) as { views: object }).views)),
      )
    },
  )

test('Firefox and Chromium decode each other’s AV1 in an encrypted call', ENCRYPTED, async context => {
  const scene = await BrowserScene.open(context, { mediaIp: ownAddress(), dave: true })
  const pages = [await scene.openPage('firefox'), await scene.openPage()] as const
  const ana = await scene.joinFrom(pages[0], ANA, { video: 'AV1', dave: true })
  const cyd = await scene.joinFrom(pages[1], CYD, { video: 'AV1', dave: true })
  for (const viewer of [ana, cyd]) {
    await viewer.until('the other member’s video', stats => framesDecoded(stats) > 30)
    assert.equal(await viewer.evaluate('client.description.video_codec'), 'AV1')
    assert.match(await viewer.evaluate<string>('client.dave.privacyCode'), /^\d{30}$/)
  }
})
