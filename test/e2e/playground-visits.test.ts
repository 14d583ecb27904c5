// What the playground remembers from one visit to the next, and what it does while it is not seen; in Chromium.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withoutChromium } from './chromium.ts'
import { audible, QuietScene } from './playground-scene.ts'
import type { Tab } from './playground-tab.ts'
import { until, untilFits } from './until.ts'

const OPTIONS = { timeout: 120_000, skip: withoutChromium() }

const scene = new QuietScene(OPTIONS.skip, '--use-fake-device-for-media-stream=device-count=2')
const { open, joined } = scene.openers

const chosen = (tab: Tab, kind: string) => tab.page.getByRole('combobox', { name: kind, exact: true }).inputValue()

test(
  'devices, volumes and qualities are there on the next visit, and stored nonsense is not',
  OPTIONS,
  async context => {
    const [robin, kim] = [await joined(context, 'Robin'), await joined(context, 'Kim')]
    await kim.press('Camera')
    await robin.page.getByRole('combobox', { name: 'Quality of Kim' }).selectOption('Low')
    await robin.page.getByLabel('Volume of Kim').fill('40')
    // The camera's permission lets the page name its devices.
    await robin.press('Camera')
    await robin.press('Devices')
    const camera = robin.page.getByRole('combobox', { name: 'Camera', exact: true })
    await camera.selectOption({ index: 2 })
    const device = await camera.inputValue()
    assert.notEqual(device, '')
    await robin.page.reload()
    await robin.join()
    await robin.page.getByLabel('Camera of Kim').waitFor()
    assert.equal(await robin.page.getByRole('combobox', { name: 'Quality of Kim' }).inputValue(), 'low')
    assert.equal(await robin.page.getByLabel('Volume of Kim').inputValue(), '40')
    await robin.press('Devices')
    assert.equal(await chosen(robin, 'Camera'), device)

    await robin.page.evaluate(`for (const name of ['devices', 'volumes', 'qualities'])
    localStorage.setItem('parley.' + name, '[["camera",7],["x"],{"a":' + name)`)
    await robin.page.reload()
    await robin.join()
    assert.equal(await robin.page.getByLabel('Volume of Kim').inputValue(), '100')
    await robin.press('Devices')
    assert.equal(await chosen(robin, 'Camera'), '')
    assert.deepEqual(robin.errors, [])
  },
)

test('a device of an earlier visit that is gone is replaced by the default one', OPTIONS, async context => {
  const robin = await open(context, 'Robin')
  await robin.page.evaluate(`localStorage.setItem('parley.devices', '[["camera","gone"],["microphone","gone"]]')`)
  await robin.page.reload()
  await robin.join('Microphone')
  await robin.press('Camera')
  await robin.page.getByLabel('Camera of Robin').waitFor()
  assert.equal(await robin.page.getByTestId('problem').count(), 0)
  await robin.press('Devices')
  for (const kind of ['Camera', 'Microphone']) assert.equal(await chosen(robin, kind), '')
})

/** What the node sends the only viewer of a camera: the numbers of its wanted and current layer. */
const viewed = () => {
  const { sessions } = scene.demo.server.inspect()
  return sessions.flatMap(({ views }) => views)[0] as { wanted: number; current: number } | undefined
}

test('a page that is not seen receives no video but sound, and video again once it is seen', OPTIONS, async context => {
  const [robin, kim] = [await joined(context, 'Robin'), await joined(context, 'Kim')]
  await robin.press('Camera')
  await kim.page.getByLabel('Camera of Robin').waitFor()
  await until('the camera', () => (viewed()?.current ?? -1) >= 0)
  const turn = (state: string) =>
    kim.page.evaluate(`{
      Object.defineProperty(document, 'visibilityState', { configurable: true, value: '${state}' })
      document.dispatchEvent(new Event('visibilitychange'))
    }`)
  await turn('hidden')
  await until('no video', () => viewed()?.wanted === -1 && viewed()?.current === -1)
  await audible(kim, 1)
  const before = await kim.framesDecoded()
  await turn('visible')
  await until('the camera again', () => (viewed()?.current ?? -1) >= 0)
  await untilFits(
    'frames again',
    () => kim.framesDecoded(),
    frames => frames > before + 10,
  )
})
