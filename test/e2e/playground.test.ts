// The playground of `parley demo` in Chromium, controlled by clicks and keys: tabs, bots and a Discord client in one call.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { withoutChromium } from './chromium.ts'
import { isSilence } from './opus-frames.ts'
import { audible, PlaygroundScene } from './playground-scene.ts'
import { arriving, SMALL_CAMERA } from './playground-tab.ts'
import { until, untilFits } from './until.ts'

const OPTIONS = { timeout: 90_000, skip: withoutChromium() }
const PHONE = { width: 390, height: 844 }

const scene = new PlaygroundScene(OPTIONS.skip)
const { open, joined } = scene.openers

/** Joins the same call with a Discord client. Returns the number of received frames, by user. */
async function discordClient(t: TestContext): Promise<Map<string, number>> {
  const client = await scene.client(t)
  const heard = new Map<string, number>()
  client.on('frame', ({ userId = '', payload }) => {
    if (!isSilence(Buffer.from(payload))) heard.set(userId, (heard.get(userId) ?? 0) + 1)
  })
  await client.connect()
  return heard
}

test('two tabs, two bots and a Discord client receive each other', OPTIONS, async t => {
  const heard = await discordClient(t)
  const [robin, kim] = [await joined(t, 'Robin'), await joined(t, 'Kim', { size: PHONE })]
  for (const tab of [robin, kim]) {
    await audible(tab, 3)
    for (const name of ['ana', 'ben', 'Robin', 'Kim']) await tab.shows(name, '')
  }
  await until('four voices at the Discord client', () => [...heard.values()].filter(frames => frames > 20).length >= 4)
  const transport = robin.page.getByTestId('transport')
  // The node prefers 256 bits where libsodium seals them.
  await transport.filter({ hasText: /SRTP AEAD AES (128|256) GCM/ }).waitFor()
  assert.match(await transport.innerText(), /WebRTC, UDP 127\.0\.0\.1:\d+/)
  assert.match(await transport.innerText(), /DTLS 1\.2/)
  await robin.page
    .getByTestId('Packets per second')
    .filter({ hasText: /[1-9]\d* out, [1-9]\d* in/ })
    .waitFor()
  assert.deepEqual([...robin.errors, ...kim.errors], [])
})

test('a muted tab sends nothing and continues after unmuting, by click and by key', OPTIONS, async t => {
  const [robin, kim] = [await joined(t, 'Robin'), await joined(t, 'Kim')]
  await kim.shows('Robin', 'speaking')
  await robin.press('Mute me')
  await kim.shows('Robin', 'listening')
  await robin.shows('Robin', 'muted')
  const sent = await robin.packetsSent()
  await new Promise(resolve => setTimeout(resolve, 500))
  assert.ok((await robin.packetsSent()) - sent <= 2)
  await robin.page.keyboard.press('m')
  await untilFits(
    'packets after unmuting',
    () => robin.packetsSent(),
    packets => packets > sent + 10,
  )
  await kim.shows('Robin', 'speaking')
})

test('other tabs show a camera while it is on, and remove its picture when it is off', OPTIONS, async t => {
  const script = SMALL_CAMERA
  const [robin, kim] = [await joined(t, 'Robin', { script }), await joined(t, 'Kim', { script, size: PHONE })]
  for (const round of [1, 2]) {
    await robin.press('Camera')
    await robin.page.getByLabel('Camera of Robin').waitFor()
    await kim.page.getByLabel('Camera of Robin').waitFor()
    const before = await kim.framesDecoded()
    await untilFits(
      `frames of round ${round}`,
      () => kim.framesDecoded(),
      frames => frames > before + 10,
    )
    if (round === 1) await kim.press('Camera')
    await robin.page.getByLabel(round === 1 ? 'Camera of Kim' : 'Camera of Robin').waitFor()
    await robin.press('Camera off')
    await kim.page.getByLabel('Camera of Robin').waitFor({ state: 'detached' })
  }
  await untilFits(
    'Kim’s camera',
    () => robin.framesDecoded(),
    frames => frames > 10,
  )
  assert.deepEqual([...robin.errors, ...kim.errors], [])
})

test('a camera without viewers is not encoded until a viewer joins', OPTIONS, async t => {
  const lou = await joined(t, 'Lou', { script: SMALL_CAMERA })
  await lou.press('Camera')
  await lou.page.getByLabel('Camera of Lou').waitFor()
  const sent = async () => {
    const layers = (await lou.stats()).filter(
      ({ type, kind, rid }) => type === 'outbound-rtp' && kind === 'video' && rid,
    )
    const frames = layers.reduce((sum, { framesEncoded = 0 }) => sum + framesEncoded, 0)
    return { active: layers.some(({ active }) => active), frames }
  }
  await untilFits('the end of encoding', sent, ({ active }) => active === false)
  const { frames } = await sent()
  const noor = await joined(t, 'Noor')
  await untilFits('encoded frames', sent, now => now.active === true && now.frames > frames + 10)
  await untilFits(
    'the picture',
    () => noor.framesDecoded(),
    decoded => decoded > 10,
  )
  assert.deepEqual([...lou.errors, ...noor.errors], [])
})

