// The playground when its connections are lost and return; in Chromium.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withoutChromium } from './chromium.ts'
import { QuietScene } from './playground-scene.ts'
import { UdpPath } from './udp-path.ts'
import { untilFits } from './until.ts'

const OPTIONS = { timeout: 90_000, skip: withoutChromium() }
/** ICE consent expires, and the browser gives up: half a minute. */
const LONG = { timeout: 120_000, skip: withoutChromium() }

const scene = new QuietScene(OPTIONS.skip)
const { open, joined } = scene.openers

/** No new WebSocket opens while `isAway`. */
const KEEP_SOCKETS = `;{
  globalThis.isAway = false
  globalThis.WebSocket = class extends WebSocket {
    constructor(url) {
      super(url)
      globalThis.socket = this
      if (globalThis.isAway) this.close()
    }
  }
}`

test(
  'a camera that is switched on or off while the gateway is away is announced after the resume',
  OPTIONS,
  async t => {
    const [robin, kim] = [await joined(t, 'Robin', { script: KEEP_SOCKETS }), await joined(t, 'Kim')]
    const connections = await robin.page.evaluate<number>('globalThis.connections.length')
    const whileAway = async (press: string) => {
      await robin.page.evaluate('{ globalThis.isAway = true; globalThis.socket.close() }')
      await robin.says('Reconnecting')
      await robin.press(press)
      await robin.page
        .getByRole('button', { name: press === 'Camera' ? 'Camera off' : 'Camera', exact: true })
        .waitFor()
      await robin.page.evaluate('void (globalThis.isAway = false)')
      await robin.says('Connected')
    }
    await whileAway('Camera')
    await kim.page.getByLabel('Camera of Robin').waitFor()
    await whileAway('Camera off')
    await kim.page.getByLabel('Camera of Robin').waitFor({ state: 'detached' })
    assert.equal(await robin.page.evaluate('globalThis.connections.length'), connections, 'the session was resumed')
  },
)

test('media that was connected and fails is negotiated again', LONG, async t => {
  const path = await UdpPath.open(t, { node: scene.demo.server.mediaPort })
  const script = `;{
    const set = RTCPeerConnection.prototype.setRemoteDescription
    RTCPeerConnection.prototype.setRemoteDescription = function ({ type, sdp }) {
      return set.call(this, { type, sdp: sdp.replace(/(a=candidate:.* )\\d+( typ)/g, '$1${path.port}$2') })
    }
  }`
  const robin = await open(t, 'Robin', { script })
  await robin.join()
  const kim = await joined(t, 'Kim')
  await robin.shows('Kim', 'speaking')
  path.isBroken = true
  await untilFits(
    'a second connection',
    () => robin.page.evaluate<number>('globalThis.connections.length'),
    count => count === 2,
  )
  path.isBroken = false
  await robin.says('Connected')
  await untilFits(
    'packets of Robin',
    () => kim.received(),
    packets => [...packets.values()].some(count => count > 0),
  )
  const before = await kim.received()
  await untilFits(
    'more packets of Robin',
    () => kim.received(),
    packets => [...packets].some(([ssrc, count]) => count > (before.get(ssrc) ?? 0) + 20),
  )
  assert.equal(await robin.page.getByTestId('problem').count(), 0)
})
