// Firefox in calls with a Discord client and with Chromium, and in the playground.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadDavey } from '@parley/client'
import { loadWasm } from '../dave/davey-wasm.ts'
import { BrowserScene } from './browser-scene.ts'
import { openChromium } from './chromium.ts'
import { Firefox, ownAddress, withoutFirefox } from './firefox.ts'
import { invitedClient } from './invited-client.ts'
import { ParleyProcess } from './parley-process.ts'
import { KEEP_CONNECTIONS, READ_STATS, type Stat, Tab } from './playground-tab.ts'
import { count, talk } from './talking.ts'
import { until, untilFits } from './until.ts'
import { ANA, BEN, CYD } from './users.ts'
import { framesDecoded, hears } from './web-member.ts'

const OPTIONS = { timeout: 90_000, skip: withoutFirefox() }
const ENCRYPTED = { ...OPTIONS, skip: OPTIONS.skip || (await loadWasm()).skip }

test(
  'Firefox, Chromium and a Discord client receive each other, and the browsers see each other',
  OPTIONS,
  async context => {
    const scene = await BrowserScene.open(context, { mediaIp: ownAddress() })
    const ben = await scene.joinNative(BEN)
    talk(context, ben)
    const pages = [await scene.openPage('firefox'), await scene.openPage()] as const
    const heard = [count(ben, ANA), count(ben, CYD)]
    const ana = await scene.joinFrom(pages[0], ANA, { video: 'VP8' })
    await ana.until('the Discord client’s voice', hears(1))
    const cyd = await scene.joinFrom(pages[1], CYD, { video: 'VP8' })
    for (const member of [ana, cyd]) {
      await member.until('both voices', hears(2))
      await member.until('the other member’s video', stats => framesDecoded(stats) > 30)
    }
    await until('both browsers at the Discord client', () => heard.every(frames => frames() > 50))
    assert.deepEqual(scene.drops, {})
    const transport = () => (scene.session(ANA) as { transport: { state: string; profile?: string } }).transport
    assert.equal(transport().profile, 'SRTP_AEAD_AES_256_GCM')
    await ana.evaluate('client.pc.close()')
    await until('the close_notify', () => transport().state === 'closed')
    for (const member of [ana, cyd]) await member.evaluate('client.close()')
  },
)

test(
  'in Firefox, the demo’s page is in its encrypted call if media has a non-loopback address, and sees a tab of Chromium',
  ENCRYPTED,
  async context => {
    const folder = mkdtempSync(join(tmpdir(), 'parley-test-'))
    context.after(() => rmSync(folder, { recursive: true, force: true }))
    const media = ownAddress() ?? ''
    const demo = new ParleyProcess(['demo', '--port', '0', '--media', media, '--no-view'], { folder, t: context })
    await demo.says(new RegExp(`UDP port \\d+ of ${media.replaceAll('.', '\\.')}`))
    await demo.says(/ben is here/)
    const asking = new ParleyProcess(['demo', '--credentials'], { folder, t: context })
    assert.equal(await asking.exit, 0, asking.stderr)
    const bot = invitedClient(context, JSON.parse(asking.stdout), await loadDavey())
    await bot.connect()
    const firefox = await Firefox.open(context)
    await firefox.command('script.addPreloadScript', { functionDeclaration: `() => {${KEEP_CONNECTIONS}}` })
    const url = /http:\S+\/playground\//.exec(demo.stdout)?.[0] ?? ''
    const page = await firefox.openPage(url)
    const press = async (label: string) => {
      const button = `[...document.querySelectorAll('button')].find(({ textContent }) => textContent.trim() === '${label}')`
      await untilFits(`the button ${label}`, () => page.evaluate(`${button} !== undefined`), Boolean)
      await page.evaluate(`${button}.click()`)
    }
    await press('Join')
    const hasEnergy = (stats: Stat[]) =>
      stats.filter(({ type, kind, totalAudioEnergy = 0 }) => {
        return type === 'inbound-rtp' && kind === 'audio' && totalAudioEnergy > 0.001
      }).length >= 2
    await untilFits('both bots', () => page.evaluate<Stat[]>(READ_STATS), hasEnergy)
    const shown = `document.querySelector('[data-testid=transport]').innerText.replaceAll(/(?<=\\d) (?=\\d)/g, '')`
    const agree = (others: readonly { privacyCode(): Promise<string | undefined> }[]) =>
      untilFits(
        'the privacy code',
        async () => ({
          text: await page.evaluate<string>(shown),
          codes: [bot.privacyCode, ...(await Promise.all(others.map(other => other.privacyCode())))],
        }),
        ({ text, codes }) => codes.every(code => code !== undefined && text.includes(`privacy code ${code}`)),
      )
    await agree([])
    const heard = count(bot, [...bot.members].at(-1)?.userId ?? '')
    await until('frames of Firefox at the bot', () => heard() > 50)

    const browser = await openChromium()
    context.after(() => browser.close())
    const kim = await Tab.open(browser, url, 'Kim')
    await kim.join()
    await press('Camera')
    await kim.press('Camera')
    const isSeen = (frames: number) => frames > 30
    await untilFits('Firefox’s camera', () => kim.framesDecoded(), isSeen)
    const decoded = (stats: Stat[]) => stats.reduce((sum, { framesDecoded = 0 }) => sum + framesDecoded, 0)
    await untilFits('Chromium’s camera', async () => decoded(await page.evaluate<Stat[]>(READ_STATS)), isSeen)
    await agree([kim])
    assert.deepEqual(kim.errors, [])
  },
)
