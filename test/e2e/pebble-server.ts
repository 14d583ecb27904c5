// A real certificate authority on loopback: Pebble, the test server of Let's Encrypt, and a DNS server that has every name at 127.0.0.1.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { get } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { selfSignedCertificate } from '@parley/server'
import { pebble, reasonToSkip } from './foreign-tools.ts'
import { freePort } from './free-port.ts'
import { untilFits } from './until.ts'

const tool = pebble()
/** Why the tests cannot run; false if they can. In CI a missing Pebble is a failure. */
export const missingPebble = reasonToSkip('missing' in tool ? tool : { command: [tool.folder] })

export interface PebbleOptions {
  /** Percentage of nonces that are refused. */
  refusedNonces?: number
  /** Seconds for which certificates are valid. */
  validity?: number
  /** Names that it refuses to issue for. */
  blocked?: readonly string[]
  /** Where it connects for challenges; free ports by default. */
  httpPort?: number
  tlsPort?: number
  /** Key id and HMAC key that accounts have to be bound to. */
  external?: readonly [keyId: string, hmacKey: string]
}

export class PebbleServer {
  /** Where it connects for HTTP-01 and TLS-ALPN-01. */
  readonly httpPort: number
  readonly tlsPort: number
  readonly #ports: { main: number; management: number; dns: number; dnsManagement: number }
  readonly #folder = mkdtempSync(join(tmpdir(), 'parley-pebble-'))
  readonly #own = selfSignedCertificate()
  readonly #children: ChildProcess[] = []

  private constructor(ports: readonly number[]) {
    const [main = 0, management = 0, dns = 0, dnsManagement = 0, httpPort = 0, tlsPort = 0] = ports
    this.#ports = { main, management, dns, dnsManagement }
    this.httpPort = httpPort
    this.tlsPort = tlsPort
  }

  static async start(t: Pick<TestContext, 'after'>, options: PebbleOptions = {}): Promise<PebbleServer> {
    const ports: number[] = []
    while (ports.length < 6) {
      const port = await freePort()
      if (!ports.includes(port)) ports.push(port)
    }
    const server = new PebbleServer([...ports.slice(0, 4), options.httpPort ?? ports[4]!, options.tlsPort ?? ports[5]!])
    t.after(async () => {
      await server.stop()
      rmSync(server.#folder, { recursive: true })
    })
    await server.run(options)
    return server
  }

  get directory(): string {
    return `https://127.0.0.1:${this.#ports.main}/dir`
  }
  /** A file with the certificate by which the directory is verified. */
  get ca(): string {
    return join(this.#folder, 'pebble.pem')
  }
  /** Settings of `[acme]` for this authority. */
  settings(names: readonly string[]) {
    const storage = join(this.#folder, 'storage')
    return { names: [...names], agree_to_terms: true, directory: this.directory, ca: this.ca, storage }
  }

  /** Writes a file into the server's folder; returns its path. */
  write(name: string, text: string): string {
    const path = join(this.#folder, name)
    writeFileSync(path, text, { mode: 0o600 })
    return path
  }

  /** The root of the certificates that it issues now, as PEM: another one after each start. */
  root(): Promise<string> {
    return this.#read(`https://127.0.0.1:${this.#ports.management}/roots/0`)
  }

  async run(options: PebbleOptions): Promise<void> {
    const { main, management, dns, dnsManagement } = this.#ports
    const at = (port: number) => `127.0.0.1:${port}`
    writeFileSync(this.ca, this.#own.cert)
    writeFileSync(join(this.#folder, 'pebble.key'), this.#own.key)
    const validityPeriod = options.validity ?? 7_776_000
    const { external, blocked = [], refusedNonces = 0 } = options
    const config = {
      listenAddress: at(main),
      managementListenAddress: at(management),
      certificate: this.ca,
      privateKey: join(this.#folder, 'pebble.key'),
      httpPort: this.httpPort,
      tlsPort: this.tlsPort,
      ocspResponderURL: '',
      externalAccountBindingRequired: external !== undefined,
      externalAccountMACKeys: external === undefined ? {} : { [external[0]]: external[1] },
      domainBlocklist: blocked,
      retryAfter: { authz: 1, order: 1 },
      keyAlgorithm: 'ecdsa',
      profiles: {
        default: { description: 'long', validityPeriod },
        shortlived: { description: 'short', validityPeriod: Math.min(validityPeriod, 518_400) },
      },
    }
    writeFileSync(join(this.#folder, 'config.json'), JSON.stringify({ pebble: config }))
    const environment = {
      PEBBLE_VA_NOSLEEP: '1',
      PEBBLE_WFE_NONCEREJECT: String(refusedNonces),
      PEBBLE_AUTHZREUSE: '0',
    }
    this.#spawn('pebble-challtestsrv', [
      ...['-defaultIPv6', '', '-dnsserver', at(dns), '-management', at(dnsManagement)],
      ...['-http01', '', '-https01', '', '-tlsalpn01', '', '-doh', ''],
    ])
    this.#spawn('pebble', ['-config', join(this.#folder, 'config.json'), '-dnsserver', at(dns)], environment)
    const answers = () => this.#read(this.directory).catch(() => '')
    await untilFits('Pebble to start', answers, text => text.includes('newOrder'))
    // Any answer shows that it runs: the path does not exist.
    await untilFits('its DNS server', () => fetch(`http://${at(dnsManagement)}/`).catch(() => undefined), Boolean)
  }

  async stop(): Promise<void> {
    for (const child of this.#children.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      const exit = once(child, 'exit')
      child.kill('SIGKILL')
      await exit
    }
  }

  #spawn(program: string, args: readonly string[], environment: Record<string, string> = {}): void {
    if ('missing' in tool) throw new Error(tool.missing)
    const env = { ...process.env, ...environment }
    this.#children.push(spawn(join(tool.folder, program), args, { env, stdio: 'ignore' }))
  }

  #read(url: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const headers = { 'user-agent': 'test' }
      const request = get(url, { ca: this.#own.cert, agent: false, headers }, response => {
        let text = ''
        response.on('data', chunk => {
          text += chunk
        })
        response.on('end', () => resolve(text))
      })
      request.on('error', reject)
    })
  }
}
