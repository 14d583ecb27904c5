// The playground in encrypted calls, in Chromium: with bots whose library is native, with other tabs, and with clients without DAVE.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, type TestContext, test } from 'node:test'
import { type DaveLibrary, loadDavey, type VoiceClient } from '@parley/client'
import type { Browser } from 'playwright-core'
import { loadWasm } from '../dave/davey-wasm.ts'
import { openChromium, withoutChromium } from './chromium.ts'
import { EchoBot } from './echo-bot.ts'
import { type Invitation, invitedClient } from './invited-client.ts'
import { ParleyProcess } from './parley-process.ts'
import { Tab, type TabOptions } from './playground-tab.ts'
import { count, talk } from './talking.ts'
import { until, untilFits } from './until.ts'

const OPTIONS = { timeout: 90_000, skip: withoutChromium() || (await loadWasm()).skip }
/** More energy than a decoder generates without packets. */
const AUDIBLE = 0.0005
const ENCRYPTED = 'Encrypted end to end, privacy code'

let folder: string
let demo: ParleyProcess
let browser: Browser
let url: string
let dave: DaveLibrary

before(async () => {
  if (OPTIONS.skip !== false) return
  folder = mkdtempSync(join(tmpdir(), 'parley-test-'))
  demo = new ParleyProcess(['demo', '--port', '0', '--no-view'], { folder })
  ;[browser, dave] = [await openChromium(), (await loadDavey())!]
  await demo.says(/ben is here/)
  url = /http:\/\/127\.0\.0\.1:\d+\/playground\//.exec(demo.stdout)![0]
})
after(async () => {
  if (OPTIONS.skip !== false) return
  await browser.close()
  demo.kill()
  rmSync(folder, { recursive: true, force: true })
})

async function joined(t: TestContext, name: string, options?: TabOptions): Promise<Tab> {
  const tab = await Tab.open(browser, url, name, options)
  t.after(() => tab.close())
  await tab.join()
  return tab
}

async function invitation(t: TestContext): Promise<Invitation> {
  const asking = new ParleyProcess(['demo', '--credentials'], { folder, t })
  assert.equal(await asking.exit, 0, asking.stderr)
  return JSON.parse(asking.stdout)
}

/** A bot in the same call; its frames are counted where its library decrypts them. */
async function botOf(t: TestContext, library: DaveLibrary | undefined): Promise<VoiceClient> {
  const client = invitedClient(t, await invitation(t), library)
  await client.connect()
  return client
}

/** The user of the tab that joined last. */
const newest = (bot: VoiceClient): string => [...bot.members].at(-1)!.userId

/** Resolves with the code that the bot and the tabs show, once it is not `old`. */
async function agree(bot: { readonly privacyCode: string | undefined }, tabs: Tab[], old?: string): Promise<string> {
  const [code] = await untilFits(
    'one privacy code',
    async () => [bot.privacyCode, ...(await Promise.all(tabs.map(tab => tab.privacyCode())))],
    ([code, ...others]) => code !== undefined && code !== old && others.every(other => other === code),
  )
  return code!
}

const audible = (tab: Tab, sources: number) =>
  untilFits(
    `${sources} voices at ${tab.name}`,
    () => tab.heard(),
    energies => [...energies.values()].filter(energy => energy > AUDIBLE).length >= sources,
  )

test(
  'a tab keeps an encrypted call encrypted: audio in both directions, one code, and all members have the keys',
  OPTIONS,
  async t => {
    const bot = await botOf(t, dave)
    talk(t, bot)
    const robin = await joined(t, 'Robin')
    await agree(bot, [robin])
    const heard = count(bot, newest(bot))
    await audible(robin, 3)
    await until('frames of the tab at the bot', () => heard() > 50)
    for (const name of ['ana', 'ben', 'Robin']) await robin.shows(name, 'keys')
    const flowing = async () => {
      const { opened } = await robin.frames()
      return untilFits(
        'encrypted and decrypted frames',
        () => robin.frames(),
        frames => frames.sealed > 50 && frames.opened > opened + 150,
      )
    }
    // Frames that arrived before the keys wait for up to a second.
    const settled = await flowing()
    assert.equal((await flowing()).unopened, settled.unopened)
    assert.deepEqual(robin.errors, [])
  },
)

/** A page that offers one video codec. */
const onlyCodec = (codec: string) => `;{
  const add = RTCPeerConnection.prototype.addTransceiver
  RTCPeerConnection.prototype.addTransceiver = function (kind, ...more) {
    const transceiver = add.call(this, kind, ...more)
    const isWanted = ({ mimeType }) => ['video/${codec}', 'video/rtx'].includes(mimeType)
    if (kind === 'video')
      transceiver.setCodecPreferences(RTCRtpReceiver.getCapabilities('video').codecs.filter(isWanted))
    return transceiver
  }
}`

