// Composition: configuration → lanes → listeners → node → host; start, reload, drain, stop.
import { type LaneEvent, type NodeInspection, type NoteFields, type Operator, VoiceNode } from '@parley/core'
import { type CertificateState, describeCertificate, NodeCertificate } from './acme/node-certificate.ts'
import { Administration } from './admin/administration.ts'
import type { ReloadReport } from './admin/reload-report.ts'
import { ADMIN_ROUTES } from './admin/routes.ts'
import type { AppOptions, NodeStatus } from './app-options.ts'
import { changesBetween } from './config/changes.ts'
import type { Config } from './config/config.ts'
import { Host } from './host.ts'
import type { LanesObserver } from './lane/thread/lanes.ts'
import { SERVER_LIMITS } from './limits.ts'
import { Measurements } from './measurements.ts'
import { type Log, logOptions, openLog } from './monitoring/log.ts'
import { type SERVER_NOTES, type ServerNoteName, serverNote } from './monitoring/notes.ts'
import type { CertificateFacts } from './net/certificate.ts'
import { SocketLimits } from './net/socket-limits.ts'
import { Connections, GOING_AWAY } from './net/websocket.ts'
import { nodeOptions, nodeSettings } from './node-options.ts'
import { Playground } from './playground/page.ts'
import {
  listenersOf,
  openPorts,
  type Ports,
  present,
  startNotes,
  tcpListenersOf,
  urlsOf,
  webListeners,
} from './ports.ts'
import type { Relay } from './relay/relay.ts'
import { isSettledWithin } from './settled.ts'
import { PublicAddressWatch } from './stun/public-address-watch.ts'
import { VERSION } from './version.ts'

/**
 * A node with all of its listeners, as `parley serve` runs it: configuration from a file, reloads, draining. `createServer` is
 * simpler where settings are in the program.
 *
 * @example
 * ```ts
 * import { App, loadConfig } from '@parley/server'
 *
 * const app = await App.start(loadConfig({ file: '/etc/parley/parley.toml', environment: process.env }))
 * process.on('SIGHUP', () => app.reload())
 * process.once('SIGTERM', async () => {
 *   await app.drain()
 *   await app.close()
 * })
 * ```
 */
export class App {
  #config: Config
  /** Reads the configuration again. */
  readonly #read: () => Config
  #handedOver: (() => void) | undefined
  readonly #certificate: NodeCertificate
  /** Undefined without `media.stun`. */
  #watch: PublicAddressWatch | undefined
  readonly #ports: Ports
  readonly #urls: ReturnType<typeof urlsOf>
  readonly #log: Log
  readonly #node: VoiceNode
  readonly #host: Host
  readonly #connections: Connections
  readonly #relay: Relay | undefined
  readonly #socketLimits: SocketLimits
  readonly #measurements: Measurements
  readonly #startedAt = performance.now()
  #isDraining = false
  /** The process drains in order to end. */
  #isStopping = false
  #closed: Promise<void> | undefined

