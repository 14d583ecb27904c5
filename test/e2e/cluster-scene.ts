// A cluster of processes on loopback: nats-server, nodes and fronts, a backend that obeys, and users on `@parley/client`.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type GrantedVoiceState, LvspClient, VoiceClient } from '@parley/client'
import { CutProxy } from './cut-proxy.ts'
import { DiscordjsBot } from './discordjs-bot.ts'
import { NatsServer } from './nats-server.ts'
import { isSilence, numberedFrames } from './opus-frames.ts'
import { ParleyProcess } from './parley-process.ts'
import type { VoiceStateRef } from './scene.ts'
import { CERTIFICATE, CERTIFICATE_FILE, KEY_FILE, trustTestCertificate } from './trust.ts'

const SECRET = 'the secret of the backend in these tests'
export const GUILD = '41771983423143941'

export interface Served {
  readonly process: ParleyProcess
  readonly id: string
  /** `host:port` of a node's voice gateway; the LVSP URL of a front. */
  readonly address: string
}

export interface CuttableNode extends Served {
  /** Between the node and NATS; between fronts and the node. */
  readonly nats: CutProxy
  readonly lvsp: CutProxy
  /** Both. */
  cut(): void
  heal(): void
}

export class ClusterScene {
  readonly nats: NatsServer
  readonly #folder: string
  readonly #t: TestContext
  readonly #environment: Record<string, string>

  private constructor(t: TestContext, nats: NatsServer, environment: Record<string, string>) {
    this.#t = t
    this.nats = nats
    this.#environment = environment
    this.#folder = mkdtempSync(join(tmpdir(), 'parley-cluster-'))
    t.after(() => rmSync(this.#folder, { recursive: true, force: true }))
  }

  /** `environment`: further settings of all processes. */
  static async open(t: TestContext, environment: Record<string, string> = {}): Promise<ClusterScene> {
    return new ClusterScene(t, await NatsServer.start(t), environment)
  }

  /** A file that the processes can read. */
  file(name: string, text: string): string {
    const path = join(this.#folder, name)
    writeFileSync(path, text, { mode: 0o600 })
    return path
  }

  async node(id: string, environment: Record<string, string> = {}): Promise<Served> {
    const process = this.#start('serve', id, {
      PARLEY_MEDIA_LISTEN: '127.0.0.1',
      PARLEY_MEDIA_PORT: '0',
      PARLEY_MEDIA_LANES: '1',
      ...environment,
    })
    const [, address = ''] = await process.says(/"endpoint":"([^"]+)".*"event":"node\.started"/)
    return { process, id, address }
  }

