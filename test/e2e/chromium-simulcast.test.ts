// Simulcast of a real Chromium: two layers named by rid, of which a viewer in another page decodes the one that it wants.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BrowserScene } from './browser-scene.ts'
import { withoutChromium } from './chromium.ts'
import { ANA, CYD } from './users.ts'
import { twoLayers } from './watched-camera.ts'
import type { WebStats } from './web-member.ts'

const BROWSER = { timeout: 90_000, skip: withoutChromium() }
const LAYERS = twoLayers(700_000, 200_000)

const widthOf = ({ inbound }: WebStats) => inbound.find(({ kind }) => kind === 'video')?.frameWidth
const decoded = ({ inbound }: WebStats) => inbound.find(({ kind }) => kind === 'video')?.framesDecoded ?? 0

/** Codec, and lanes of the call. */
const CASES = [
  ['VP8', 1],
  ['H264', 1],
  ['AV1', 1],
  ['VP8', 2],
] as const

for (const [video, lanes] of CASES)
  test(
    `a viewer decodes the ${video} layer that it wants, and frames continue after each switch (lanes of the call: ${lanes})`,
    BROWSER,
    async context => {
      const scene = await BrowserScene.open(context, { lanes })
      await scene.joinWeb(ANA, { video, layers: LAYERS })
      const cyd = await scene.joinWeb(CYD, { video })
      const full = await cyd.until('the full picture', stats => widthOf(stats) === 640 && decoded(stats) > 30)
      const ssrc = full.inbound.find(({ kind }) => kind === 'video')!.ssrc
      const want = (quality: number) => cyd.evaluate(`void client.send(15, { any: 100, ${ssrc}: ${quality} })`)
      await want(50)
      const half = await cyd.until('the smaller picture', stats => widthOf(stats) === 320)
      await cyd.until('more frames of it', stats => decoded(stats) > decoded(half) + 20)
      await want(100)
      const again = await cyd.until('the full picture again', stats => widthOf(stats) === 640)
      await cyd.until('more frames of it', stats => decoded(stats) > decoded(again) + 20)
      const { views, lane } = scene.session(CYD) as { views: object[]; lane: number }
      assert.equal(lane, lanes - 1)
      context.diagnostic(JSON.stringify(views))
      assert.equal(views.length, 1)
    },
  )
