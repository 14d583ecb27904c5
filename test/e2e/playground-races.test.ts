// The playground when the user decides otherwise before a server, a browser or a device has answered; in Chromium.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withoutChromium } from './chromium.ts'
import { QuietScene } from './playground-scene.ts'
import type { Tab } from './playground-tab.ts'
import { until, untilFits } from './until.ts'

const OPTIONS = { timeout: 90_000, skip: withoutChromium() }

const scene = new QuietScene(OPTIONS.skip, '--use-fake-device-for-media-stream=device-count=2')
const { open, joined } = scene.openers

/** Responses to requests that `holds` matches wait for `release`. */
const HOLD_RESPONSES = `;{
  const ask = globalThis.fetch
  const held = []
  globalThis.holds = undefined
  globalThis.release = () => {
    globalThis.holds = undefined
    for (const go of held.splice(0)) go()
  }
  globalThis.fetch = async (...request) => {
    const response = await ask(...request)
    if (globalThis.holds?.test(String(request[0]))) await new Promise(resolve => held.push(resolve))
    return response
  }
}`

/** Cameras and screens wait for `allow` while `asks` is true, and are in `given`. */
const HOLD_DEVICES = `;{
  const waiting = []
  globalThis.given = []
  globalThis.asks = false
  globalThis.allow = () => {
    globalThis.asks = false
    for (const go of waiting.splice(0)) go()
  }
  for (const name of ['getUserMedia', 'getDisplayMedia']) {
    const open = MediaDevices.prototype[name]
    MediaDevices.prototype[name] = async function (what) {
      if (globalThis.asks) await new Promise(resolve => waiting.push(resolve))
      const stream = await open.call(this, name === 'getUserMedia' ? what : { video: { width: 320, height: 180 } })
      globalThis.given.push(stream)
      return stream
    }
  }
}`

const connections = (tab: Tab) => tab.page.evaluate<number>('globalThis.connections.length')

/** Requests of the page to leave. */
function departures(tab: Tab): string[] {
  const found: string[] = []
  tab.page.on('request', request => request.url().endsWith('api/leave') && found.push(request.url()))
  return found
}

test('a user that leaves before the demo has answered does not join, and is not kept by the demo', OPTIONS, async t => {
  const robin = await open(t, 'Robin', { script: HOLD_RESPONSES })
  const left = departures(robin)
  await robin.page.evaluate('void (globalThis.holds = /api.join/)')
  await robin.press('Join')
  await robin.says('Joining')
  await robin.press('Leave')
  await robin.says('Not in a channel')
  await robin.page.evaluate('globalThis.release()')
  await until('the request to leave', () => left.length === 1)
  await robin.says('Not in a channel')
  assert.equal(await connections(robin), 0)
  await robin.join()
  assert.deepEqual(robin.errors, [])
})

test('a user that leaves while it is moved does not join the other channel', OPTIONS, async t => {
  const robin = await joined(t, 'Robin', { script: HOLD_RESPONSES })
  const left = departures(robin)
  await robin.page.evaluate('void (globalThis.holds = /api.rejoin/)')
  const rejoins = robin.page.waitForResponse(/api.rejoin/)
  await robin.press('Move Robin to Side talk')
  await rejoins
  await robin.press('Leave')
  await robin.says('Not in a channel')
  await robin.page.evaluate('globalThis.release()')
  await until('the second request to leave', () => left.length === 2)
  await robin.says('Not in a channel')
  assert.equal(await connections(robin), 1)
})

test('the end of a call that was left has no effect on the next one', OPTIONS, async t => {
  const [robin, kim] = [await joined(t, 'Robin', { script: HOLD_RESPONSES }), await joined(t, 'Kim')]
  await robin.page.evaluate('void (globalThis.holds = /readyz/)')
  await robin.press('Leave')
  await robin.says('Not in a channel')
  await robin.join()
  await robin.page.evaluate('globalThis.release()')
  await kim.shows('Robin', 'speaking')
  await kim.shows('Robin', 'listening')
  await kim.shows('Robin', 'speaking')
  await robin.says('Connected')
})