for (const codec of ['VP8', 'VP9', 'H264'])
  test(
    `two tabs see each other’s camera in an encrypted call with ${codec}, also the one that joins late`,
    OPTIONS,
    async t => {
      const script = onlyCodec(codec)
      const robin = await joined(t, 'Robin', { script })
      await robin.press('Camera')
      const kim = await joined(t, 'Kim', { script })
      await kim.press('Camera')
      for (const tab of [robin, kim]) {
        await untilFits(
          `frames at ${tab.name}`,
          () => tab.framesDecoded(),
          frames => frames > 30,
        )
        assert.deepEqual(await tab.receivedCodecs(), [`video/${codec}`])
      }
      assert.equal(await robin.privacyCode(), await kim.privacyCode())
      assert.deepEqual([...robin.errors, ...kim.errors], [])
    },
  )

test('a bot decrypts a tab’s VP8 camera, and the tab shows the frames that the bot encrypts', OPTIONS, async t => {
  const {
    server_id: serverId,
    channel_id: channelId,
    user_id: userId,
    session_id: sessionId,
    token,
  } = await invitation(t)
  const who = { serverId, channelId, userId, sessionId, token }
  const bot = await EchoBot.join(t, who, { url: url.replace(/^http(.*)playground\/$/, 'ws$1'), dave })
  const robin = await joined(t, 'Robin')
  await robin.press('Camera')
  await until('decrypted frames', () => bot.keyframes > 0 && bot.frames > 30)
  await untilFits(
    'the frames of the bot',
    () => robin.framesDecoded(),
    frames => frames > 30,
  )
  assert.equal(bot.unopened, 0)
  await agree(bot, [robin])
})

test(
  'a client without DAVE turns the call to the clear, the page says so, and encrypts again when it leaves',
  OPTIONS,
  async t => {
    const bot = await botOf(t, dave)
    const robin = await joined(t, 'Robin')
    await agree(bot, [robin])
    const heard = count(bot, newest(bot))
    const flows = async () => {
      const before = heard()
      await until('frames of the tab', () => heard() > before + 20)
    }
    await flows()
    const script = ';delete globalThis.RTCRtpScriptTransform'
    const old = await joined(t, 'Noor', { script })
    await old.encrypts('Not encrypted end to end: this browser has no RTCRtpScriptTransform')
    await robin.encrypts('Not encrypted end to end: Noor does not support DAVE')
    assert.equal(bot.privacyCode, undefined)
    await flows()
    await audible(old, 2)
    await old.press('Leave')
    await robin.encrypts(ENCRYPTED)
    await agree(bot, [robin])
    await flows()
    await audible(robin, 2)
    assert.deepEqual([...robin.errors, ...old.errors], [])
  },
)

test('a tab whose gateway connection is lost while the group changes resumes into the new group', OPTIONS, async t => {
  const bot = await botOf(t, dave)
  const robin = await joined(t, 'Robin', { script: KEEP_SOCKETS })
  const before = await agree(bot, [robin])
  await robin.page.evaluate('sockets.at(-1).close(4900)')
  const kim = await joined(t, 'Kim')
  const now = await agree(bot, [robin, kim], before)
  await kim.press('Leave')
  await agree(bot, [robin], now)
  const { opened } = await robin.frames()
  await untilFits(
    'more frames',
    () => robin.frames(),
    frames => frames.opened > opened + 20,
  )
})

test('tabs that are moved leave one group and encrypt in that of the other channel', OPTIONS, async t => {
  const [robin, kim] = [await joined(t, 'Robin'), await joined(t, 'Kim')]
  const before = await untilFits(
    'a privacy code',
    () => robin.privacyCode(),
    code => code !== undefined,
  )
  await robin.press('Move Kim to Side talk')
  await robin.misses('Kim')
  await robin.press('Move Robin to Side talk')
  await robin.page.getByRole('heading', { name: 'Side talk' }).waitFor()
  const codes = async () => [await robin.privacyCode(), await kim.privacyCode()]
  await untilFits('one new code', codes, ([one, other]) => one !== undefined && one === other && one !== before)
  for (const tab of [robin, kim]) {
    const { opened } = await tab.frames()
    await untilFits(
      `frames at ${tab.name}`,
      () => tab.frames(),
      frames => frames.opened > opened + 20,
    )
    await tab.shows(tab === robin ? 'Kim' : 'Robin', 'keys')
  }
  assert.deepEqual([...robin.errors, ...kim.errors], [])
})

/** Records the page's WebSockets for the test. */
const KEEP_SOCKETS = `;
  globalThis.sockets = []
  globalThis.WebSocket = class extends WebSocket {
    constructor(...options) {
      super(...options)
      globalThis.sockets.push(this)
    }
  }`
