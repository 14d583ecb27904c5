// The controls of a call in the playground, in Chromium: pictures and their quality, screens, devices, sound; on a desktop and on a phone.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Page } from 'playwright-core'
import { withoutChromium } from './chromium.ts'
import { QuietScene } from './playground-scene.ts'
import { arriving, type Tab } from './playground-tab.ts'
import { untilFits } from './until.ts'

const OPTIONS = { timeout: 120_000, skip: withoutChromium() }
const PHONE = { width: 360, height: 740 }
/** Pixels in each direction that a finger needs (WCAG 2.2, 2.5.8 asks for 24). */
const FINGER = 40

// The second and third camera have formats of their own.
const scene = new QuietScene(OPTIONS.skip, '--use-fake-device-for-media-stream=device-count=4')
const { open, joined } = scene.openers

const tileOf = ({ page }: Tab, name: string, role = 'camera') =>
  page.locator(`[data-testid="tile"][data-name="${name}"][data-role="${role}"]`)

/** What the node sends the only viewer of a camera: the numbers of its wanted and current layer. */
function viewed(): { wanted: number; current: number } | undefined {
  const { sessions } = scene.demo.server.inspect()
  return sessions.flatMap(({ views }) => views)[0] as ReturnType<typeof viewed>
}

/** Widths of the received pictures. */
const widths = async (tab: Tab): Promise<(number | undefined)[]> =>
  (await tab.stats())
    .filter(({ type, kind }) => type === 'inbound-rtp' && kind === 'video')
    .map(({ frameWidth }) => frameWidth)

const sees = (tab: Tab, width: number) =>
  untilFits(
    `a picture of ${width} pixels`,
    () => widths(tab),
    found => found.includes(width),
  )

test(
  'the quality menu decides which layer the node sends, and switches a picture off and on',
  OPTIONS,
  async context => {
    const [robin, kim] = [await joined(context, 'Robin'), await joined(context, 'Kim')]
    await robin.press('Camera')
    await kim.page.getByLabel('Camera of Robin').waitFor()
    const menu = kim.page.getByRole('combobox', { name: 'Quality of Robin' })
    const gets = (quality: string, wanted: number) =>
      untilFits(`${quality} at the node`, viewed, view => view?.wanted === wanted && view.current === wanted)
    await menu.selectOption('High')
    await gets('high quality', 1)
    await sees(kim, 480)
    await menu.selectOption('Low')
    await gets('low quality', 0)
    await sees(kim, 240)
    await menu.selectOption('Off')
    await gets('no picture', -1)
    await tileOf(kim, 'Robin').filter({ hasText: 'picture off' }).waitFor()
    assert.equal(await kim.page.getByLabel('Camera of Robin').count(), 0)
    const before = await kim.framesDecoded()
    await menu.selectOption('Auto')
    await kim.page.getByLabel('Camera of Robin').waitFor()
    await untilFits(
      'frames again',
      () => kim.framesDecoded(),
      frames => frames > before + 10,
    )
    assert.deepEqual([...robin.errors, ...kim.errors], [])
  },
)

test(
  'a click on a picture pins it: it is the largest, and its better layer is sent; the tile of who speaks is marked',
  OPTIONS,
  async context => {
    const [robin, kim] = [await joined(context, 'Robin'), await joined(context, 'Kim')]
    await robin.press('Camera')
    await kim.page.getByLabel('Camera of Robin').waitFor()
    await kim.page.locator('.tile.speaking[data-name="Robin"]').waitFor()
    await untilFits('the lower layer of a small picture', viewed, view => view?.wanted === 0)
    const tile = tileOf(kim, 'Robin')
    const widthOf = async (of: typeof tile) => (await of.boundingBox())!.width
    const small = await widthOf(tile)
    await tile.click()
    await kim.page.getByRole('button', { name: 'Unpin Robin', pressed: true }).waitFor()
    await untilFits('the better layer of a large picture', viewed, view => view?.wanted === 1 && view.current === 1)
    await sees(kim, 480)
    assert.ok((await widthOf(tile)) > 1.5 * small)
    assert.ok((await widthOf(tile)) > 2 * (await widthOf(tileOf(kim, 'Kim'))))
    await kim.page.getByRole('button', { name: 'Unpin Robin' }).focus()
    await kim.page.keyboard.press('Enter')
    await untilFits('the lower layer again', viewed, view => view?.wanted === 0)
    assert.equal(Math.round(await widthOf(tile)), Math.round(small))
  },
)

test('layers, bit rates and the estimate are shown over the pictures on request', OPTIONS, async context => {
  const [robin, kim] = [await joined(context, 'Robin'), await joined(context, 'Kim')]
  await robin.press('Camera')
  await kim.page.getByLabel('Camera of Robin').waitFor()
  await kim.press('Layers')
  const rows = tileOf(kim, 'Robin').getByTestId('layers')
  await rows.filter({ hasText: /Layer\s*1 of 2[\s\S]*Wanted\s*1[\s\S]*Target\s*1/ }).waitFor()
  await rows
    .filter({ hasText: /Sent\s*\d+ kbit\/s[\s\S]*Estimate[\s\S]*Picture\s*240×13[456], \d+ fps, \w+/ })
    .waitFor()
  await robin.press('Layers')
  await tileOf(robin, 'Robin')
    .getByTestId('layers')
    .filter({ hasText: /Layer 50\s*240×13[456]/ })
    .waitFor()
  await kim.press('Layers')
  await rows.waitFor({ state: 'detached' })
})

