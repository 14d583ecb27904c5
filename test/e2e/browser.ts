// A real Chromium with fake microphone and camera, and pages in it that are voice clients of a node on this machine.

import { readFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { LvspClient, VoiceClient, type VoiceClientOptions } from '@parley/client'
import { createServer } from '@parley/server'
import { type Browser, chromium, type Page } from 'playwright-core'

export const CHROMIUM = '/usr/bin/chromium'
const GUILD = '41771983423143937'
const CHANNEL = '127121515262115840'
const ARGUMENTS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
  '--autoplay-policy=no-user-gesture-required',
]
const CLIENT = readFileSync(new URL('web-client.mjs', import.meta.url))

export interface WebOptions {
  flow?: 'discord' | 'spacebar'
  /** The video codec it prefers; without it, it has no camera. */
  video?: 'VP8' | 'VP9' | 'H264'
}

interface Rtp {
  kind: 'audio' | 'video'
  ssrc: number
  packetsReceived: number
  packetsLost: number
  totalAudioEnergy: number
  framesDecoded: number
  frameWidth?: number
  nackCount: number
  pliCount: number
  packetsSent: number
  roundTripTime?: number
  freezeCount?: number
  retransmittedPacketsReceived?: number
}
export interface WebStats {
  inbound: Rtp[]
  outbound: Rtp[]
  remoteInbound: Rtp[]
  remoteOutbound: Rtp[]
  transport: { srtpCipher: string; dtlsState: string; tlsVersion: string; dtlsRole: string }
  state: string
  ice: string
}

/** A page that is in the call. */
export class WebMember {
  readonly page: Page
  readonly userId: string
  constructor(page: Page, userId: string) {
    this.page = page
    this.userId = userId
  }

  stats(): Promise<WebStats> {
    return this.page.evaluate('client.stats()')
  }
  evaluate<T>(expression: string): Promise<T> {
    return this.page.evaluate(expression)
  }

  /** Resolves with the first statistics that fit. */
  async until(what: string, holds: (stats: WebStats) => boolean, limit = 15_000): Promise<WebStats> {
    const end = performance.now() + limit
    for (;;) {
      const stats = await this.stats()
      if (holds(stats)) return stats
      if (performance.now() > end) throw new Error(`waited ${limit} ms for ${what}: ${JSON.stringify(stats)}`)
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }
}

/** A node, its backend, and a browser. */
export class BrowserScene {
  readonly server: Awaited<ReturnType<typeof createServer>>
  readonly #context: TestContext
  readonly #backend: LvspClient
  readonly #browser: Browser
  readonly #origin: string

  static async open(context: TestContext, engine: 'ffi' | 'portable' = 'ffi'): Promise<BrowserScene> {
    const server = await createServer({
      http: { listen: '127.0.0.1:0' },
      media: { listen: '127.0.0.1', port: 0, engine, lanes: engine === 'ffi' ? 1 : 0 },
      log: { level: 'silent' },
    })
    context.after(() => server.close())
    const backend = new LvspClient({ url: server.lvspUrl, secret: server.secret })
    context.after(() => backend.close())
    await backend.connect()
    const http = createHttpServer((request, response) => {
      const isScript = request.url === '/web-client.mjs'
      response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html')
      response.end(isScript ? CLIENT : '<!doctype html><title>call</title><body></body>')
    })
    await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve))
    context.after(() => void http.close())
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS })
    context.after(() => browser.close())
    return new BrowserScene(
      context,
      server,
      backend,
      browser,
      `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    )
  }

  private constructor(
    context: TestContext,
    server: BrowserScene['server'],
    backend: LvspClient,
    browser: Browser,
    origin: string,
  ) {
    this.#context = context
    this.server = server
    this.#backend = backend
    this.#browser = browser
    this.#origin = origin
  }

  /** A page that has joined, as soon as it has its Session Description. */
  async joinWeb(userId: string, options: WebOptions = {}): Promise<WebMember> {
    const page = await this.#browser.newPage()
    page.on('pageerror', error => this.#context.diagnostic(String(error)))
    await page.goto(this.#origin)
    const { sessionId, token } = await this.#admit(userId)
    const url = `${this.server.url}?v=9`
    const who = { server_id: GUILD, channel_id: CHANNEL, user_id: userId, session_id: sessionId, token }
    const script = `import('/web-client.mjs').then(async ({ WebClient }) => {
      globalThis.client = new WebClient(${JSON.stringify({ url, ...who, ...options })})
      await client.connect()
    })`
    await page.evaluate(script)
    return new WebMember(page, userId)
  }

  async joinNative(userId: string, options: Partial<VoiceClientOptions> = {}): Promise<VoiceClient> {
    const { sessionId, token } = await this.#admit(userId)
    const client = new VoiceClient({
      ...{ endpoint: new URL(this.server.url).host, tls: false },
      ...{ serverId: GUILD, channelId: CHANNEL, userId, sessionId, token, ...options },
    })
    this.#context.after(() => client.close())
    await client.connect()
    return client
  }

  /** What the node tells of a user's session. */
  session(userId: string): object | undefined {
    const { sessions } = this.server.inspect() as { sessions: { userId: string }[] }
    return sessions.find(session => session.userId === userId)
  }

  async #admit(userId: string): Promise<{ sessionId: string; token: string }> {
    await this.#backend.requestChannel({ guildId: GUILD, channelId: CHANNEL })
    const granted = await this.#backend.createVoiceState({ guildId: GUILD, channelId: CHANNEL, userId })
    if (granted.token === undefined) throw new Error('the node gave no token for the user')
    return { sessionId: granted.sessionId, token: granted.token }
  }
}