  /** Opens every port, or none: throws a `ListenError` or `ConfigError` whose message is one sentence. */
  static async start(config: Config, options: AppOptions = {}): Promise<App> {
    const certificate = NodeCertificate.open(config, options.tls)
    let app: App | undefined
    const notify = (what: (app: App) => void) => void (app !== undefined && what(app))
    const observer: LanesObserver = {
      laneEvents: (lane, events) => notify(app => app.#laneEvents(lane, events)),
      laneLost: (lane, reason) => notify(app => app.#laneLost(lane, reason)),
      laneReplaced: (lane, port) => notify(app => app.#host.laneReplaced(lane, port)),
      laneMissing: (lane, reason) => notify(app => app.#note('lane.missing', { lane, reason })),
    }
    const ports = await openPorts(config, certificate, options, observer)
    app = new App(config, ports, certificate, options)
    return app
  }

  private constructor(
    config: Config,
    ports: Ports,
    certificate: NodeCertificate,
    { logSink, playground, reload, relay, handedOver }: AppOptions,
  ) {
    this.#config = config
    this.#read = reload ?? (() => this.#config)
    this.#handedOver = handedOver
    this.#certificate = certificate
    this.#ports = ports
    this.#urls = urlsOf(ports, config, certificate.files !== undefined)
    this.#log = openLog(logOptions(config), logSink)
    this.#node = new VoiceNode({ ...nodeOptions(config, this.endpoint, ports), ...(relay && { crypto: relay.crypto }) })
    this.#socketLimits = new SocketLimits(config.http.behind_proxy)
    const host = new Host(
      this.#node,
      {
        send: (connection, data) => this.#connections.send(connection, data),
        close: (connection, code, reason) => this.#connections.close(connection, code, reason),
        authenticated: (connection, backend) => {
          this.#relay?.authenticated(connection)
          this.#connections.authenticated(connection, backend)
        },
        lane: (lane, command) => {
          ports.iceTcp?.command(lane, command)
          ports.lanes.command(lane, command)
        },
        note: this.#log.note,
        flush: () => {
          // Before the messages: a client that reads Ready sends discovery at once, and the lane must know its peer by then.
          ports.lanes.flush()
          this.#connections.flush()
        },
      },
      () => performance.now(),
    )
    this.#host = host
    this.#relay = relay?.open({
      inputs: host,
      note: this.#log.note,
      holds: question => this.#node.operator.holds(question),
      config: () => this.#config,
    })
    this.#connections = new Connections(this.#relay ?? host, this.#log.note)
    this.#relay?.attach(this.#connections)
    const hasPage = config.http.playground || playground !== undefined
    this.#measurements = new Measurements({
      node: this.#node,
      host,
      ports,
      certificate,
      log: this.#log,
      connections: this.#connections,
      socketLimits: this.#socketLimits,
      relay: this.#relay,
      isDraining: () => this.#isDraining,
    })
    const metrics = this.#measurements.open()
    this.#serve(hasPage ? new Playground(playground?.api) : undefined, metrics)
    this.#administer(metrics)
    for (const note of startNotes(ports, config)) this.#log.note(note)
    this.#note('node.started', { version: VERSION, endpoint: this.endpoint, mediaPort: this.mediaPort })
    certificate.keep({
      obtained: (files, facts) => {
        present(this.#ports, files, this.#config)
        this.#noted(facts)
      },
      failed: (reason, failures, delay) =>
        this.#note('acme.failed', { reason, failures, retry: Math.round(delay / 1_000) }),
    })
    if (config.media.stun.length > 0) this.#watch = this.#watchAddress(config.media.stun)
  }

  /** `host:port` that backends hand to clients. */
  get endpoint(): string {
    return this.#urls.endpoint
  }
  /** URL of the voice gateway on this machine. */
  get url(): string {
    return this.#urls.gateway
  }
  /** URL of LVSP on this machine. */
  get lvspUrl(): string {
    return this.#urls.lvsp
  }
  /** URL of the playground; undefined if it is disabled. */
  get playgroundUrl(): string | undefined {
    return this.#urls.playground
  }
  /** Port of `admin.listen`; undefined without it. */
  get adminPort(): number | undefined {
    return this.#ports.admin.map(({ port }) => port).find(port => port !== undefined)
  }
  /** The certificate that the node obtains itself; undefined without `acme.names`. */
  get certificate(): CertificateState | undefined {
    return this.#certificate.state
  }
  /** How long `drain` waits by default, in milliseconds. */
  get drainTimeout(): number {
    return this.#config.voice.drain_timeout
  }
  /** UDP port of the first lane. */
  get mediaPort(): number {
    return this.#ports.lanes.all[0]!.port
  }

  /** The load of the node, at constant cost. */
  get status(): NodeStatus {
    const { packetsOut } = this.#measurements
    const packetsPerSecond = this.#ports.lanes.copiesPerSecond
    return { ...this.#node.sizes, isDraining: this.#isDraining, packetsOut, packetsPerSecond }
  }

  /** The state of the node without secrets. Its cost grows with the node's contents. */
  inspect(): NodeInspection {
    return this.#node.inspect()
  }

  /** Runs an action of the operator as an input of the node. Undefined if the node is closed, or failed at it. */
  operate<Answer>(action: (operator: Operator, now: number) => Answer): Answer | undefined {
    return this.#host.operate(now => action(this.#node.operator, now))
  }

  /**
   * Reads the configuration (`AppOptions.reload`) and the certificate again and applies what changed: everything, or nothing if
   * something is wrong, which is logged. Settings that need a restart keep their value.
   */
  reload(): ReloadReport {
    try {
      const { applied, restart, config } = changesBetween(this.#config, this.#read())
      const certificate = this.#certificate.reload(config)
      this.#apply(config)
      this.#note('config.reloaded', { applied: applied.join(' '), restart: restart.join(' ') })
      for (const warning of config.warnings) this.#note('config.warning', { warning })
      const report = { applied: [...applied], restart: [...restart], warnings: [...config.warnings] }
      return { ...report, ...this.#noted(certificate) }
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      this.#note('config.reload_failed', { reason })
      return { applied: [], restart: [], warnings: [], error: reason }
    }
  }

  /**
   * Refuses new calls; resolves when the last call has ended, at the latest `timeout` milliseconds later, when the calls that
   * remain are closed. Backends stay connected and receive a health of 0.
   */
  async drain(timeout: number = this.#config.voice.drain_timeout): Promise<void> {
    this.#isStopping = true
    this.#beginDrain(timeout)
    await isSettledWithin(this.#connections.gatewayEmpty(), timeout + SERVER_LIMITS.closeGrace)
  }

  /**
   * Another process may listen on the TCP ports from now on. Connections and UDP ports stay, and the admin socket, through which a
   * successor asks for the rest.
   */
  releasePorts(): void {
    for (const listener of tcpListenersOf(this.#ports)) listener.release()
    void this.#certificate.close()
  }

  /** As `drain`, but the process stays. Not while it stops: returns false then. */
  beginDrain(timeout: number = this.#config.voice.drain_timeout): boolean {
    if (this.#isStopping) return false
    this.#beginDrain(timeout)
    return true
  }

  /** Stops draining that `beginDrain` began. Returns false if the node does not drain, or stops. */
  undrain(): boolean {
    if (this.#isStopping || !this.#host.operate(() => this.#node.operator.undrain())) return false
    this.#isDraining = false
    return true
  }

  #beginDrain(timeout: number): void {
    this.#isDraining = true
    this.#host.drain(timeout)
  }

  /** Frees everything; calls in progress are closed. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  /** The certificate may have been added or removed: that needs a restart, as its listeners are open. */
  #apply(config: Config): void {
    const settings = nodeSettings(config, this.#watch?.address)
    this.#host.perform(now => this.#node.operator.configure(settings, now))
    this.#log.level = config.log.level
    this.#config = config
    present(this.#ports, this.#certificate.files, config)
  }

  #noted(certificate: CertificateFacts | undefined): Pick<ReloadReport, 'certificate'> {
    if (certificate === undefined) return {}
    const described = describeCertificate(certificate)
    this.#note('tls.reloaded', { ...described, names: described.names.join(' ') })
    return { certificate: described }
  }

  async #close(): Promise<void> {
    const timeout = SERVER_LIMITS.stopTimeout
    if (!(await isSettledWithin(this.#closePorts(), timeout))) this.#note('node.close_incomplete', { timeout })
    this.#note('node.stopped', {})
    await this.#log.end()
  }

  /** Order: no new connections, then the sessions and WebSockets, then what they used. */
  async #closePorts(): Promise<void> {
    this.#isDraining = true
    this.#isStopping = true
    const listening = listenersOf(this.#ports).map(listener => listener.close())
    this.#socketLimits.close()
    this.#host.drain(0)
    this.#relay?.close()
    await this.#connections.shutdown(GOING_AWAY, 'the node is stopping', SERVER_LIMITS.closeGrace)
    this.#ports.iceTcp?.close()
    await Promise.all([...listening, this.#certificate.close()])
    this.#measurements.close()
    this.#watch?.close()
    this.#host.close()
    await this.#ports.lanes.close()
    if (this.#ports.dtls.ok) this.#ports.dtls.value.close()
  }

  #administer(metrics: () => Promise<string>): void {
    const { engine, aead } = this.#ports.engine
    const administration = new Administration({
      node: this.#node,
      host: this.#host,
      log: this.#log,
      metrics,
      server: () => ({
        version: VERSION,
        pid: process.pid,
        uptime: Math.round((performance.now() - this.#startedAt) / 1_000),
        endpoint: this.endpoint,
        engine: `${engine} (${aead})`,
        certificate: this.#certificate.state,
      }),
      condition: () => this.#measurements.condition(),
      drain: timeout => this.beginDrain(timeout),
      undrain: () => this.undrain(),
      reload: () => this.reload(),
      handOver: () => this.#handOver(),
    })
    for (const listener of this.#ports.admin) listener.serve(administration, ADMIN_ROUTES)
  }

  /** Order: the ports, as the successor waits for them; then the backends, which reach it when they connect again. */
  #handOver(): boolean {
    const handedOver = this.#handedOver
    if (this.#closed !== undefined || handedOver === undefined) return false
    this.#handedOver = undefined
    this.releasePorts()
    for (const listener of this.#ports.admin) listener.release()
    this.#connections.closeLvsp(GOING_AWAY, 'a successor takes over')
    this.#note('node.handed_over', {})
    // A process that a signal ends drains already.
    if (!this.#isStopping) handedOver()
    this.#isStopping = true
    return true
  }

  #watchAddress(servers: readonly string[]): PublicAddressWatch {
    return new PublicAddressWatch(servers, {
      changed: address => {
        const settings = nodeSettings(this.#config, address)
        this.#host.operate(now => this.#node.operator.configure(settings, now))
        this.#note('media.public_address', { address })
      },
      unanswered: () => this.#note('media.stun_failed', {}),
    })
  }

  /** From now on the listeners answer; before, they reply with 503. */
  #serve(playground: Playground | undefined, metrics: () => Promise<string>): void {
    const unready = () => (this.#isDraining ? 'draining' : this.#certificate.unreadyAt(Date.now()))
    const service = {
      connections: this.#connections,
      socketLimits: this.#socketLimits,
      version: VERSION,
      unready,
      metrics,
      relay: this.#relay,
    }
    for (const listener of webListeners(this.#ports)) listener.serve({ ...service, playground })
  }

  #laneEvents(lane: number, events: readonly LaneEvent[]): void {
    for (const event of events) {
      if (event.kind === 'counters') this.#measurements.reported(lane, event.counters)
      this.#host.laneEvent(lane, event)
    }
  }

  #laneLost(lane: number, reason: string): void {
    this.#measurements.laneLost(lane)
    this.#ports.iceTcp?.laneLost(lane)
    this.#host.laneLost(lane, reason)
  }

  #note<Event extends ServerNoteName>(event: Event, fields: NoteFields<typeof SERVER_NOTES, Event>): void {
    this.#log.note(serverNote(event, fields))
  }
}