test('a camera and a screen that are allowed after their call was left are closed', OPTIONS, async t => {
  const robin = await open(t, 'Robin', { script: HOLD_DEVICES })
  await robin.join('Tone')
  await robin.page.evaluate('void (globalThis.asks = true)')
  await robin.press('Camera')
  await robin.press('Share screen')
  await robin.press('Leave')
  await robin.join('Tone')
  await robin.page.evaluate('globalThis.allow()')
  await untilFits(
    'both to be closed',
    () =>
      robin.page.evaluate<string[]>(
        `globalThis.given.flatMap(each => each.getTracks()).map(track => track.readyState)`,
      ),
    states => states.length === 2 && states.every(state => state === 'ended'),
  )
  assert.equal(await robin.page.getByRole('button', { name: 'Camera off' }).count(), 0)
  assert.equal(await robin.page.getByRole('button', { name: 'Stop sharing' }).count(), 0)
})

test('a camera that is switched off while another one opens stays off', OPTIONS, async t => {
  const robin = await open(t, 'Robin', { script: HOLD_DEVICES })
  await robin.join('Tone')
  await robin.press('Camera')
  await robin.page.getByLabel('Camera of Robin').waitFor()
  await robin.press('Devices')
  await robin.page.evaluate('void (globalThis.asks = true)')
  await robin.page.getByRole('combobox', { name: 'Camera', exact: true }).selectOption({ index: 2 })
  await robin.press('Done')
  await robin.press('Camera off')
  await robin.page.evaluate('globalThis.allow()')
  await untilFits(
    'both cameras to be closed',
    () => robin.page.evaluate<string[]>(`globalThis.given.map(each => each.getTracks()[0].readyState)`),
    states => states.length === 2 && states.every(state => state === 'ended'),
  )
  assert.equal(await robin.page.getByLabel('Camera of Robin').count(), 0)
})

test('a tone that was chosen while the microphone waited for permission stays if that is denied', OPTIONS, async t => {
  const script = `;MediaDevices.prototype.getUserMedia = () => new Promise((_, reject) => {
    globalThis.deny = () => reject(new DOMException('denied', 'NotAllowedError'))
  })`
  const robin = await open(t, 'Robin', { script })
  await robin.join('Microphone')
  await robin.press('Devices')
  await robin.page.getByText('Tone', { exact: true }).click()
  await robin.page.evaluate('globalThis.deny()')
  // Shows the choice as it is after the denial.
  await robin.press('Done')
  await robin.press('Devices')
  await robin.shows('Robin', 'speaking')
  assert.equal(await robin.page.getByRole('radio', { name: 'Tone' }).isChecked(), true)
  assert.equal(await robin.page.getByTestId('problem').count(), 0)
})

test('a sound that cannot be loaded is not shown as the one that is sent', OPTIONS, async t => {
  const robin = await open(t, 'Robin')
  await robin.page.route('**/speech/*', route => route.abort())
  await robin.join('Tone')
  await robin.press('Devices')
  await robin.page.getByText('Speech', { exact: true }).click()
  assert.match(await robin.problem(), /This sound cannot be played/)
  assert.equal(await robin.page.getByRole('radio', { name: 'Tone' }).isChecked(), true)
  await robin.shows('Robin', 'speaking')
})

test('a demo that does not answer is asked for the overview once', OPTIONS, async t => {
  const script = `;{
    const repeat = globalThis.setInterval
    globalThis.looks = 0
    globalThis.setInterval = (run, time, ...more) =>
      time === 1_500 ? repeat(() => { globalThis.looks++; run() }, 10) : repeat(run, time, ...more)
  }`
  const robin = await open(t, 'Robin', { script })
  let requests = 0
  await robin.page.route('**/api/call', () => void requests++)
  await untilFits(
    'a hundred intervals',
    () => robin.page.evaluate<number>('globalThis.looks'),
    looks => looks > 100,
  )
  requests = 0
  await robin.page.evaluate('void (globalThis.looks = 0)')
  await untilFits(
    'a hundred more',
    () => robin.page.evaluate<number>('globalThis.looks'),
    looks => looks > 100,
  )
  assert.equal(requests, 0)
})
