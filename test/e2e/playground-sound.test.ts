// The sound of a screen that is shared in the playground, in Chromium: heard in tabs and by bots that know such sources.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { VoiceClient } from '@parley/client'
import type { Stream } from '@parley/protocol'
import { withoutChromium } from './chromium.ts'
import { isSilence } from './opus-frames.ts'
import { QuietScene } from './playground-scene.ts'
import { arriving, type Tab } from './playground-tab.ts'
import { untilFits } from './until.ts'

const OPTIONS = { timeout: 90_000, skip: withoutChromium() }
const scene = new QuietScene(OPTIONS.skip)
const { joined } = scene.openers

/** A small screen, with a tone as its sound. */
const SHARE_TONE = `;MediaDevices.prototype.getDisplayMedia = async () => {
  const canvas = document.createElement('canvas')
  const picture = canvas.getContext('2d')
  let shade = 0
  setInterval(() => {
    shade = (shade + 16) % 256
    picture.fillStyle = 'rgb(' + shade + ' 60 60)'
    picture.fillRect(0, 0, canvas.width, canvas.height)
  }, 100)
  const context = new AudioContext()
  const output = context.createMediaStreamDestination()
  const tone = new OscillatorNode(context, { frequency: 330 })
  tone.connect(output)
  tone.start()
  return new MediaStream([...canvas.captureStream(10).getTracks(), ...output.stream.getTracks()])
}`

/** A bot in the call, which offers these streams. Returns the number of audio frames that it received, by SSRC. */
async function botWith(t: TestContext, streams: Stream[]): Promise<Map<number, number>> {
  const { endpoint, server_id, channel_id, user_id, session_id, token, ca } = await scene.demo.invite()
  const who = { serverId: server_id, channelId: channel_id, userId: user_id, sessionId: session_id, token }
  const bot = new VoiceClient({ endpoint, ...who, streams, tls: { ca: readFileSync(ca!) } })
  t.after(() => bot.close())
  const heard = new Map<number, number>()
  bot.on('frame', ({ ssrc, userId, payload }) => {
    if (userId !== undefined && !isSilence(Buffer.from(payload))) heard.set(ssrc, (heard.get(ssrc) ?? 0) + 1)
  })
  await bot.connect()
  return heard
}

/** Resolves with the SSRC of the tone that Kim hears, which is not Robin's voice. */
async function toneAt(kim: Tab, voice: number): Promise<number> {
  const tones = (energies: Map<number, number>) =>
    [...energies].flatMap(([ssrc, energy]) => (ssrc !== voice && energy > 0.02 ? [ssrc] : []))
  const heard = await untilFits(
    'the tone at Kim',
    () => kim.heard(),
    energies => tones(energies).length > 0,
  )
  assert.equal(tones(heard).length, 1)
  return tones(heard)[0]!
}

test(
  'a tab hears the sound of a screen in an encrypted call, at the volume of its member, until it ends',
  OPTIONS,
  async t => {
    const [robin, kim] = [await joined(t, 'Robin', { script: SHARE_TONE }), await joined(t, 'Kim')]
    const voice = await robin.ssrc()
    await robin.press('Mute me')
    await kim.page.getByText('Encrypted', { exact: true }).waitFor()
    await robin.press('Share screen')
    await kim.page.getByLabel('Screen of Robin', { exact: true }).waitFor()
    const tone = await toneAt(kim, voice)
    await kim.page.getByRole('slider', { name: 'Volume of Robin' }).focus()
    await kim.page.keyboard.press('Home')
    await untilFits(
      'no packets of it',
      () => arriving(kim, tone),
      count => count === 0,
    )
    await kim.page.keyboard.press('End')
    await untilFits(
      'packets of it',
      () => arriving(kim, tone),
      count => count > 5,
    )
    await robin.press('Stop sharing')
    await kim.page.getByLabel('Screen of Robin', { exact: true }).waitFor({ state: 'detached' })
    assert.deepEqual([...robin.errors, ...kim.errors], [])
  },
)

test('a bot that offers a source of sound receives that of a screen, another bot does not', OPTIONS, async t => {
  const [robin, kim] = [await joined(t, 'Robin', { script: SHARE_TONE }), await joined(t, 'Kim')]
  const voice = await robin.ssrc()
  const knowing = await botWith(t, [{ type: 'audio', rid: 'sound', quality: 100 }])
  const other = await botWith(t, [])
  await robin.press('Share screen')
  const tone = await toneAt(kim, voice)
  await untilFits(
    'frames at the bot',
    () => knowing.get(tone) ?? 0,
    frames => frames > 20,
  )
  await untilFits(
    'frames of the voice at the other',
    () => other.get(voice) ?? 0,
    frames => frames > 20,
  )
  assert.equal(other.get(tone), undefined)
})