test(
  'a screen is a second picture of its member, until it is stopped in the page or by the browser',
  OPTIONS,
  async context => {
    const script = `;{
    const share = MediaDevices.prototype.getDisplayMedia
    MediaDevices.prototype.getDisplayMedia = function () {
      return share.call(this, { video: { width: 640, height: 360, frameRate: 10 } })
    }
  }`
    const [robin, kim] = [await joined(context, 'Robin', { script }), await joined(context, 'Kim')]
    await robin.press('Camera')
    await kim.page.getByLabel('Camera of Robin').waitFor()
    await robin.press('Share screen')
    await kim.page.getByLabel('Screen of Robin', { exact: true }).waitFor()
    const frames = async () => {
      const videos = (await kim.stats()).filter(({ type, kind }) => type === 'inbound-rtp' && kind === 'video')
      return videos.map(({ framesDecoded = 0 }) => framesDecoded)
    }
    await untilFits('both pictures', frames, found => found.length === 2 && found.every(count => count > 10))
    await robin.page.getByRole('button', { name: 'Stop sharing' }).waitFor()
    // The browser's own button ends the track.
    await robin.page.evaluate(
      `document.querySelector('[aria-label="Screen of Robin"]').srcObject.getTracks()[0].dispatchEvent(new Event('ended'))`,
    )
    await kim.page.getByLabel('Screen of Robin', { exact: true }).waitFor({ state: 'detached' })
    assert.equal(await kim.page.getByLabel('Camera of Robin').count(), 1)
    await robin.press('Share screen')
    await kim.page.getByLabel('Screen of Robin', { exact: true }).waitFor()
    await robin.press('Stop sharing')
    await kim.page.getByLabel('Screen of Robin', { exact: true }).waitFor({ state: 'detached' })
    assert.deepEqual([...robin.errors, ...kim.errors], [])
  },
)

test(
  'a deafened tab is sent no sound and sends none; undeafening restores the previous mute state',
  OPTIONS,
  async context => {
    const [robin, kim] = [await joined(context, 'Robin'), await joined(context, 'Kim')]
    const ssrc = await kim.ssrc()
    const flows = (isFlowing: boolean) =>
      untilFits(
        isFlowing ? 'packets of Kim' : 'no packets of Kim',
        () => arriving(robin, ssrc),
        count => count > 5 === isFlowing,
      )
    await flows(true)
    await robin.press('Deafen')
    await robin.shows('Robin', 'muted')
    await kim.shows('Robin', 'listening')
    await flows(false)
    await robin.page.keyboard.press('d')
    await kim.shows('Robin', 'speaking')
    await flows(true)
    await robin.press('Mute me')
    await robin.press('Deafen')
    await robin.press('Undeafen')
    await robin.shows('Robin', 'muted')
  },
)

/** The loudest sample that the page plays within two periods of the tone. */
const peak = (page: Page): Promise<number> =>
  page.evaluate<number>(`(async () => {
    const stream = globalThis.players.find(({ muted, srcObject }) => !muted && srcObject?.active).srcObject
    globalThis.listening ??= new AudioContext()
    const analyser = new AnalyserNode(globalThis.listening, { fftSize: 32768 })
    globalThis.listening.createMediaStreamSource(stream).connect(analyser)
    const samples = new Float32Array(analyser.fftSize)
    let most = 0
    for (const end = performance.now() + 2_800; performance.now() < end; ) {
      await new Promise(resolve => setTimeout(resolve, 200))
      analyser.getFloatTimeDomainData(samples)
      for (const sample of samples) most = Math.max(most, Math.abs(sample))
    }
    return most
  })()`)

/** Records the page's audio elements. */
const KEEP_PLAYERS = `;
  globalThis.players = []
  globalThis.Audio = class extends Audio {
    constructor() {
      super()
      globalThis.players.push(this)
    }
  }`

test('a member can be played twice as loud, and one that is not played is not received', OPTIONS, async context => {
  const robin = await joined(context, 'Robin', { script: KEEP_PLAYERS })
  const kim = await open(context, 'Kim')
  await kim.join('Tone')
  await robin.shows('Kim', 'speaking')
  const slider = robin.page.getByRole('slider', { name: 'Volume of Kim' })
  const plain = await untilFits(
    'the tone',
    () => peak(robin.page),
    value => value > 0.05,
  )
  await slider.focus()
  await robin.page.keyboard.press('End')
  assert.equal(await slider.inputValue(), '200')
  const ratio = (await peak(robin.page)) / plain
  assert.ok(ratio > 1.6 && ratio < 2.4, `${ratio} times as loud`)
  const ssrc = await kim.ssrc()
  await robin.page.keyboard.press('Home')
  await untilFits(
    'no packets of Kim',
    () => arriving(robin, ssrc),
    count => count === 0,
  )
  await robin.page.keyboard.press('PageUp')
  await untilFits(
    'packets of Kim',
    () => arriving(robin, ssrc),
    count => count > 5,
  )
})

