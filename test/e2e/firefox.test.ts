// Firefox in the call: with a native client, and with Chromium.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BrowserScene } from './browser-scene.ts'
import { ownAddress, withoutFirefox } from './firefox.ts'
import { count, talk } from './talking.ts'
import { until } from './until.ts'
import { framesDecoded, hears } from './web-member.ts'

const OPTIONS = { timeout: 90_000, skip: withoutFirefox() }
const ANA = '81384788765712384'
const BEN = '81384788765712385'
const CYD = '81384788765712386'

test(
  'Firefox, Chromium and a native client hear each other, and the browsers see each other',
  OPTIONS,
  async context => {
    const scene = await BrowserScene.open(context, { mediaIp: ownAddress() })
    const ben = await scene.joinNative(BEN)
    talk(context, ben)
    const pages = [await scene.openPage('firefox'), await scene.openPage()] as const
    const heard = [count(ben, ANA), count(ben, CYD)]
    const ana = await scene.joinFrom(pages[0], ANA, { video: 'VP8' })
    await ana.until('the native client’s voice', hears(1), 30_000)
    const cyd = await scene.joinFrom(pages[1], CYD, { video: 'VP8' })
    for (const member of [ana, cyd]) {
      await member.until('both voices', hears(2), 30_000)
      await member.until('the other’s picture', stats => framesDecoded(stats) > 30, 30_000)
    }
    await until('both browsers, natively', () => heard.every(frames => frames() > 50))
    assert.deepEqual(scene.drops, {})
    await ana.evaluate('client.pc.close()')
    const transport = () => (scene.session(ANA) as { transport: { state: string } }).transport.state
    await until('the close_notify', () => transport() === 'closed')
    for (const member of [ana, cyd]) await member.evaluate('client.close()')
  },
)
