// The playground when a device is unplugged in a call; in Chromium.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withoutChromium } from './chromium.ts'
import { QuietScene } from './playground-scene.ts'
import type { Tab } from './playground-tab.ts'
import { untilFits } from './until.ts'

const OPTIONS = { timeout: 90_000, skip: withoutChromium() }

const scene = new QuietScene(OPTIONS.skip)
const { joined } = scene.openers

/** Keeps what the page opens in `given`; rejects with the error that `failure` names. */
const KEEP_DEVICES = `;{
  globalThis.given = []
  globalThis.failure = undefined
  const open = MediaDevices.prototype.getUserMedia
  MediaDevices.prototype.getUserMedia = async function (what) {
    if (globalThis.failure !== undefined) throw new DOMException('', globalThis.failure)
    const stream = await open.call(this, what)
    globalThis.given.push(stream)
    return stream
  }
}`

/** What the browser does when the device of the newest stream is unplugged. */
const UNPLUG = `{
  const [track] = globalThis.given.at(-1).getTracks()
  track.stop()
  track.dispatchEvent(new Event('ended'))
}`

const given = ({ page }: Tab) => page.evaluate<number>('globalThis.given.length')

test(
  'another microphone stands in for one that was unplugged; where there is none, the page says so',
  OPTIONS,
  async t => {
    const robin = await joined(t, 'Robin', { script: KEEP_DEVICES })
    await robin.press('Devices')
    await robin.page.getByText('Microphone', { exact: true }).first().click()
    const opens = (count: number) =>
      untilFits(
        `${count} microphones`,
        () => given(robin),
        found => found === count,
      )
    await opens(1)
    await robin.page.evaluate(UNPLUG)
    await opens(2)
    const isLive = `globalThis.given[1].getTracks()[0].readyState === 'live'`
    assert.equal(await robin.page.evaluate(isLive), true)
    assert.equal(await robin.page.getByTestId('problem').count(), 0)
    await robin.page.evaluate(`globalThis.failure = 'NotFoundError'`)
    await robin.page.evaluate(UNPLUG)
    assert.match(await robin.problem(), /There is no microphone/)
    assert.equal(await robin.page.getByRole('radio', { name: 'Speech' }).isChecked(), true)
  },
)

test('a camera that was unplugged is off, for its user and for others', OPTIONS, async t => {
  const [robin, kim] = [await joined(t, 'Robin', { script: KEEP_DEVICES }), await joined(t, 'Kim')]
  await robin.press('Camera')
  await kim.page.getByLabel('Camera of Robin').waitFor()
  await robin.page.evaluate(UNPLUG)
  await kim.page.getByLabel('Camera of Robin').waitFor({ state: 'detached' })
  assert.match(await robin.problem(), /The camera is gone/)
  await robin.press('Camera')
  await kim.page.getByLabel('Camera of Robin').waitFor()
})

test('a microphone that the page cannot use is closed', OPTIONS, async t => {
  const robin = await joined(t, 'Robin', { script: KEEP_DEVICES })
  await robin.page.evaluate(`AudioContext.prototype.createMediaStreamSource = () => {
    throw new DOMException('', 'NotSupportedError')
  }`)
  await robin.press('Devices')
  await robin.page.getByText('Microphone', { exact: true }).first().click()
  await untilFits(
    'the microphone to be closed',
    () => robin.page.evaluate<string[]>(`globalThis.given.map(each => each.getTracks()[0].readyState)`),
    states => states.join() === 'ended',
  )
})

test('the default speaker stands in for one that was unplugged, until it returns', OPTIONS, async t => {
  const script = `;{
    globalThis.players = []
    globalThis.Audio = class extends Audio {
      constructor() {
        super()
        globalThis.players.push(this)
      }
    }
    HTMLMediaElement.prototype.setSinkId = async function (id) { this.speaker = id }
    globalThis.speakers = ['a', 'b']
    const list = MediaDevices.prototype.enumerateDevices
    MediaDevices.prototype.enumerateDevices = async function () {
      const others = (await list.call(this)).filter(({ kind }) => kind !== 'audiooutput')
      return [...others, ...globalThis.speakers.map(deviceId => ({ kind: 'audiooutput', deviceId, label: deviceId }))]
    }
    globalThis.plug = speakers => {
      globalThis.speakers = speakers
      navigator.mediaDevices.dispatchEvent(new Event('devicechange'))
    }
  }`
  const [robin, kim] = [await joined(t, 'Robin', { script }), await joined(t, 'Kim')]
  await robin.shows('Kim', 'speaking')
  const speaks = (id: string) =>
    untilFits(
      `the speaker ${id}`,
      () => robin.page.evaluate<string>(`globalThis.players.find(({ muted }) => !muted).speaker ?? ''`),
      found => found === id,
    )
  await robin.press('Devices')
  const menu = robin.page.getByRole('combobox', { name: 'Speaker', exact: true })
  await menu.selectOption('b')
  await speaks('b')
  await robin.page.evaluate(`globalThis.plug(['a'])`)
  await speaks('')
  assert.equal(await menu.inputValue(), '')
  await robin.page.evaluate(`globalThis.plug(['a', 'b'])`)
  await speaks('b')
  assert.deepEqual([...robin.errors, ...kim.errors], [])
})
