// A real node of a test server: its backend connection, and the voice endpoint in front of it.
import { LvspClient, type VoiceStateDisconnected } from '@parley/client'
import { App } from '../app.ts'
import { configOf } from '../config/config.ts'
import type { ConfigInput } from '../config/schema.ts'
import { nodeCrypto } from '../crypto.ts'
import type { LogSink } from '../monitoring/log.ts'
import type { TlsFiles } from '../net/tls.ts'
import type { UserFaults } from './faults/user-faults.ts'
import { VoiceFront } from './front/voice-front.ts'
import type { Recorder } from './trace/trace-record.ts'

/** Settings of the node, and what it reports to the test server. */
export interface TestNodeOptions {
  tls: TlsFiles
  /** Of the voice endpoint. */
  voiceHost: string
  seed: number
  /** Settings of the node, such as `voice`. */
  settings: ConfigInput
  logSink: LogSink | undefined
  faultsOf(userId: string): UserFaults
  recorderOf(userId: string): Recorder
  /** The node was started again and is empty. */
  restarted(node: TestNode): void
  voiceEnded(event: VoiceStateDisconnected): void
  voiceStarted(userId: string, node: TestNode): void
}

const HOST = '127.0.0.1'

/** Clients reach the node through `VoiceFront`, where faults act; nothing in the node itself is changed for tests. */
export class TestNode {
  readonly backend: LvspClient
  readonly front: VoiceFront
  readonly #options: TestNodeOptions
  readonly #secret: string
  /** The same after a restart. */
  readonly #ports: { http: number; media: number }
  #app: App | undefined

  static async open(options: TestNodeOptions): Promise<TestNode> {
    const secret = nodeCrypto.randomToken(24)
    const app = await start(options, secret, { http: 0, media: 0 })
    let front: VoiceFront | undefined
    try {
      const { tls, voiceHost, seed, faultsOf, recorderOf } = options
      let node: TestNode | undefined
      front = await VoiceFront.open({ tls, voiceHost, seed, faultsOf, recorderOf, node: () => node?.url })
      node = new TestNode(options, secret, app, front)
      await node.backend.connect()
      node.#listen()
      return node
    } catch (error) {
      await front?.close()
      await app.close()
      throw error
    }
  }

  private constructor(options: TestNodeOptions, secret: string, app: App, front: VoiceFront) {
    this.#options = options
    this.#secret = secret
    this.#app = app
    this.front = front
    this.#ports = { http: Number(new URL(app.url).port), media: app.mediaPort }
    this.backend = new LvspClient({ url: app.lvspUrl, secret })
  }

  /** URL of the voice gateway; undefined while the node is stopped. */
  get url(): string | undefined {
    return this.#app?.url
  }

  /** Undefined while the node is stopped. */
  inspect() {
    return this.#app?.inspect()
  }

  /** Ends the node as a crash does: connections are destroyed without close frames. */
  async stop(): Promise<void> {
    const app = this.#app
    this.#app = undefined
    for (const link of this.front.links()) link.drop()
    await app?.close()
  }

  /** Starts a stopped node again, with the same addresses and without state. */
  async start(): Promise<void> {
    if (this.#app === undefined) this.#app = await start(this.#options, this.#secret, this.#ports)
  }

  async close(): Promise<void> {
    await this.backend.close()
    await this.front.close()
    await this.#app?.close()
    this.#app = undefined
  }

  #listen(): void {
    this.backend.on('connected', () => this.#options.restarted(this))
    this.backend.on('voiceStateDisconnected', event => this.#options.voiceEnded(event))
    this.backend.on('voiceStateConnected', ({ userId }) => this.#options.voiceStarted(userId, this))
    this.backend.on('error', () => {})
  }
}

/** The node on its ports of loopback, with one lane on this thread: many test servers may run at once. */
function start(
  { settings, logSink }: TestNodeOptions,
  secret: string,
  ports: { http: number; media: number },
): Promise<App> {
  const own: ConfigInput = {
    http: { listen: `${HOST}:${ports.http}` },
    media: { listen: HOST, port: ports.media, lanes: 0 },
    backend: [{ id: 'main', secret }],
  }
  return App.start(configOf({ log: { level: 'silent' } }, settings, own), { logSink })
}
