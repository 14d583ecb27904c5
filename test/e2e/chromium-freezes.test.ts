// Freezes, changes of the layer and keyframe requests of a real Chromium behind a link that becomes slow and fast again. A viewer on a fast
// link shows what a busy machine causes by itself.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadWasm } from '../dave/davey-wasm.ts'
import { BrowserScene } from './browser-scene.ts'
import { withoutChromium } from './chromium.ts'
import { SlowLink } from './slow-link.ts'
import { UdpPath } from './udp-path.ts'
import { ANA, BEN, CYD } from './users.ts'
import { twoLayers, watched } from './watched-camera.ts'
import type { WebMember } from './web-member.ts'

const BROWSER = { timeout: 120_000, skip: withoutChromium() }
const ENCRYPTED = { ...BROWSER, skip: BROWSER.skip || (await loadWasm()).skip }
const LAYERS = twoLayers(900_000, 150_000)
const FAST = 20_000_000
/** Frames per second of the camera on a machine that is fast enough. */
const FRAMES = 20
const { video: camera, widthOf, decoded } = watched(ANA)

/** Since the call began. */
interface Counted {
  frames: number
  freezes: number
  /** Seconds. */
  frozen: number
  /** Keyframe requests of the viewer. */
  requests: number
}

async function countedBy(viewer: WebMember): Promise<Counted> {
  const {
    framesDecoded = 0,
    freezeCount = 0,
    totalFreezesDuration = 0,
    pliCount = 0,
  } = camera(await viewer.stats()) ?? {}
  return { frames: framesDecoded, freezes: freezeCount, frozen: totalFreezesDuration, requests: pliCount }
}
const since = (before: Counted, now: Counted): Counted => ({
  frames: now.frames - before.frames,
  freezes: now.freezes - before.freezes,
  frozen: now.frozen - before.frozen,
  requests: now.requests - before.requests,
})

/** Keyframe requests that have arrived at the sender, for all layers. */
async function requestsAt(sender: WebMember): Promise<number> {
  const { outbound } = await sender.stats()
  return outbound.reduce((sum, { pliCount = 0, firCount = 0 }) => sum + pliCount + firCount, 0)
}

for (const dave of [false, true])
  test(
    `a browser whose link becomes slow and fast freezes for moments only, with few changes and keyframes${dave ? ', encrypted' : ''}`,
    dave ? ENCRYPTED : BROWSER,
    async context => {
      /** The layers that Cyd is sent, one after the other. */
      const layers: number[] = []
      /** Times that what one of the viewers is to be sent, or is sent, has changed. */
      let views = 0
      const log = (line: string) => {
        const { event, user, current = -1 } = JSON.parse(line) as { event: string; user?: string; current?: number }
        if (event !== 'video.layer' || user === ANA) return
        views++
        if (user === CYD && current >= 0 && current !== layers.at(-1)) layers.push(current)
      }
      const scene = await BrowserScene.open(context, { dave, log, logLevel: 'debug' })
      const path = await UdpPath.open(context, { node: scene.server.mediaPort })
      path.limit(FAST)
      const ana = await scene.joinWeb(ANA, { video: 'VP8', layers: LAYERS, dave })
      const ben = await scene.joinWeb(BEN, { video: 'VP8', dave })
      const cyd = await scene.joinWeb(CYD, { video: 'VP8', dave, through: path.port })
      for (const viewer of [ben, cyd]) {
        await viewer.hide()
        await viewer.until('the full picture', stats => widthOf(stats) === 640 && decoded(stats) > 30)
      }

      /** What both viewers count during a phase, in which Cyd decodes pictures of this width, and then more of them. */
      const phase = async (name: string, width: number, frames: number, link?: SlowLink) => {
        const before = [await countedBy(ben), await countedBy(cyd)] as const
        const began = performance.now()
        const reached = await cyd.until(`${name}: the picture`, stats => {
          link?.narrow()
          return widthOf(stats) === width
        })
        await cyd.until(`${name}: more frames`, stats => decoded(stats) > decoded(reached) + frames)
        const [others, own] = [since(before[0], await countedBy(ben)), since(before[1], await countedBy(cyd))]
        const rate = (1_000 * others.frames) / (performance.now() - began)
        context.diagnostic(
          `${name}: ${rate.toFixed(1)} frames/s, fast link ${JSON.stringify(others)}, own ${JSON.stringify(own)}`,
        )
        // On a machine that encodes half of the frames, a freeze of as many frames takes twice as long.
        return { excess: (own.frozen - others.frozen) * Math.min(1, rate / FRAMES) }
      }
      const fast = await phase('fast link', 640, 60)
      const link = new SlowLink(scene, path, BEN)
      const fall = await phase('link that became slow', 320, 10, link)
      const slow = await phase('slow link', 320, 60, link)
      await ben.until('the full picture on the fast link', stats => widthOf(stats) === 640)
      path.limit(FAST)
      const rise = await phase('link that became fast', 640, 40)

      const viewers = (await countedBy(ben)).requests + (await countedBy(cyd)).requests
      const requests = { sender: await requestsAt(ana), viewers }
      context.diagnostic(
        `slow link of ${Math.round(link.limit)} bit/s, layers ${layers}, changes of views ${views}, keyframe requests ${JSON.stringify(requests)}`,
      )
      for (const [name, { excess }] of Object.entries({ fast, rise }))
        assert.ok(excess < 1, `${name}: frozen ${excess} s longer than on a fast link`)
      assert.ok(
        fall.excess + slow.excess < 2.5,
        `slow: frozen ${fall.excess + slow.excess} s longer than on a fast link`,
      )
      assert.ok(layers.length >= 3 && layers.length <= 12, `layers ${layers}`)
      // At most one request per layer and 500 ms. On a busy machine a keyframe takes longer than that.
      assert.ok(requests.sender <= 3 * (views + viewers), JSON.stringify({ views, requests }))
    },
  )
