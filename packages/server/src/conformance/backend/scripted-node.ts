// The node of a backend's case: it speaks LVSP as docs/lvsp.md says, except for what the case has it do otherwise.
import { createHmac, randomBytes, randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer as createHttpServer, type IncomingMessage, type Server } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, isIPv6 } from 'node:net'
import { decodeJson, LvspClose, LvspInfo, LvspOp } from '@parley/protocol'
import { type WebSocket, WebSocketServer } from 'ws'
import type { TlsFiles } from '../../net/tls.ts'
import { CaseFailure } from '../checked-case.ts'
import { JsonSocket } from '../json-socket.ts'
import { NodeState } from './node-state.ts'

export type Data = Record<string, unknown>

/** Where nodes listen: an address that the backend reaches, and a certificate, with which the URL is one of wss. */
export interface NodePlace {
  host: string
  tls?: TlsFiles | undefined
}

const LOOPBACK: NodePlace = { host: '127.0.0.1' }

/** What a case changes. It may change while the node runs. */
export interface Behaviour {
  /** In HELLO and READY; undefined: neither has extensions, as of a node without addendum 1. */
  capabilities: readonly string[] | undefined
  heartbeatInterval: number
  /** Milliseconds before HELLO, and between IDENTIFY and READY. */
  helloDelay: number
  readyDelay: number
  /** `admit`: accepts any token. `refuse`: closes with 4001. `close`: closes with 4000 as soon as a connection opens. */
  entry: 'accept' | 'admit' | 'refuse' | 'close'
  answersHeartbeats: boolean
  answersInfo: boolean
  /** Code of the FAILURE that answers requests; undefined: they are executed. */
  failure: number | undefined
  health: number
  /** Added to HELLO, READY, and the data of INFO. */
  extra: Data
}

const USUAL: Behaviour = {
  capabilities: ['user_token', 'failure', 'events', 'sync', 'stats', 'dave', 'receiver', 'draining'],
  heartbeatInterval: 5_000,
  helloDelay: 0,
  readyDelay: 0,
  entry: 'accept',
  answersHeartbeats: true,
  answersInfo: true,
  failure: undefined,
  health: 0.9,
  extra: {},
}

/** A connection of the backend. */
export interface BackendConnection {
  readonly socket: JsonSocket
  readonly nonce: string
  /** Path and headers of the request. */
  readonly request: string
  /** Milliseconds since the start of the node. */
  readonly at: number
  /** Data of IDENTIFY or RESUME, once it has arrived. */
  entry: { op: number; d: Data } | undefined
  /** READY was sent; the backend has received it. */
  isReady: boolean
  hasReady: boolean
}

/** An INFO of the backend. `text` is the message as it came. */
export interface BackendCommand {
  type: number
  data: Data
  text: string
  /** Before READY. */
  isEarly: boolean
}

const WAIT = 10_000
const MOST_COMMANDS = 10_000
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

export class ScriptedNode {
  readonly secret = randomBytes(24).toString('base64url')
  readonly behaviour: Behaviour
  readonly connections: BackendConnection[] = []
  /** Commands that no case has taken. */
  commands: BackendCommand[] = []
  readonly #http: Server
  readonly #server: WebSocketServer
  readonly #place: NodePlace
  readonly #waiting = new Set<() => void>()
  readonly #startedAt = performance.now()
  #state = new NodeState()

  /** Rejects with the system's error if the address cannot be listened on. */
  static async open(behaviour: Partial<Behaviour> = {}, place: NodePlace = LOOPBACK): Promise<ScriptedNode> {
    const http = place.tls === undefined ? createHttpServer() : createHttpsServer(place.tls)
    http.listen(0, place.host)
    await once(http, 'listening')
    return new ScriptedNode(http, place, { ...USUAL, ...behaviour })
  }

