// The playground when a node drains or stops, when packets do not arrive and while a microphone is being allowed; and its use
// without a mouse.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { Locator } from 'playwright-core'
import { withoutChromium } from './chromium.ts'
import { ParleyProcess } from './parley-process.ts'
import { openQuietDemo, QuietScene } from './playground-scene.ts'
import { UdpPath } from './udp-path.ts'
import { untilFits } from './until.ts'

/** ICE consent expires, and the browser gives up: half a minute. */
const LONG = { timeout: 120_000, skip: withoutChromium() }
const OPTIONS = { timeout: 90_000, skip: withoutChromium() }

/** Packets during the suspension of a tab, of fifty a second: a spike shows all of them. */
const SUSPENDED = 300

const scene = new QuietScene(OPTIONS.skip)
const { open } = scene.openers

// Both tests mostly wait, so they run at the same time.
describe('an unavailable node', { concurrency: true }, () => {
  test(
    'a draining node is reported to a user that opens a channel; a stopping node, to the users in a call',
    OPTIONS,
    async context => {
      const stopping = await openQuietDemo()
      context.after(() => stopping.close())
      const of = { of: stopping }
      const [robin, kim] = [await open(context, 'Robin', of), await open(context, 'Kim', of)]
      await robin.join()
      await kim.join()
      await robin.shows('Kim', 'speaking')
      const drained = stopping.server.drain(60_000)
      await robin.press('Move Kim to Side talk')
      assert.match(await robin.problem(), /This node is draining[\s\S]*accepts no new ones/)
      // The page listens for the key only after it has painted the notice.
      const hasClosed = async () => {
        await robin.page.keyboard.press('Escape')
        return (await robin.page.getByTestId('problem').count()) === 0
      }
      await untilFits('the notice to close', hasClosed, isClosed => isClosed)
      await kim.press('Leave')
      await robin.misses('Kim')
      await robin.says('Connected')
      await stopping.close()
      await drained
      assert.match(await robin.problem(), /This node is stopping/)
      await robin.says('Not in a channel')
    },
  )

  test(
    'after its node was killed the page says that the node does not respond, also after its media has failed',
    LONG,
    async context => {
      const folder = mkdtempSync(join(tmpdir(), 'parley-test-'))
      context.after(() => rmSync(folder, { recursive: true, force: true }))
      const killed = new ParleyProcess(['demo', '--port', '0', '--no-view'], { folder, t: context })
      const [url] = await killed.says(/http:\S+\/playground\//)
      const robin = await scene.openAt(context, url, 'Robin')
      await robin.join()
      killed.kill()
      await robin.says('the node does not respond')
      const states = `globalThis.connections.map(({ connectionState }) => connectionState)`
      const hasFailed = (found: string[]) => found.includes('failed')
      await untilFits('media to fail', () => robin.page.evaluate<string[]>(states), hasFailed, 60_000)
      await robin.says('Reconnecting')
      assert.match(await robin.problem(), /The node does not respond[\s\S]*stopped, or the network is down/)
      await robin.press('Leave')
      await robin.says('Not in a channel')
    },
  )

  test('the page reports that no packets arrive, and recovers when they do', OPTIONS, async context => {
    const path = await UdpPath.open(context, { node: scene.demo.server.mediaPort })
    const script = `;{
    const set = RTCPeerConnection.prototype.setRemoteDescription
    RTCPeerConnection.prototype.setRemoteDescription = function ({ type, sdp }) {
      return set.call(this, { type, sdp: sdp.replace(/(a=candidate:.* )\\d+( typ)/g, '$1${path.port}$2') })
    }
  }`
    const [robin, kim] = [await open(context, 'Robin', { script }), await open(context, 'Kim')]
    await robin.join()
    await kim.join()
    await robin.shows('Kim', 'speaking')
    path.isBroken = true
    await robin.says('no packets arrive')
    path.isBroken = false
    await robin.says('Connected')
    const before = await kim.received()
    await untilFits(
      'packets of Robin',
      () => kim.received(),
      packets => [...packets].some(([ssrc, count]) => count > (before.get(ssrc) ?? 0) + 20),
    )
  })
})

test('the page says whether a call is encrypted end to end, and which clients prevent it', OPTIONS, async context => {
  const talking = await openQuietDemo()
  context.after(() => talking.close())
  await talking.call.start()
  const of = { of: talking, script: ';delete globalThis.RTCRtpScriptTransform' }
  const robin = await open(context, 'Robin', of)
  const calls = robin.page.getByTestId('calls')
  const shows = (what: Locator, text: string | RegExp) => what.filter({ hasText: text }).waitFor()
  await shows(calls, /Encrypted end to end, privacy code (\d{5} )+\d{5}\./)
  assert.equal(
    /code ([\d ]+)/.exec(await calls.innerText())?.[1]?.replaceAll(' ', ''),
    talking.call.snapshot.privacyCode,
  )
  await robin.join()
  await shows(
    robin.page.getByTestId('transport'),
    'Not encrypted end to end: this browser has no RTCRtpScriptTransform',
  )
  const kim = await open(context, 'Kim', of)
  await shows(kim.page.getByTestId('calls'), 'Not encrypted end to end: Robin does not support DAVE')
  await kim.join()
  await shows(robin.page.getByTestId('transport'), 'Not encrypted end to end: you and Kim do not support DAVE')
})

test('a tab that was suspended with pending statistics shows no spike afterwards', OPTIONS, async context => {
  const script = `;{
    const read = RTCPeerConnection.prototype.getStats
    globalThis.resumed = Promise.resolve()
    RTCPeerConnection.prototype.getStats = async function () {
      const report = await read.call(this)
      await globalThis.resumed
      return report
    }
  }`
  const [robin, kim] = [await open(context, 'Robin', { script }), await open(context, 'Kim')]
  await robin.join()
  await kim.join()
  const rate = robin.page.getByTestId('Packets per second')
  const incoming = async () => Number(/(\d+) in/.exec(await rate.innerText())?.[1] ?? 0)
  await untilFits('packets of Kim', incoming, packets => packets > 25)
  await robin.page.evaluate(`void (globalThis.resumed = new Promise(resolve => { globalThis.resume = resolve }))`)
  const kimSends = async (packets: number) => {
    const before = await kim.packetsSent()
    await untilFits(
      `Kim to send ${packets}`,
      () => kim.packetsSent(),
      sent => sent > before + packets,
    )
  }
  await kimSends(SUSPENDED)
  await robin.page.evaluate(`{
    const element = document.querySelector('[data-testid="Packets per second"]')
    globalThis.shown = [element.innerText]
    new MutationObserver(() => globalThis.shown.push(element.innerText))
      .observe(element, { characterData: true, childList: true, subtree: true })
    globalThis.resume()
  }`)
  await kimSends(150)
  const shown = await robin.page.evaluate<string[]>('globalThis.shown')
  for (const text of shown) assert.ok(Number(/(\d+) in/.exec(text)?.[1]) < SUSPENDED / 2, `the page showed ${text}`)
})

test('choosing speech while the microphone waits for permission sends speech', OPTIONS, async context => {
  const script = `;{
    const devices = navigator.mediaDevices
    const open = devices.getUserMedia.bind(devices)
    const allowed = new Promise(resolve => { globalThis.allow = resolve })
    devices.getUserMedia = async what => {
      globalThis.asked = true
      await allowed
      const stream = await open(what)
      globalThis.given = stream
      return stream
    }
  }`
  const robin = await open(context, 'Robin', { script })
  await robin.join('Microphone')
  await robin.press('Devices')
  await robin.page.getByText('Speech', { exact: true }).click()
  await robin.shows('Robin', 'speaking')
  assert.equal(await robin.page.evaluate('asked'), true)
  await robin.page.evaluate('allow()')
  const isEnded = () =>
    robin.page.evaluate<boolean>(`globalThis.given?.getTracks().every(track => track.readyState === 'ended')`)
  await untilFits('the release of the microphone', isEnded, Boolean)
})

test('Tab reaches every control of a call, and the focused control is visible', OPTIONS, async context => {
  const [robin, kim] = [await open(context, 'Robin'), await open(context, 'Kim')]
  await kim.join()
  await robin.join()
  await robin.shows('Kim', '')
  await robin.page.getByText('Encrypted', { exact: true }).waitFor()
  const reached: string[] = []
  for (let tabs = 0; tabs < 25 && reached.at(-1) !== 'Leave'; tabs++) {
    await robin.page.keyboard.press('Tab')
    const { name, isSeen } = await robin.page.evaluate<{ name: string; isSeen: boolean }>(`(() => {
      const element = document.activeElement
      const { outlineStyle, outlineWidth } = getComputedStyle(element)
      return {
        name: element.getAttribute('aria-label') ?? element.labels?.[0]?.innerText.trim() ?? element.innerText,
        isSeen: outlineStyle !== 'none' && Number.parseFloat(outlineWidth) >= 2,
      }
    })()`)
    assert.ok(isSeen, `${name} has no focus ring`)
    reached.push(name)
  }
  assert.deepEqual(reached, [
    ...['Encrypted', 'Layers', 'Pin Robin', 'Pin Kim'],
    ...['Server mute Robin', 'Move Robin to Side talk', 'Kick Robin'],
    ...['Verify Kim', 'Volume of Kim', 'Server mute Kim', 'Move Kim to Side talk', 'Kick Kim'],
    ...['Protocol trace', 'Mute me', 'Deafen', 'Camera', 'Share screen', 'Devices', 'Leave'],
  ])
  const step = async (key: string, times: number) => {
    for (let count = 0; count < times; count++) await robin.page.keyboard.press(key)
  }
  await step('Shift+Tab', 5)
  await robin.page.keyboard.press('Space')
  await robin.shows('Robin', 'muted')
  await step('Tab', 5)
  await robin.page.keyboard.press('Enter')
  await robin.says('Not in a channel')
})

test('the complete trace can be copied', OPTIONS, async context => {
  const robin = await open(context, 'Robin')
  await robin.page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
  await robin.join()
  await robin.page.getByText('Protocol trace').click()
  await robin.press('Copy all')
  await robin.page.getByText('Copied').waitFor()
  const copied = await robin.page.evaluate<string>('navigator.clipboard.readText()')
  assert.match(copied, /"op":2[\s\S]*media is connected/)
  assert.doesNotMatch(copied, /a=ice-pwd:[A-Za-z0-9+/]/)
})
