// `parley serve` with TLS and `parley bridge spacebar` beside it, as processes that a test can kill and start again.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { freePort } from './free-port.ts'
import { ParleyProcess } from './parley-process.ts'
import { CERTIFICATE_FILE, KEY_FILE, trustTestCertificate } from './trust.ts'

export interface BridgeSources {
  /** URL of Spacebar's bus. */
  bus: string
  /** URL of Spacebar's database. */
  database?: string
}

export class BridgedNode {
  readonly endpoint: string
  readonly #t: TestContext
  readonly #folder: string
  #sources: BridgeSources | undefined
  node!: ParleyProcess
  bridge!: ParleyProcess

  private constructor(t: TestContext, folder: string, endpoint: string) {
    this.#t = t
    this.#folder = folder
    this.endpoint = endpoint
  }

  /** The node alone: the endpoint has to be known before Spacebar is. Ends with the test. */
  static async open(t: TestContext): Promise<BridgedNode> {
    trustTestCertificate()
    const folder = mkdtempSync(join(tmpdir(), 'parley-bridged-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    writeFileSync(join(folder, 'secret'), 'shared secret\n')
    const bridged = new BridgedNode(t, folder, `127.0.0.1:${await freePort()}`)
    await bridged.startNode()
    return bridged
  }

  async startNode(): Promise<void> {
    const settings = {
      'http.listen': this.endpoint,
      'http.tls_cert': CERTIFICATE_FILE,
      'http.tls_key': KEY_FILE,
      'media.listen': '127.0.0.1',
      'media.port': '0',
      'media.lanes': '0',
      'voice.drain_timeout': '4s',
      'backend.0.id': 'spacebar',
      'backend.0.secret_file': join(this.#folder, 'secret'),
      'backend.0.adopts_tokens': 'true',
    }
    const flags = Object.entries(settings).flatMap(([key, value]) => ['--set', `${key}=${value}`])
    this.node = this.#start('serve', ...flags)
    await this.node.says(/node\.started/)
  }
  async killNode(): Promise<void> {
    this.node.kill()
    await this.node.exit
  }

  /** `sources` are those of the previous start, if there was one. */
  async startBridge(sources?: BridgeSources): Promise<void> {
    this.bridge = this.command([], sources)
    await this.bridge.says(/bridge\.ready/)
  }
  async killBridge(): Promise<void> {
    this.bridge.kill()
    await this.bridge.exit
  }

  /** `parley bridge spacebar` with the options of this node; `sources` as in `startBridge`. */
  command(args: readonly string[] = [], sources?: BridgeSources): ParleyProcess {
    this.#sources = sources ?? this.#sources
    if (this.#sources === undefined) throw new Error('expected the sources of the bridge')
    const { bus, database } = this.#sources
    const node = ['--lvsp', `wss://${this.endpoint}/lvsp`, '--endpoint', this.endpoint, '--ca', CERTIFICATE_FILE]
    const from = ['--bus', bus, ...(database === undefined ? [] : ['--database', database])]
    return this.#start('bridge', 'spacebar', ...from, ...node, '--secret-file', join(this.#folder, 'secret'), ...args)
  }

  #start(...args: string[]): ParleyProcess {
    return new ParleyProcess(args, { folder: this.#folder, t: this.#t })
  }
}
