// What a test server consists of: a world, the main gateway, HTTP, nodes and faults.
import { rmSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { VoiceClose } from '@parley/protocol'
import { nodeCrypto } from '../crypto.ts'
import { SERVER_LIMITS } from '../limits.ts'
import { writeCertificate } from '../net/certificate-file.ts'
import { selfSignedCertificate } from '../net/self-signed.ts'
import type { TlsFiles } from '../net/tls.ts'
import { Calls } from './calls.ts'
import type { ControlContext } from './control-context.ts'
import { Directory } from './directory.ts'
import type { FaultName } from './faults/fault-table.ts'
import { type FaultTarget, UserFaults } from './faults/user-faults.ts'
import { MainGateway } from './gateway/main-gateway.ts'
import { type Answer, RequestError } from './http/answer.ts'
import { answerControl } from './http/control.ts'
import { answerRest } from './http/rest.ts'
import { TestListener } from './http/test-listener.ts'
import { TestNode } from './test-node.ts'
import type { TestServerOptions } from './test-server-types.ts'
import { Trace } from './trace/trace.ts'
import type { Recorder } from './trace/trace-record.ts'
import type { Violation } from './trace/transcript.ts'
import { worldOf } from './world.ts'

/** Faults that happen once, on the main gateway. */
const GATEWAY_ACTIONS: readonly FaultName[] = ['close-gateway', 'gateway-reconnect', 'invalid-session']

/** Opens and closes everything; composes it. */
export class TestServerParts implements ControlContext {
  readonly directory: Directory
  readonly gateway: MainGateway
  readonly calls: Calls
  readonly seed: number
  readonly trace: Trace
  readonly token = nodeCrypto.randomToken(24)
  readonly #tls: TlsFiles
  readonly #options: TestServerOptions
  readonly #faults = new Map<string, UserFaults>()
  readonly #nodes: TestNode[] = []
  #second: Promise<TestNode> | undefined
  #listener: TestListener | undefined
  #ca: string | undefined
  #closing: Promise<void> | undefined

  constructor(options: TestServerOptions) {
    const { guilds, users } = worldOf(options.world ?? {})
    this.#options = options
    this.#tls = options.tls ?? selfSignedCertificate()
    this.seed = options.seed ?? 1
    const startedAt = performance.now()
    this.trace = new Trace(
      () => performance.now() - startedAt,
      (userId, violation) => this.#violated(userId, violation),
    )
    this.directory = new Directory(guilds, users)
    this.gateway = new MainGateway({
      directory: this.directory,
      faultsOf: this.faultsOf,
      recorderOf: this.recorderOf,
      url: () => `ws://${this.listener.address}/`,
    })
    const nodes = { first: () => this.first, other: (than: TestNode) => this.#otherNode(than) }
    this.calls = new Calls(this.directory, this.gateway, nodes, this.faultsOf)
    this.gateway.serve(this.calls)
  }

  /** The node first, so that no client meets a server without one. */
  async open(): Promise<void> {
    this.#nodes.push(await this.#openNode())
    this.#ca = writeCertificate(this.#tls.cert)
    this.#listener = await TestListener.open(this.#options.port ?? 0, {
      answer: (path, request) => this.#answer(path, request),
      connected: (socket, query) => this.gateway.accept(socket, query),
    })
  }

  get listener(): TestListener {
    return this.#listener!
  }
  get first(): TestNode {
    return this.#nodes[0]!
  }
  get ca(): string {
    return this.#ca!
  }

  /** The faults of a user, created with the first request. */
  faultsOf = (userId: string): UserFaults => {
    const known = this.#faults.get(userId)
    // A voice client may name any user: only those of the world keep faults.
    const faults = known ?? new UserFaults(this.#target(userId))
    if (known === undefined && this.directory.users.has(userId)) this.#faults.set(userId, faults)
    return faults
  }

  /** Users that the world does not know are not recorded. */
  recorderOf = (userId: string): Recorder =>
    this.directory.users.has(userId) ? record => this.trace.add(userId, record) : () => {}

  /** Destroys the user's voice WebSockets. Returns how many. */
  dropVoice = (userId: string): number => {
    const links = this.#linksOf(userId)
    for (const link of links) link.drop()
    return links.length
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** Faults first, so that none acts on what is being closed. */
  async #close(): Promise<void> {
    for (const faults of this.#faults.values()) faults.clear()
    this.gateway.close()
    this.calls.close()
    await this.#listener?.close()
    await this.#second
    await Promise.all(this.#nodes.map(node => node.close()))
    if (this.#ca !== undefined) rmSync(join(this.#ca, '..'), { recursive: true, force: true })
  }

  /** Open voice connections of a user, on all nodes. */
  #linksOf = (userId: string) => this.#nodes.flatMap(node => node.front.links(userId))

  /** Where the faults of a user act, and where they are recorded. */
  #target = (userId: string): FaultTarget => ({
    began: (name, value) => this.trace.add(userId, { kind: 'fault', name, ...(value !== undefined && { value }) }),
    act: (name, value) => this.#act(userId, name, value),
  })

  /** With the fault `strict` a client that breaks a rule is disconnected, with the rule as the reason. */
  #violated(userId: string, { sentence }: Violation): void {
    if (this.faultsOf(userId).value('strict') === undefined) return
    const reason = sentence.replace(/[^ -~]/g, '').slice(0, SERVER_LIMITS.maxCloseReason)
    for (const link of this.#linksOf(userId)) link.close(VoiceClose.BadRequest, reason)
  }

  /** A fault that happens once. */
  #act(userId: string, name: FaultName, value: number): void {
    if (name === 'endpoint-move') return void this.calls.moveEndpoint(userId)
    if (name === 'endpoint-null') return this.calls.withdrawEndpoint(userId)
    if (name === 'endpoint-again') return this.calls.repeatEndpoint(userId)
    if (name === 'drop-gateway') return this.gateway.drop(userId)
    if (GATEWAY_ACTIONS.includes(name)) return this.gateway.act(userId, name, value)
    for (const link of this.#linksOf(userId)) link.act(name, value)
  }

  #openNode(): Promise<TestNode> {
    const { voice, voiceHost, log, logSink } = this.#options
    return TestNode.open({
      tls: this.#tls,
      voiceHost: voiceHost ?? '127.0.0.1',
      seed: this.seed,
      settings: { ...(voice && { voice }), ...(log && { log }) },
      logSink,
      faultsOf: this.faultsOf,
      recorderOf: this.recorderOf,
      restarted: node => this.calls.nodeRestarted(node),
      voiceEnded: event => this.calls.voiceEnded(event),
      voiceStarted: (userId, node) => {
        const others = this.#nodes.filter(other => other !== node)
        this.calls.voiceStarted(userId, node, others)
      },
    })
  }

  /** The second node starts when a fault first needs it. */
  async #otherNode(than: TestNode): Promise<TestNode> {
    this.#second ??= this.#openNode().then(node => {
      this.#nodes.push(node)
      return node
    })
    const second = await this.#second
    return than === second ? this.first : second
  }

  #answer(path: string, request: IncomingMessage): Promise<Answer> {
    if (/^\/control(?=\/|$)/.test(path)) return answerControl(this, path.slice('/control'.length), request)
    const { directory, calls } = this
    if (path.startsWith('/api/'))
      return answerRest({ directory, calls, gatewayUrl: () => `ws://${this.listener.address}/` }, path, request)
    throw new RequestError(404, '404: Not Found')
  }

  /** Voice connections that are open. */
  connectionsOf = (userId: string): number => this.#linksOf(userId).length
  dropGateway = (userId: string): void => this.gateway.drop(userId)
  stopNode = (): Promise<void> => this.first.stop()
  startNode = (): Promise<void> => this.first.start()
}
