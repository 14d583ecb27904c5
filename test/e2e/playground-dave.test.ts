// The playground in encrypted calls, in Chromium: with bots whose library is native, with other tabs, and with clients without DAVE.
import assert from 'node:assert/strict'
import { before, type TestContext, test } from 'node:test'
import { type DaveLibrary, loadDavey, type VoiceClient } from '@parley/client'
import { loadWasm } from '../dave/davey-wasm.ts'
import { withoutChromium } from './chromium.ts'
import { EchoBot } from './echo-bot.ts'
import { audible, PlaygroundScene } from './playground-scene.ts'
import { SMALL_CAMERA, Tab } from './playground-tab.ts'
import { count, talk } from './talking.ts'
import { until, untilFits } from './until.ts'

const OPTIONS = { timeout: 90_000, skip: withoutChromium() || (await loadWasm()).skip }
const ENCRYPTED = 'Encrypted end to end, privacy code'

const scene = new PlaygroundScene(OPTIONS.skip)
const { joined } = scene.openers
let dave: DaveLibrary

before(async () => {
  if (OPTIONS.skip === false) dave = (await loadDavey())!
})

/** A bot in the same call; its frames are counted where its library decrypts them. */
async function botOf(t: TestContext, library: DaveLibrary | undefined): Promise<VoiceClient> {
  const client = await scene.client(t, library)
  await client.connect()
  return client
}

/** The user of the tab that joined last. */
const newest = (bot: VoiceClient): string => [...bot.members].at(-1)!.userId

type Bot = { readonly privacyCode: string | undefined }

/** Resolves with the code that the bots and the tabs show, once it is not `old`. */
async function agree(members: readonly (Bot | Tab)[], old?: string): Promise<string> {
  const codeOf = (member: Bot | Tab) => (member instanceof Tab ? member.privacyCode() : member.privacyCode)
  const [code] = await untilFits(
    'one privacy code',
    () => Promise.all(members.map(codeOf)),
    ([code, ...others]) => code !== undefined && code !== old && others.every(other => other === code),
  )
  return code!
}

test(
  'a tab keeps an encrypted call encrypted: audio in both directions, one code, and all members have the keys',
  OPTIONS,
  async t => {
    const bot = await botOf(t, dave)
    talk(t, bot)
    const robin = await joined(t, 'Robin')
    await agree([bot, robin])
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

const WITHOUT_DAVE = ';delete globalThis.RTCRtpScriptTransform'

for (const [codec, isEncrypted] of [
  ['VP8', true],
  ['VP9', true],
  ['H264', true],
  ['AV1', true],
  ['AV1', false],
] as const)
  test(
    `two tabs see each other’s camera with ${codec} in ${isEncrypted ? 'an encrypted' : 'a clear'} call, also the one that joins late`,
    OPTIONS,
    async t => {
      const script = onlyCodec(codec) + SMALL_CAMERA + (isEncrypted ? '' : WITHOUT_DAVE)
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
      if (isEncrypted) await agree([robin, kim])
      else await robin.encrypts('Not encrypted end to end: ')
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
  } = await scene.invitation(t)
  const who = { serverId, channelId, userId, sessionId, token }
  const bot = await EchoBot.join(t, who, { url: scene.url.replace(/^http(.*)playground\/$/, 'ws$1'), dave })
  const robin = await joined(t, 'Robin')
  await robin.press('Camera')
  await until('decrypted frames', () => bot.keyframes > 0 && bot.frames > 30)
  await untilFits(
    'the frames of the bot',
    () => robin.framesDecoded(),
    frames => frames > 30,
  )
  assert.equal(bot.unopened, 0)
  await agree([bot, robin])
})

test(
  'a client without DAVE turns the call to the clear, the page says so, and encrypts again when it leaves',
  OPTIONS,
  async t => {
    const bot = await botOf(t, dave)
    const robin = await joined(t, 'Robin')
    await agree([bot, robin])
    const heard = count(bot, newest(bot))
    const flows = async () => {
      const before = heard()
      await until('frames of the tab', () => heard() > before + 20)
    }
    await flows()
    const old = await joined(t, 'Noor', { script: WITHOUT_DAVE })
    await old.encrypts('Not encrypted end to end: this browser has no RTCRtpScriptTransform')
    await robin.encrypts('Not encrypted end to end: Noor does not support DAVE')
    assert.equal(bot.privacyCode, undefined)
    await flows()
    await audible(old, 2)
    await old.press('Leave')
    await robin.encrypts(ENCRYPTED)
    await agree([bot, robin])
    await flows()
    await audible(robin, 2)
    assert.deepEqual([...robin.errors, ...old.errors], [])
  },
)

test('a tab whose gateway connection is lost while the group changes resumes into the new group', OPTIONS, async t => {
  const bot = await botOf(t, dave)
  const robin = await joined(t, 'Robin', { script: KEEP_SOCKETS })
  const before = await agree([bot, robin])
  await robin.page.evaluate('sockets.at(-1).close(4900)')
  const kim = await joined(t, 'Kim')
  const now = await agree([bot, robin, kim], before)
  await kim.press('Leave')
  await agree([bot, robin], now)
  const { opened } = await robin.frames()
  await untilFits(
    'more frames',
    () => robin.frames(),
    frames => frames.opened > opened + 20,
  )
})

test(
  'two users verify each other by a code, and again without comparing after a member has joined',
  OPTIONS,
  async t => {
    const [robin, kim] = [await joined(t, 'Robin'), await joined(t, 'Kim')]
    const codeAt = async (tab: Tab, name: string) => {
      await tab.press(`Verify ${name}`)
      const dialog = tab.page.getByRole('dialog', { name: `Verify ${name}` })
      await dialog.getByText(/^(\d{5} ){8}\d{5}$/).waitFor({ timeout: 60_000 })
      return dialog.locator('.code').innerText()
    }
    const code = await codeAt(robin, 'Kim')
    assert.equal(await codeAt(kim, 'Robin'), code)
    await robin.press('They are the same')
    await robin.press('Done')
    await robin.shows('Kim', 'verified')
    const noor = await joined(t, 'Noor')
    await robin.shows('Kim', 'Verify again')
    assert.equal(await codeAt(robin, 'Kim'), code)
    await robin.shows('Kim', 'verified')
    await robin.press('Forget it')
    await robin.press('Done')
    await robin.shows('Kim', 'keys')
    assert.deepEqual([...robin.errors, ...kim.errors, ...noor.errors], [])
  },
)

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
  await agree([robin, kim], before)
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
