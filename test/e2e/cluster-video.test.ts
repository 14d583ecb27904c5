// Video of a real browser through two fronts: the camera on a channel that one front placed, while the backend uses the other one; and after
// a drain has moved the channel.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { GrantedVoiceState, VideoSource, VideoView } from '@parley/client'
import { parley } from './admin-command.ts'
import { openChromium, withoutChromium } from './chromium.ts'
import { ClusterBackend, ClusterScene, GUILD } from './cluster-scene.ts'
import { missingNats } from './nats-server.ts'
import { until } from './until.ts'
import { watched } from './watched-camera.ts'
import type { WebMember, WebPage } from './web-member.ts'
import { joinFrom, servePage } from './web-pages.ts'

const CHANNEL = '500'
const ANA = '6001'
const CYD = '6002'
const LAYERS = [
  { rid: 'h', quality: 100, scale: 1, maxBitrate: 700_000 },
  { rid: 'l', quality: 50, scale: 2, maxBitrate: 200_000 },
]
const { decoded } = watched(ANA)

/** A user in a page, who connects again with each grant that was not asked for. */
class Caller {
  readonly #page: WebPage
  readonly #layers: object
  #member: WebMember | undefined
  endpoint = ''

  constructor(page: WebPage, layers: object) {
    this.#page = page
    this.#layers = layers
  }

  get member(): WebMember {
    assert.ok(this.#member)
    return this.#member
  }

  async connect({ endpoint = '', token = '', userId, sessionId }: GrantedVoiceState): Promise<void> {
    await this.#member?.evaluate('client.close()')
    const credentials = { serverId: GUILD, channelId: CHANNEL, userId, sessionId, token }
    this.#member = await joinFrom(this.#page, `wss://${endpoint}/`, credentials, { video: 'VP8', ...this.#layers })
    this.endpoint = endpoint
  }
}

async function openPages(t: TestContext): Promise<WebPage[]> {
  const origin = await servePage(t)
  const browser = await openChromium('--autoplay-policy=no-user-gesture-required', '--ignore-certificate-errors')
  t.after(() => browser.close())
  const pages = [await browser.newPage(), await browser.newPage()]
  for (const page of pages) {
    page.on('pageerror', error => t.diagnostic(String(error)))
    await page.goto(origin)
  }
  return pages
}

test('a camera on a channel that another front placed is reported, and seen again after a drain moved it', {
  skip: missingNats || withoutChromium(),
  timeout: 300_000,
}, async t => {
  const scene = await ClusterScene.open(t)
  const node = await scene.node('n1')
  const placing = await scene.front('f1')
  const { address, socket } = await scene.administeredFront('f2')
  const backend = await ClusterBackend.connect(t, placing.address)
  await backend.client.requestChannel({ guildId: GUILD, channelId: CHANNEL })
  await backend.moveTo(address)
  const sources: VideoSource[] = []
  const views: VideoView[] = []
  backend.client.on('videoSource', each => void sources.push(each))
  backend.client.on('videoView', each => void views.push(each))
  const [first, second] = await openPages(t)
  const [ana, cyd] = [new Caller(first!, { layers: LAYERS }), new Caller(second!, {})]
  for (const [userId, caller] of [
    [ANA, ana],
    [CYD, cyd],
  ] as const) {
    await caller.connect(await backend.client.createVoiceState({ guildId: GUILD, channelId: CHANNEL, userId }))
    backend.users.set(userId, caller)
  }
  const isReported = (since: number) =>
    sources.slice(since).some(each => each.userId === ANA && each.state === 'live' && each.viewers > 0)
  const isViewed = (since: number) =>
    views
      .slice(since)
      .some(each => each.userId === CYD && each.senderId === ANA && each.current >= 0 && each.layers === 2)

  await cyd.member.until('the picture', stats => decoded(stats) > 30)
  assert.equal(cyd.endpoint, node.address)
  await until('the camera at the backend', () => isReported(0) && isViewed(0))

  const other = await scene.node('n2')
  const before = [sources.length, views.length] as const
  await parley(socket, 'parley cluster drain n1 --deadline 10m')
  await until('the grants of the other node', () => [ana, cyd].every(({ endpoint }) => endpoint === other.address))
  await cyd.member.until('the picture on the other node', stats => decoded(stats) > 30)
  await until('the camera on the other node at the backend', () => isReported(before[0]) && isViewed(before[1]))
  const states = sources
    .slice(before[0])
    .filter(({ userId }) => userId === ANA)
    .map(({ state }) => state)
  assert.ok(states.includes('ended') && states.indexOf('ended') < states.lastIndexOf('live'), states.join())
})
