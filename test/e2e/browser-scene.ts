// A node, its backend, and browsers whose pages run voice clients of the node.
import { readFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { LvspClient, VoiceClient, type VoiceClientOptions, type VoiceCredentials } from '@parley/client'
import { createServer } from '@parley/server'
import type { Browser } from 'playwright-core'
import { openChromium } from './chromium.ts'
import { Firefox } from './firefox.ts'
import { WebMember, type WebPage } from './web-member.ts'

const GUILD = '41771983423143937'
const CHANNEL = '127121515262115840'
const SCRIPTS = new Map(
  ['/web-client.mjs', '/web-sdp.mjs'].map(path => [path, readFileSync(new URL(path.slice(1), import.meta.url))]),
)

export interface SceneOptions {
  engine?: 'ffi' | 'portable' | undefined
  /** The address that the node's UDP port is bound to and announces. */
  mediaIp?: string | undefined
  /** Whether browsers receive a TCP candidate too. */
  tcp?: boolean | undefined
  /** On the ffi engine; each lane takes one member of the call. Default: one, which takes all. */
  lanes?: number | undefined
  /** Receives the lines of the node's log, from level `info`. Without it the node does not log. */
  log?: ((line: string) => void) | undefined
}

export interface WebOptions {
  flow?: 'discord' | 'spacebar' | undefined
  /** Preferred video codec. Without it the client sends no video. */
  video?: 'VP8' | 'VP9' | 'H264' | 'AV1' | undefined
  /** The scalability mode of AV1; `L1T1` if absent. */
  mode?: string | undefined
  /** Simulcast layers of the camera, named in its packets. */
  layers?: { rid: string; quality: number; scale: number; maxBitrate: number }[] | undefined
  /** UDP port to send to instead of the node's. */
  through?: number | undefined
  /** Milliseconds of audio per packet. */
  packetTime?: number | undefined
  /** Whether the microphone captures a sound (the default) or silence, which takes little bandwidth. */
  speaks?: boolean | undefined
  /** Milliseconds to wait for more members before the next negotiation. */
  patience?: number | undefined
}

type Server = Awaited<ReturnType<typeof createServer>>

interface Parts {
  context: TestContext
  server: Server
  backend: LvspClient
  origin: string
}

export class BrowserScene {
  readonly server: Server
  readonly #context: TestContext
  readonly #backend: LvspClient
  readonly #origin: string
  #chromium: Promise<Browser> | undefined
  #firefox: Promise<Firefox> | undefined

  static async open(context: TestContext, options: SceneOptions = {}): Promise<BrowserScene> {
    const { engine = 'ffi', mediaIp = '127.0.0.1', tcp = false, lanes = 1, log } = options
    const threads = engine === 'ffi' ? lanes : 0
    const media = { lanes: threads, members_per_lane: lanes > 1 ? 1 : undefined }
    const server = await createServer({
      http: { listen: '127.0.0.1:0' },
      media: { listen: mediaIp, announce: [mediaIp], port: 0, engine, tcp, ...media },
      log: { level: log === undefined ? 'silent' : 'info', format: 'json' },
      ...(log !== undefined && { logSink: { write: log } }),
    })
    context.after(() => server.close())
    const backend = new LvspClient({ url: server.lvspUrl, secret: server.secret })
    context.after(() => backend.close())
    await backend.connect()
    return new BrowserScene({ context, server, backend, origin: await servePage(context) })
  }

  private constructor({ context, server, backend, origin }: Parts) {
    this.#context = context
    this.server = server
    this.#backend = backend
    this.#origin = origin
  }

  /** Opens a page and joins from it; resolves when the client has received its Session Description. */
  async joinWeb(userId: string, options: WebOptions = {}): Promise<WebMember> {
    return this.joinFrom(await this.openPage(), userId, options)
  }

  /** Joins with another client in an open page. */
  async joinFrom(page: WebPage, userId: string, options: WebOptions = {}): Promise<WebMember> {
    const { sessionId, token } = await this.admit(userId)
    const url = `${this.server.url}?v=9`
    const who = { server_id: GUILD, channel_id: CHANNEL, user_id: userId, session_id: sessionId, token }
    await page.evaluate(`import('/web-client.mjs').then(async ({ WebClient }) => {
      globalThis.clients ??= {}
      const client = clients[${JSON.stringify(userId)}] = new WebClient(${JSON.stringify({ url, ...who, ...options })})
      await client.connect()
    })`)
    return new WebMember(page, userId)
  }

  /** Opens a page without joining. */
  async openPage(browser: 'chromium' | 'firefox' = 'chromium'): Promise<WebPage> {
    if (browser === 'firefox') return this.#openInFirefox()
    this.#chromium ??= this.#openChromium()
    const page = await (await this.#chromium).newPage()
    page.on('pageerror', error => this.#context.diagnostic(String(error)))
    await page.goto(this.#origin)
    return page
  }

  async joinNative(userId: string, options: Partial<VoiceClientOptions> = {}): Promise<VoiceClient> {
    const endpoint = new URL(this.server.url).host
    const client = new VoiceClient({ endpoint, tls: false, ...(await this.admit(userId)), ...options })
    this.#context.after(() => client.close())
    await client.connect()
    return client
  }

  /** Admits a user; resolves with the credentials of its client. */
  async admit(userId: string): Promise<VoiceCredentials> {
    await this.#backend.requestChannel({ guildId: GUILD, channelId: CHANNEL })
    const granted = await this.#backend.createVoiceState({ guildId: GUILD, channelId: CHANNEL, userId })
    if (granted.token === undefined) throw new Error('the node gave no token for the user')
    return { serverId: GUILD, channelId: CHANNEL, userId, sessionId: granted.sessionId, token: granted.token }
  }

  /** The user's session as `inspect()` shows it. */
  session(userId: string): object | undefined {
    const { sessions } = this.server.inspect()
    return sessions.find(session => session.userId === userId)
  }

  /** Packets that the lane dropped, by cause, without the causes that are expected in these tests. */
  get drops(): Record<string, number> {
    const { lanes } = this.server.inspect()
    // Browsers' encoders keep the machine busy, so that the lane may read packets too late.
    const expected = new Set(['noAddress', 'noRoute', 'overload', 'unclassified'])
    const drops = Object.entries(lanes[0]?.counters?.drops ?? {})
    return Object.fromEntries(drops.filter(([cause, count]) => count > 0 && !expected.has(cause)))
  }

  async #openChromium(): Promise<Browser> {
    const browser = await openChromium('--autoplay-policy=no-user-gesture-required')
    this.#context.after(() => browser.close())
    return browser
  }

  async #openInFirefox(): Promise<WebPage> {
    this.#firefox ??= Firefox.open(this.#context)
    return (await this.#firefox).openPage(this.#origin)
  }
}

/** Serves an empty page and the client's scripts; resolves with their origin. */
async function servePage(context: TestContext): Promise<string> {
  const http = createHttpServer((request, response) => {
    const script = SCRIPTS.get(request.url ?? '')
    response.setHeader('content-type', script === undefined ? 'text/html' : 'text/javascript')
    response.end(script ?? '<!doctype html><title>call</title><body></body>')
  })
  await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve))
  context.after(() => void http.close())
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}`
}
