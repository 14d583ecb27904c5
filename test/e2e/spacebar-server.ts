// A built checkout of the real Spacebar, in the folder that SPACEBAR_DIR names: its API and its main gateway as two processes, with
// a PostgreSQL of their own. SPACEBAR_NODE is the Node.js that runs it (24 is what it is built for).
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { TestContext } from 'node:test'
import { freePort } from './free-port.ts'
import { Postgres } from './postgres.ts'
import { untilFits } from './until.ts'

const { SPACEBAR_DIR, SPACEBAR_NODE = process.execPath } = process.env
export const hasSpacebar = SPACEBAR_DIR !== undefined

/** A first start runs all migrations. */
const START = 180_000

type Json = Record<string, unknown>

export interface Account {
  userId: string
  token: string
  email: string
}

const PASSWORD = 'correct horse battery'

export class SpacebarServer {
  readonly postgres: Postgres
  /** EVENT_SOCKET_PATH. */
  readonly folder: string
  readonly #scratch: string
  readonly #ports: { api: number; gateway: number }
  #gateway: ChildProcess | undefined
  readonly #t: TestContext
  #accounts = 0

  private constructor(t: TestContext, postgres: Postgres, scratch: string, ports: { api: number; gateway: number }) {
    this.#t = t
    this.postgres = postgres
    this.#scratch = scratch
    this.folder = join(scratch, 'bus')
    this.#ports = ports
  }

  /** Its only region has the endpoint. Ends with the test. */
  static async open(t: TestContext, endpoint: string): Promise<SpacebarServer> {
    const scratch = mkdtempSync(join(tmpdir(), 'parley-real-spacebar-'))
    t.after(() => rmSync(scratch, { recursive: true, force: true }))
    const postgres = await Postgres.empty(t)
    const server = new SpacebarServer(t, postgres, scratch, { api: await freePort(), gateway: await freePort() })
    for (const folder of [server.folder, join(scratch, 'files')]) mkdirSync(folder)
    writeFileSync(join(scratch, 'config.json'), JSON.stringify(server.#config(endpoint)))
    await server.#startApi()
    await server.startGateway()
    return server
  }

  get gatewayUrl(): string {
    return `ws://127.0.0.1:${this.#ports.gateway}/?v=9&encoding=json`
  }

  async startGateway(): Promise<void> {
    this.#gateway = this.#spawn('gateway', this.#ports.gateway)
    await this.#answers(`http://127.0.0.1:${this.#ports.gateway}/`)
  }
  async killGateway(): Promise<void> {
    const gateway = this.#gateway!
    const ended = once(gateway, 'exit')
    gateway.kill('SIGKILL')
    await ended
  }

  async register(): Promise<Account> {
    const name = `user${++this.#accounts}`
    const email = `${name}@example.org`
    const { token } = await this.request('POST', 'auth/register', undefined, {
      username: name,
      email,
      password: PASSWORD,
      consent: true,
      date_of_birth: '1990-01-01',
    })
    const { id } = await this.request('GET', 'users/@me', String(token))
    return { userId: String(id), token: String(token), email }
  }
  /** Another login of the account, with a session of its own. */
  async login(account: Account): Promise<Account> {
    const credentials = { login: account.email, password: PASSWORD, undelete: false }
    const { token } = await this.request('POST', 'auth/login', undefined, credentials)
    return { ...account, token: String(token) }
  }

  /** A guild of the owner with two voice channels, and its other members. */
  async guild(owner: Account, members: readonly Account[]): Promise<{ guildId: string; channelIds: [string, string] }> {
    const guildId = String((await this.request('POST', 'guilds', owner.token, { name: 'guild' })).id)
    const channel = async (name: string) =>
      String((await this.request('POST', `guilds/${guildId}/channels`, owner.token, { name, type: 2 })).id)
    const channelIds: [string, string] = [await channel('one'), await channel('two')]
    const { code } = await this.request('POST', `channels/${channelIds[0]}/invites`, owner.token, {})
    for (const { token } of members) await this.request('POST', `invites/${code}`, token, {})
    return { guildId, channelIds }
  }

  /** Rejects, with the answer, unless the status is a success. */
  async request(method: string, path: string, token?: string, body?: Json): Promise<Json> {
    const answer = await fetch(`http://127.0.0.1:${this.#ports.api}/api/v9/${path}`, {
      method,
      headers: {
        'content-type': 'application/json',
        'user-agent': 'test',
        ...(token === undefined ? {} : { authorization: token }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`)
    return text === '' ? {} : (JSON.parse(text) as Json)
  }

  #config(endpoint: string): Json {
    const { api, gateway } = this.#ports
    const region = { id: 'main', name: 'main', endpoint, vip: false, custom: false, deprecated: false }
    return {
      general: { serverName: 'localhost' },
      api: { endpointPublic: `http://127.0.0.1:${api}/api/v9/` },
      cdn: { endpointPublic: `http://127.0.0.1:${api}/`, endpointPrivate: `http://127.0.0.1:${api}/` },
      gateway: { endpointPublic: `ws://127.0.0.1:${gateway}/` },
      register: { requireCaptcha: false },
      limits: { absoluteRate: { register: { enabled: false } } },
      regions: { default: 'main', useDefaultAsOptimal: true, available: [region] },
    }
  }

  async #startApi(): Promise<void> {
    this.#spawn('api', this.#ports.api)
    await this.#answers(`http://127.0.0.1:${this.#ports.api}/api/v9/ping`)
  }

  #spawn(name: 'api' | 'gateway', port: number): ChildProcess {
    const script = join(resolve(SPACEBAR_DIR!), 'dist', name, 'start.js')
    const output = process.env.SPACEBAR_OUTPUT === undefined ? 'ignore' : 'inherit'
    const child = spawn(SPACEBAR_NODE, [script], {
      cwd: this.#scratch,
      stdio: ['ignore', output, output],
      env: {
        PATH: process.env.PATH,
        PORT: String(port),
        THREADS: '1',
        DATABASE: this.postgres.url,
        CONFIG_PATH: 'config.json',
        STORAGE_LOCATION: join(this.#scratch, 'files'),
        EVENT_TRANSMISSION: 'unix',
        EVENT_SOCKET_PATH: this.folder,
        LOG_ROUTES: 'false',
      },
    })
    this.#t.after(async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    })
    return child
  }

  async #answers(url: string): Promise<void> {
    const status = () =>
      fetch(url).then(
        answer => answer.status,
        () => 0,
      )
    await untilFits(`${url} to answer`, status, found => found > 0 && found < 500, START)
  }
}
