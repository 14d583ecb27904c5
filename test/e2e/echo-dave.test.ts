// A browser and a bot in an encrypted call: the bot decrypts the browser's camera, and the browser decodes the frames that the bot
// encrypts. The bot's library is davey or Discord's libdave.
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { type DaveLibrary, loadDavey } from '@parley/client'
import { loadWasm } from '../dave/davey-wasm.ts'
import { libdaveLibrary } from '../dave/libdave-keys.ts'
import { LineProcess } from '../dave/line-process.ts'
import { BrowserScene } from './browser-scene.ts'
import { withoutChromium } from './chromium.ts'
import { EchoBot } from './echo-bot.ts'
import { libdave, reasonToSkip } from './foreign-tools.ts'
import { until, untilFits } from './until.ts'
import { ANA, BEN } from './users.ts'
import { framesDecoded } from './web-member.ts'

const tool = libdave()
const process = 'command' in tool ? new LineProcess(tool.command) : undefined
after(() => process?.close())
const skip = withoutChromium() || (await loadWasm()).skip

const LIBRARIES: Record<string, { skip: string | false; open: () => Promise<DaveLibrary> }> = {
  davey: { skip, open: async () => (await loadDavey())! },
  libdave: { skip: skip || reasonToSkip(tool), open: async () => libdaveLibrary(process!, [ANA, BEN]) },
}

for (const [library, { skip, open }] of Object.entries(LIBRARIES))
  for (const video of ['VP8', 'VP9', 'H264', 'AV1'] as const)
    test(`a bot with ${library} decrypts a browser’s ${video}, and the browser decodes what the bot encrypts`, {
      timeout: 60_000,
      skip,
    }, async context => {
      const scene = await BrowserScene.open(context, { dave: true })
      const ana = await scene.joinWeb(ANA, { video, dave: true })
      const dave = await open()
      const bot = await EchoBot.join(context, await scene.admit(BEN), { url: scene.server.url, dave, codec: video })
      await untilFits(
        'one privacy code',
        async () => [bot.privacyCode, await ana.evaluate<string | undefined>('client.dave.privacyCode')],
        ([one, other]) => one !== undefined && one === other,
      )
      await until('decrypted frames', () => bot.frames > 30)
      await ana.until('the frames of the bot', stats => framesDecoded(stats) > 30)
      const [frames, unopened] = [bot.frames, bot.unopened]
      await until('more decrypted frames', () => bot.frames > frames + 30)
      assert.equal(bot.unopened, unopened)
    })
