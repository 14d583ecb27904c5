// Simulcast in an encrypted call: Chromium seals the frames of each layer, the node changes layers without keys, and a browser and
// a Discord client decrypt both layers.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadDavey } from '@parley/client'
import { loadWasm } from '../dave/davey-wasm.ts'
import { BrowserScene } from './browser-scene.ts'
import { withoutChromium } from './chromium.ts'
import { EchoBot } from './echo-bot.ts'
import { until, untilFits } from './until.ts'
import { ANA, BEN, CYD } from './users.ts'
import { twoLayers, watched } from './watched-camera.ts'
import type { WebMember } from './web-member.ts'

const OPTIONS = { timeout: 90_000, skip: withoutChromium() || (await loadWasm()).skip }
const LAYERS = twoLayers(700_000, 200_000)
const { video: camera, widthOf, decoded } = watched(ANA)
const framesOf = (member: WebMember) =>
  member.evaluate<{ opened: number; unopened: number }>('client.dave.worker.report()')

for (const video of ['VP8', 'H264', 'AV1'] as const)
  test(
    `a browser and a bot decrypt both ${video} layers of an encrypted browser, before and after the change`,
    OPTIONS,
    async context => {
      const dave = (await loadDavey())!
      const scene = await BrowserScene.open(context, { dave: true })
      const ana = await scene.joinWeb(ANA, { video, layers: LAYERS, dave: true })
      const cyd = await scene.joinWeb(CYD, { video, dave: true })
      await cyd.hide()
      const bot = await EchoBot.join(context, await scene.admit(BEN), {
        url: scene.server.url,
        dave,
        codec: video,
        echoes: false,
      })
      await untilFits(
        'one privacy code',
        async () => [
          bot.privacyCode,
          ...(await Promise.all([ana, cyd].map(each => each.evaluate('client.dave.privacyCode')))),
        ],
        ([code, ...others]) => code !== undefined && others.every(other => other === code),
      )
      const full = await cyd.until('the full picture', stats => widthOf(stats) === 640 && decoded(stats) > 30)
      await until('both layers at the bot', () => bot.layersOf(ANA).length === 2)
      const [high = 0, low = 0] = bot.layersOf(ANA)
      await until('the full picture at the bot', () => bot.opened(high).frames > 30)

      const ssrc = camera(full)!.ssrc
      const before = await framesOf(cyd)
      // A viewer that has received nothing is sent the best layer that arrives.
      const [early, unopened] = [bot.opened(low).frames, bot.unopened]
      await cyd.evaluate(`void client.send(15, { any: 100, ${ssrc}: 50 })`)
      bot.want([high, low], low)
      const half = await cyd.until('the smaller picture', stats => widthOf(stats) === 320)
      await cyd.until('more frames of it', stats => decoded(stats) > decoded(half) + 20)
      await until('the smaller picture at the bot', () => bot.opened(low).frames > early + 20)

      const { frames } = bot.opened(high)
      await cyd.evaluate(`void client.send(15, { any: 100 })`)
      bot.want([high, low], high)
      const again = await cyd.until('the full picture again', stats => widthOf(stats) === 640)
      const end = await cyd.until('more frames of it', stats => decoded(stats) > decoded(again) + 20)
      await until('the full picture at the bot again', () => bot.opened(high).frames > frames + 20)
      if (video === 'VP8')
        assert.deepEqual(
          [high, low].map(each => bot.opened(each).width),
          [640, 320],
        )

      const after = await framesOf(cyd)
      assert.ok(after.opened - before.opened > decoded(end) - decoded(full), 'frames of video were decrypted')
      assert.equal(after.unopened, before.unopened)
      assert.equal(bot.unopened, unopened)
      context.diagnostic(JSON.stringify({ after, camera: camera(end), bot: [high, low].map(each => bot.opened(each)) }))
    },
  )
