// A node, its backend, and browsers whose pages run voice clients of the node.
import type { TestContext } from 'node:test'
import { LvspClient, VoiceClient, type VoiceClientOptions, type VoiceCredentials } from '@parley/client'
import { createServer } from '@parley/server'
import type { Browser } from 'playwright-core'
import { openChromium } from './chromium.ts'
import { daveScripts } from './dave-scripts.ts'
import { Firefox } from './firefox.ts'
import type { WebMember, WebPage } from './web-member.ts'
import { joinFrom, servePage, type WebOptions } from './web-pages.ts'

const GUILD = '41771983423143937'
const CHANNEL = '127121515262115840'

export interface SceneOptions {
  engine?: 'ffi' | 'portable' | undefined
  /** The address that the node's UDP port is bound to and announces. */
  mediaIp?: string | undefined
  /** Whether clients may use encryption modes that Discord has removed. */
  legacyModes?: boolean | undefined
  /** Whether browsers receive a TCP candidate too. */
  tcp?: boolean | undefined
  /** On the ffi engine; each lane takes one member of the call. Default: one, which takes all. */
  lanes?: number | undefined
  /** Whether pages can encrypt end to end, with the option `dave` of their clients. */
  dave?: boolean | undefined
  /** Receives the lines of the node's log, from `logLevel`. Without it the node does not log. */
  log?: ((line: string) => void) | undefined
  /** Default: `info`. */
  logLevel?: 'debug' | 'info' | undefined
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
    const {
      engine = 'ffi',
      mediaIp = '127.0.0.1',
      tcp = false,
      legacyModes = false,
      lanes = 1,
      dave = false,
      log,
      logLevel = 'info',
    } = options
    const threads = engine === 'ffi' ? lanes : 0
    const media = { lanes: threads, members_per_lane: lanes > 1 ? 1 : undefined }
    const server = await createServer({
      http: { listen: '127.0.0.1:0' },
      media: { listen: mediaIp, announce: [mediaIp], port: 0, engine, tcp, ...media },
      voice: { legacy_modes: legacyModes },
      log: { level: log === undefined ? 'silent' : logLevel, format: 'json' },
      ...(log !== undefined && { logSink: { write: log } }),
    })
    context.after(() => server.close())
    const backend = new LvspClient({ url: server.lvspUrl, secret: server.secret })
    context.after(() => backend.close())
    await backend.connect()
    const origin = await servePage(context, dave ? await daveScripts() : [])
    return new BrowserScene({ context, server, backend, origin })
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
    return joinFrom(page, this.server.url, await this.admit(userId), options)
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

  /** Packets that the lane dropped because it read them too late: browsers' encoders keep the machine busy. */
  get droppedByAge(): number {
    return this.server.inspect().lanes[0]?.counters?.drops.overload ?? 0
  }

  /** Packets that the lane dropped, by cause, without the causes that are expected in these tests. */
  get drops(): Record<string, number> {
    const { lanes } = this.server.inspect()
    // A browser that is short of CPU looks like one behind a slow link, and is paced.
    const expected = new Set(['noAddress', 'noRoute', 'overload', 'paced', 'unclassified'])
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