test('a tab that joins muted is received as soon as it is unmuted', OPTIONS, async t => {
  const [robin, kim] = [await joined(t, 'Robin'), await joined(t, 'Kim')]
  await robin.press('Mute me')
  await robin.press('Leave')
  await robin.says('Not in a channel')
  await robin.join()
  assert.equal(await robin.packetsSent(), 0)
  await robin.press('Unmute me')
  await kim.shows('Robin', 'speaking')
  await untilFits(
    'packets',
    () => robin.packetsSent(),
    packets => packets > 10,
  )
})

test('a server mute silences a member for all members until it is lifted', OPTIONS, async t => {
  const [robin, kim] = [await joined(t, 'Robin'), await joined(t, 'Kim')]
  const ssrc = await robin.ssrc()
  const isFlowing = (packets: number) => packets > 5
  await untilFits('packets of Robin', () => arriving(kim, ssrc), isFlowing)
  await kim.press('Server mute Robin')
  await robin.shows('Robin', 'muted by a moderator')
  await untilFits(
    'silence',
    () => arriving(kim, ssrc),
    packets => packets === 0,
  )
  await kim.press('Server mute Robin')
  await untilFits('packets of Robin after the mute', () => arriving(kim, ssrc), isFlowing)
})

test('a moved tab joins the other channel by itself; a kicked tab says so and can join again', OPTIONS, async t => {
  const [robin, kim] = [await joined(t, 'Robin'), await joined(t, 'Kim')]
  await robin.shows('Kim', '')
  await robin.press('Move Kim to Side talk')
  await kim.page.getByRole('heading', { name: 'Side talk 1' }).waitFor()
  await kim.says('Connected')
  await robin.misses('Kim')
  await robin.page.getByText('In other channels: Kim (Side talk)').waitFor()
  await kim.press('Move Kim to Parley')
  await robin.shows('Kim', 'speaking')
  await robin.press('Kick Kim')
  assert.match(await kim.problem(), /You were removed from the channel/)
  await robin.misses('Kim')
  await kim.join()
  await robin.shows('Kim', 'speaking')
})

test('a tab that leaves or reloads disappears for the others at once and can join again', OPTIONS, async t => {
  const [robin, kim] = [await joined(t, 'Robin'), await joined(t, 'Kim')]
  await robin.shows('Kim', 'speaking')
  await kim.press('Leave')
  await kim.says('Not in a channel')
  await robin.misses('Kim')
  await kim.join()
  await robin.shows('Kim', 'speaking')
  await kim.page.reload()
  await robin.misses('Kim')
  await kim.join()
  await audible(kim, 1)
  await robin.shows('Kim', 'speaking')
})

test('the keyboard sets the volume of one member only', OPTIONS, async t => {
  const robin = await joined(t, 'Robin')
  const slider = (name: string) => robin.page.getByRole('slider', { name: `Volume of ${name}` })
  await slider('ana').focus()
  await robin.page.keyboard.press('Home')
  assert.equal(await slider('ana').inputValue(), '0')
  assert.equal(await slider('ben').inputValue(), '100')
})

test('joining needs the keyboard only and uses the name in the field', OPTIONS, async t => {
  const tab = await open(t, 'Noor')
  await tab.page.getByLabel('Your name').focus()
  await tab.page.keyboard.press('ControlOrMeta+A')
  await tab.page.keyboard.type('Noor')
  await tab.page.keyboard.press('Tab')
  await tab.page.keyboard.press('Enter')
  await tab.says('Connected')
  await tab.shows('Noor', 'you')
})

test('the trace shows the complete join and no secret', OPTIONS, async t => {
  const robin = await joined(t, 'Robin')
  await robin.page.getByText('Protocol trace').click()
  const trace = robin.page.getByTestId('trace')
  await trace.filter({ hasText: 'media is connected' }).waitFor()
  const text = await trace.innerText()
  assert.match(text, /"token":"\(hidden\)"/)
  assert.match(text, /a=ice-pwd:\(hidden\)/)
  assert.doesNotMatch(text, /a=ice-pwd:[A-Za-z0-9+/]/)
})

test('without a microphone the page says so and sends speech instead', OPTIONS, async t => {
  const script = `;navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotFoundError') }`
  const robin = await open(t, 'Robin', { script })
  await robin.join('Microphone')
  assert.match(await robin.problem(), /There is no microphone[\s\S]*built-in speech/)
  const kim = await joined(t, 'Kim')
  await kim.shows('Robin', 'speaking')
})

test('if no UDP packet arrives the page says so and names the port', OPTIONS, async t => {
  // All packets go to another port, where no socket answers, as if a firewall dropped them.
  const script = `;{
    const set = RTCPeerConnection.prototype.setRemoteDescription
    RTCPeerConnection.prototype.setRemoteDescription = function (answer) {
      return set.call(this, { ...answer, sdp: answer.sdp.replace(/(a=candidate:.* 127.0.0.1) \\d+/g, '$1 9') })
    }
  }`
  const robin = await open(t, 'Robin', { script })
  await robin.page.getByText('Tone', { exact: true }).click()
  await robin.press('Join')
  await robin.page.getByTestId('problem').waitFor()
  assert.match(await robin.problem(), /No media arrives[\s\S]*UDP packets to 127\.0\.0\.1:\d+/)
})