/** Records the devices that the page opens. */
const KEEP_DEVICES = `;{
  globalThis.opened = []
  const open = MediaDevices.prototype.getUserMedia
  MediaDevices.prototype.getUserMedia = async function (what) {
    const stream = await open.call(this, what)
    for (const track of stream.getTracks()) globalThis.opened.push(track.label)
    return stream
  }
}`

test(
  'the level of the microphone is shown before a call and in it, and every device can be chosen',
  OPTIONS,
  async context => {
    const robin = await open(context, 'Robin', { script: KEEP_PLAYERS + KEEP_DEVICES })
    const { page } = robin
    await page.getByText('Devices and input level').click()
    const level = () => page.evaluate<number>(`document.querySelector('meter').value`)
    await untilFits('the level before the call', level, value => value > 10)
    const choose = async (kind: string) => {
      const menu = page.getByRole('combobox', { name: kind })
      await untilFits(
        `devices of ${kind}`,
        () => menu.locator('option').count(),
        count => count > 2,
      )
      const name = (await menu.locator('option').last().innerText()).trim()
      await menu.selectOption(name)
      return name
    }
    const opens = (name: string) =>
      untilFits(
        name,
        () => page.evaluate<string>('globalThis.opened.at(-1)'),
        last => last === name,
      )
    await opens(await choose('Microphone'))
    await robin.join('Microphone')
    const kim = await joined(context, 'Kim')
    await kim.shows('Robin', 'speaking')
    await untilFits('the level in the call', level, value => value > 10)
    await robin.press('Camera')
    await kim.page.getByLabel('Camera of Robin').waitFor()
    await robin.press('Devices')
    await opens(await choose('Camera'))
    const before = await kim.framesDecoded()
    await untilFits(
      'frames of the other camera',
      () => kim.framesDecoded(),
      frames => frames > before + 10,
    )
    const speaker = await choose('Speaker')
    const isOnSpeaker = `(async () => {
    const devices = await navigator.mediaDevices.enumerateDevices()
    const { deviceId } = devices.find(({ kind, label }) => kind === 'audiooutput' && label === ${JSON.stringify(speaker)})
    return globalThis.players.some(({ muted, sinkId }) => !muted && sinkId === deviceId)
  })()`
    await untilFits('the speaker', () => page.evaluate<boolean>(isOnSpeaker), Boolean)
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    assert.deepEqual([...robin.errors, ...kim.errors], [])
  },
)

test('on a phone nothing is wider than the screen, and a finger reaches every control', OPTIONS, async context => {
  const phone = await open(context, 'Kim', { size: PHONE, touch: true })
  const { page } = phone
  const fits = async (where: string) => {
    const width = await page.evaluate<number>('document.documentElement.scrollWidth')
    assert.ok(width <= PHONE.width, `${where} is ${width} pixels wide`)
    const cut = await page.evaluate<string[]>(`[...document.querySelectorAll('button, select, input, h2, .tile')]
      .filter(each => each.checkVisibility() && each.getBoundingClientRect().width > 1)
      .filter(each => { const { left, right } = each.getBoundingClientRect(); return left < 0 || right > ${PHONE.width} })
      .map(each => each.ariaLabel ?? each.innerText)`)
    assert.deepEqual(cut, [], where)
  }
  await fits('the join form')
  await page.getByText('Devices and input level').tap()
  await fits('the join form with devices')
  await phone.join()
  const robin = await joined(context, 'Robin')
  await robin.press('Camera')
  await phone.press('Camera')
  await page.getByLabel('Camera of Robin').waitFor()
  await fits('a call')
  const controls = page.getByRole('region', { name: 'Your controls' }).getByRole('button')
  assert.ok((await controls.count()) >= 5)
  for (const control of await controls.all()) {
    const { width, height, y } = (await control.boundingBox())!
    const name = (await control.textContent()) ?? ''
    assert.ok(width >= FINGER && height >= FINGER, `${name} is ${width} by ${height}`)
    assert.ok(y + height <= PHONE.height, `${name} is below the screen`)
  }
  await tileOf(phone, 'Robin').tap()
  await page.getByRole('button', { name: 'Unpin Robin' }).waitFor()
  assert.ok((await tileOf(phone, 'Robin').boundingBox())!.width > 0.9 * (PHONE.width - 24))
  await phone.press('Layers')
  await tileOf(phone, 'Robin').getByTestId('layers').waitFor()
  await fits('a call with a pinned picture and layers')
  await phone.press('Devices')
  await fits('the devices')
  await page.getByRole('button', { name: 'Done' }).tap()
  assert.deepEqual([...robin.errors, ...phone.errors], [])
})