  /** A node whose connections to NATS and to fronts can be cut; clients reach it all the same. `port` is that of NATS. */
  async cuttableNode(id: string, port = this.nats.port): Promise<CuttableNode> {
    const nats = await CutProxy.open(this.#t, port)
    const lvsp = await CutProxy.open(this.#t)
    const node = await this.node(id, {
      PARLEY_CLUSTER_NATS: `127.0.0.1:${nats.port}`,
      PARLEY_CLUSTER_LVSP: `wss://127.0.0.1:${lvsp.port}/lvsp`,
    })
    lvsp.target = Number(node.address.split(':')[1])
    const proxies = [nats, lvsp]
    return {
      ...node,
      nats,
      lvsp,
      cut: () => proxies.forEach(proxy => void proxy.cut()),
      heal: () => proxies.forEach(proxy => void proxy.heal()),
    }
  }

  async front(id: string, environment: Record<string, string> = {}): Promise<Served> {
    const process = this.#start('front', id, environment)
    const [, address = ''] = await process.says(/"lvsp":"([^"]+)".*"event":"front\.started"/)
    await process.says(/"event":"cluster\.connected"/)
    return { process, id, address }
  }

  /** A front with an admin socket. */
  async administeredFront(id: string, environment: Record<string, string> = {}): Promise<Served & { socket: string }> {
    const socket = join(this.#folder, `${id}.sock`)
    return { ...(await this.front(id, { PARLEY_ADMIN_SOCKET: socket, ...environment })), socket }
  }

  /** The output of a command; rejects with its error. */
  async command(...args: string[]): Promise<string> {
    const process = new ParleyProcess(args, { folder: this.#folder, t: this.#t })
    if ((await process.exit) !== 0) throw new Error(process.stderr)
    return process.stdout
  }

  /** The metrics of the process with this admin socket. */
  async metrics(socket: string): Promise<string> {
    return this.command('stats', '--socket', socket)
  }

  #start(command: string, id: string, environment: Record<string, string>): ParleyProcess {
    return new ParleyProcess([command], {
      folder: this.#folder,
      t: this.#t,
      environment: {
        PARLEY_HTTP_LISTEN: '127.0.0.1:0',
        PARLEY_HTTP_TLS_CERT: CERTIFICATE_FILE,
        PARLEY_HTTP_TLS_KEY: KEY_FILE,
        PARLEY_BACKEND_0_SECRET: SECRET,
        PARLEY_CLUSTER_NATS: this.nats.url,
        PARLEY_CLUSTER_ID: id,
        PARLEY_CLUSTER_CA: CERTIFICATE_FILE,
        ...this.#environment,
        ...environment,
      },
    })
  }
}

/** What receives the grants of a user. */
export interface Grantee {
  connect(grant: GrantedVoiceState): Promise<void>
}

/** A chat service with one connection to a front. It hands every grant to the user, as a voice server update would. */
export class ClusterBackend {
  #client: LvspClient
  readonly users = new Map<string, Grantee>()

  private constructor(url: string) {
    this.#client = this.#newClient(url)
  }

  static async connect(t: TestContext, url: string): Promise<ClusterBackend> {
    const backend = new ClusterBackend(url)
    t.after(() => backend.client.close())
    await backend.client.connect()
    return backend
  }

  get client(): LvspClient {
    return this.#client
  }

  /** Connects to another front, and then leaves this one. */
  async moveTo(url: string): Promise<void> {
    const before = this.#client
    this.#client = this.#newClient(url)
    await this.#client.connect()
    await before.close()
  }

  #newClient(url: string): LvspClient {
    const client = new LvspClient({ url, secret: SECRET, tls: { ca: CERTIFICATE }, requestTimeout: 20_000 })
    client.on('granted', grant => void this.users.get(grant.userId)?.connect(grant))
    return client
  }

  /** `via`: where the user connects, whatever its grants say. */
  async join(t: TestContext, channelId: string, userId: string, via?: string): Promise<ClusterUser> {
    const user = new ClusterUser(userId, via)
    t.after(() => user.close())
    this.users.set(userId, user)
    const sessionId = `session-of-${userId}`
    await user.connect(await this.client.createVoiceState({ guildId: GUILD, channelId, userId }, { sessionId }))
    return user
  }

  /** A bot on @discordjs/voice. `via`: where it connects, whatever its grant says. Later grants do not reach it by themselves. */
  async joinBot(t: TestContext, channelId: string, userId: string, via?: string): Promise<DiscordjsBot> {
    trustTestCertificate()
    const service = {
      admit: async ({ sessionId, ...who }: VoiceStateRef) => {
        const { token = '', endpoint = '' } = await this.client.createVoiceState(who, { sessionId })
        return { token, endpoint: via ?? endpoint }
      },
      remove: () => {},
      mayJoin: () => true,
      session: () => undefined,
    }
    const bot = new DiscordjsBot(service, userId)
    t.after(() => bot.leave())
    await bot.join(GUILD, channelId)
    return bot
  }
}

/** A user that connects wherever its latest grant says, and talks there. */
export class ClusterUser {
  readonly userId: string
  /** Frames received, with the endpoint they came from. */
  readonly frames: { endpoint: string; at: number }[] = []
  endpoint = ''
  readonly #via: string | undefined
  /** A user that ignores later grants, as one whose client never received them. */
  stays = false
  /** Called with each frame of sound. */
  received: () => void = () => {}
  /** Close codes that ended its client. */
  readonly closes: number[] = []
  #client: VoiceClient | undefined
  #isTalking = false
  #isClosed = false

  constructor(userId: string, via?: string) {
    this.userId = userId
    this.#via = via
  }

  async connect({ endpoint = '', token = '', sessionId, channelId }: GrantedVoiceState): Promise<void> {
    if (this.#isClosed) return
    const before = this.#client
    if (this.stays && before !== undefined) return
    const ids = { serverId: GUILD, channelId, userId: this.userId, sessionId }
    const client = new VoiceClient({ endpoint: this.#via ?? endpoint, token, ...ids, tls: { ca: CERTIFICATE } })
    this.#client = client
    this.endpoint = endpoint
    client.on('closed', ({ code }) => this.closes.push(code))
    client.on('frame', ({ payload }) => {
      if (isSilence(Buffer.from(payload))) return
      this.frames.push({ endpoint, at: performance.now() })
      this.received()
    })
    void before?.close()
    try {
      await client.connect()
    } catch (error) {
      // Ended by this process, while it connected.
      if (this.#isClosed || this.#client !== client) return
      throw error
    }
    if (this.#isTalking) this.talk()
  }

  /** For five minutes, and again after a move. */
  talk(): void {
    this.#isTalking = true
    this.#client?.play(numberedFrames(15_000, Number(this.userId))).catch(() => {})
  }

  async close(): Promise<void> {
    this.#isTalking = false
    this.#isClosed = true
    await this.#client?.close()
  }
}