  private constructor(http: Server, place: NodePlace, behaviour: Behaviour) {
    const server = new WebSocketServer({ server: http, maxPayload: 1 << 20 })
    this.#http = http
    this.#server = server
    this.#place = place
    this.behaviour = behaviour
    server.on('connection', (socket, request) => this.#connected(socket, request))
  }

  get url(): string {
    const { host, tls } = this.#place
    const name = isIPv6(host) ? `[${host}]` : host
    return `${tls === undefined ? 'ws' : 'wss'}://${name}:${this.#port}/lvsp`
  }
  /** What this node hands out as its endpoint. */
  get endpoint(): string {
    return `${this.#port}.node.example:443`
  }
  get #port(): number {
    return (this.#http.address() as AddressInfo).port
  }
  /** The newest connection. */
  get newest(): BackendConnection {
    return this.connections.at(-1)!
  }
  /** The newest CHANNEL_ASSIGN and VOICE_STATE_DONE that answered a request. */
  lastAssign: Data | undefined
  lastDone: Data | undefined

  /** The number of the newest INFO. */
  get seq(): number {
    return this.#state.seq
  }

  /** Resolves when the condition holds. Rejects with a `CaseFailure` that says what was expected. */
  async until(what: string, holds: () => boolean, within = WAIT): Promise<void> {
    const isMet = await this.#within(holds, within)
    if (isMet) return
    const last = this.commands.at(-1)?.text ?? 'no INFO'
    const { closed } = this.connections.at(-1)?.socket ?? {}
    const end = closed === undefined ? '' : `, its last connection closed with ${closed.code}`
    throw new CaseFailure(
      `expected ${what} within ${within / 1_000} s; the backend has connected ${this.connections.length} times${end}, and last sent ${last.slice(0, 160)}`,
    )
  }

  /** A connection that is ready; `number` counts connections from 1. */
  async ready(number = 1, within = WAIT): Promise<BackendConnection> {
    await this.until(
      `connection ${number} to authenticate`,
      () => this.connections[number - 1]?.hasReady === true,
      within,
    )
    return this.connections[number - 1]!
  }

  /** Removes and returns the first command that fits. */
  async command(what: string, fits: (command: BackendCommand) => boolean, within = WAIT): Promise<BackendCommand> {
    await this.until(what, () => this.commands.some(fits), within)
    const found = this.commands.find(fits)!
    this.commands = this.commands.filter(command => command !== found)
    return found
  }

  /** Drops the commands so far. */
  forget(): void {
    this.commands = []
  }

  /** Sends an INFO, numbered, to the newest connection. */
  info(type: number, data: Data): void {
    const text = this.#state.numbered(
      type,
      { ...data, ...this.behaviour.extra },
      this.behaviour.capabilities !== undefined,
    )
    this.newest.socket.send(text)
  }

  /** Ends connections without a close frame. */
  drop(): void {
    for (const { socket } of this.connections) socket.drop()
  }

  /** Forgets everything, as a node that was restarted. */
  restart(): void {
    this.#state = new NodeState()
    this.drop()
  }

