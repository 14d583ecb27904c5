// A real Chromium behind a slow link: it is sent the layer that the link carries, and a viewer on a fast link notices nothing.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BrowserScene } from './browser-scene.ts'
import { withoutChromium } from './chromium.ts'
import { AUDIO, SlowLink, viewsOf } from './slow-link.ts'
import { UdpPath } from './udp-path.ts'
import { ANA, BEN, CYD } from './users.ts'
import { twoLayers, watched } from './watched-camera.ts'

const BROWSER = { timeout: 120_000, skip: withoutChromium() }
const LAYERS = twoLayers(900_000, 150_000)
/** Ben has a camera, too. */
const { video, widthOf, decoded } = watched(ANA)

test(
  'a browser on a slow link is sent the lower layer, and the better one once the link is fast',
  BROWSER,
  async context => {
    const scene = await BrowserScene.open(context)
    const path = await UdpPath.open(context, { node: scene.server.mediaPort })
    await scene.joinWeb(ANA, { video: 'VP8', layers: LAYERS })
    const ben = await scene.joinWeb(BEN, { video: 'VP8' })
    const cyd = await scene.joinWeb(CYD, { video: 'VP8', through: path.port })
    await cyd.until('the full picture', stats => widthOf(stats) === 640 && decoded(stats) > 30)
    await ben.until('the full picture', stats => widthOf(stats) === 640)
    const slow = new SlowLink(scene, path, BEN)
    const half = await cyd.until('the smaller picture', stats => {
      slow.narrow()
      return widthOf(stats) === 320
    })
    assert.ok(
      viewsOf(scene, CYD).some(({ reason }) => reason === 'bandwidth'),
      JSON.stringify(viewsOf(scene, CYD)),
    )
    const more = await cyd.until('more frames of it', stats => decoded(stats) > decoded(half) + 40)
    context.diagnostic(
      `slow link of ${Math.round(slow.limit)} bit/s: ${JSON.stringify(viewsOf(scene, CYD))}, ${JSON.stringify(video(more))}`,
    )
    assert.equal(widthOf(await ben.stats()), 640)
    path.limit(20_000_000)
    const again = await cyd.until('the full picture again', stats => widthOf(stats) === 640)
    await cyd.until('more frames of it', stats => decoded(stats) > decoded(again) + 20)
    context.diagnostic(`fast link: ${JSON.stringify(viewsOf(scene, CYD))}`)
  },
)

for (const codec of ['VP8', 'AV1'] as const)
  test(
    `a browser on a link that is too slow for the lowest layer of ${codec} is sent fewer frames of it, and decodes them`,
    BROWSER,
    async context => {
      const scene = await BrowserScene.open(context)
      const path = await UdpPath.open(context, { node: scene.server.mediaPort })
      await scene.joinWeb(ANA, { video: codec, mode: 'L1T3', layers: LAYERS })
      const cyd = await scene.joinWeb(CYD, { video: codec, through: path.port })
      const view = () => viewsOf(scene, CYD)[0]!
      await cyd.until('the full picture', stats => widthOf(stats) === 640 && decoded(stats) > 60)
      assert.equal(view().temporal, undefined)
      path.limit(260_000)
      const isWhole = () => view().current === 0 && view().temporal === undefined && view().bitrate > 20_000
      await cyd.until('the lowest layer', stats => widthOf(stats) === 320 && isWhole())
      // How many frames the encoder produces depends on the machine. Without every second one the layer takes two thirds.
      path.limit(0.8 * view().bitrate + AUDIO)
      await cyd.until('fewer frames', () => view().current === 0 && view().temporal !== undefined)
      const before = await cyd.stats()
      const after = await cyd.until('twenty of them', stats => decoded(stats) > decoded(before) + 20)
      context.diagnostic(`${JSON.stringify(view())}, ${JSON.stringify([before, after].map(video))}`)
      path.limit(20_000_000)
      await cyd.until('all frames again', stats => widthOf(stats) === 640 && view().temporal === undefined)
    },
  )