  async close(): Promise<void> {
    for (const client of this.#server.clients) client.terminate()
    await new Promise(resolve => this.#http.close(resolve))
  }

  #connected(raw: WebSocket, request: IncomingMessage): void {
    const { url = '', rawHeaders } = request
    const nonce = Array.from({ length: 10 }, () => ALPHABET[randomInt(ALPHABET.length)]).join('')
    const at = performance.now() - this.#startedAt
    const socket = new JsonSocket(raw)
    const connection: BackendConnection = {
      socket,
      nonce,
      request: [url, ...rawHeaders].join(' '),
      at,
      entry: undefined,
      isReady: false,
      hasReady: false,
    }
    this.connections.push(connection)
    raw.on('message', (data, isBinary) => this.#received(connection, isBinary ? '' : String(data)))
    raw.on('close', () => this.#notify())
    // A pong is sent after what came before its ping was read.
    raw.on('pong', () => {
      connection.hasReady = connection.isReady
      this.#notify()
    })
    this.#notify()
    if (this.behaviour.entry === 'close') return socket.close(LvspClose.GeneralError)
    const { capabilities, heartbeatInterval, extra } = this.behaviour
    const server = { name: 'conformance', version: '1' }
    const extension = capabilities && { capabilities, server }
    const d = { heartbeat_interval: heartbeatInterval, nonce, ...extension, ...extra }
    this.#later(this.behaviour.helloDelay, () => socket.send({ op: LvspOp.Hello, d }))
  }

  #received(connection: BackendConnection, text: string): void {
    const { op, d = {} } = parsed(text)
    if (op === LvspOp.Heartbeat && this.behaviour.answersHeartbeats)
      connection.socket.send({ op: LvspOp.HeartbeatAck, d: { health: this.behaviour.health } })
    if (op === LvspOp.Identify || op === LvspOp.Resume) this.#enters(connection, op, d)
    if (op === LvspOp.Info) {
      const data = (d.data ?? {}) as Data
      this.#command({ type: Number(d.type), data, text, isEarly: !connection.isReady })
    }
    this.#notify()
  }

  #enters(connection: BackendConnection, op: number, d: Data): void {
    connection.entry ??= { op, d }
    const isRight = this.behaviour.entry === 'admit' || this.tokens(connection.nonce).includes(String(d.token))
    if (this.behaviour.entry === 'refuse' || !isRight) return connection.socket.close(LvspClose.AuthenticationFailed)
    this.#later(this.behaviour.readyDelay, () => {
      for (const message of this.#state.ready(op === LvspOp.Resume, d, this.behaviour)) connection.socket.send(message)
      connection.isReady = true
      connection.socket.ping()
    })
  }

  /** Every encoding of the token. */
  tokens(nonce: string): string[] {
    const mac = createHmac('sha256', this.secret).update(nonce).digest()
    const base64 = mac.toString('base64')
    return [
      mac.toString('hex'),
      mac.toString('hex').toUpperCase(),
      base64,
      mac.toString('base64url'),
      base64.replace(/=/g, ''),
    ]
  }

  #command(command: BackendCommand): void {
    if (this.commands.length < MOST_COMMANDS) this.commands.push(command)
    if (command.isEarly || !this.behaviour.answersInfo) return
    const { type, data } = command
    const { failure } = this.behaviour
    const isRequest = type === LvspInfo.ChannelRequest || type === LvspInfo.VoiceStateCreate
    if (failure !== undefined && isRequest)
      return this.info(LvspInfo.Failure, {
        in_reply_to: { type, data: idsOf(data) },
        code: failure,
        message: 'refused by the case',
      })
    const hasExtensions = this.behaviour.capabilities !== undefined
    const answer = this.#state.execute(type, data, this.endpoint, hasExtensions)
    if (answer === undefined) return
    if (answer.type === LvspInfo.ChannelAssign) this.lastAssign = answer.data
    if (answer.type === LvspInfo.VoiceStateDone) this.lastDone = answer.data
    this.info(answer.type, answer.data)
  }

  #later(delay: number, act: () => void): void {
    if (delay === 0) act()
    else setTimeout(act, delay)
  }

  #notify(): void {
    for (const check of [...this.#waiting]) check()
  }

  #within(holds: () => boolean, within: number): Promise<boolean> {
    return new Promise(resolve => {
      const end = (isMet: boolean) => {
        clearTimeout(timer)
        this.#waiting.delete(check)
        resolve(isMet)
      }
      const check = () => {
        if (holds()) end(true)
      }
      const timer = setTimeout(() => end(holds()), within)
      this.#waiting.add(check)
      check()
    })
  }
}

function parsed(text: string): { op?: unknown; d?: Data } {
  try {
    const value: unknown = decodeJson(text)
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return {}
  }
}

const IDS = ['channel_id', 'guild_id', 'user_id', 'session_id']
const idsOf = (data: Data): Data =>
  Object.fromEntries(Object.entries(data).filter(([name, value]) => IDS.includes(name) && value != null))
