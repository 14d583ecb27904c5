// `parley front` as an object: listeners for backends, the front, its links to the nodes and to the coordinator.
import { Front, type FrontInspection, type FrontPorts, type VoiceNode } from '@parley/core'
import type { PlacementKey } from '@parley/protocol'
import { describeCertificate, NodeCertificate } from '../../acme/node-certificate.ts'
import type { AdminListener } from '../../admin/admin-listener.ts'
import { CLUSTER_ROUTES, type ClusterAdministration } from '../../admin/cluster-routes.ts'
import type { Config } from '../../config/config.ts'
import { nodeCrypto } from '../../crypto.ts'
import { Host } from '../../host.ts'
import { SERVER_LIMITS } from '../../limits.ts'
import type { Observer } from '../../monitoring/call-events.ts'
import { type Log, type LogSink, logOptions, openLog } from '../../monitoring/log.ts'
import { openRegistry } from '../../monitoring/metrics.ts'
import { reasonOf, serverNote } from '../../monitoring/notes.ts'
import { blockListOf, dialableHost, hostAndPort } from '../../net/address.ts'
import type { CertificateFacts } from '../../net/certificate.ts'
import { Listener } from '../../net/http.ts'
import { ListenError } from '../../net/listen-error.ts'
import { SocketLimits } from '../../net/socket-limits.ts'
import { readPem, type TlsFiles } from '../../net/tls.ts'
import { Connections, GOING_AWAY } from '../../net/websocket.ts'
import { openAdminListeners } from '../../ports.ts'
import type { Relay } from '../../relay/relay.ts'
import { VERSION } from '../../version.ts'
import type { Coordinator } from '../coordinator.ts'
import { relayFor } from '../relay-setup.ts'
import { usableRecords } from '../usable-records.ts'
import { FrontAdministration } from './front-administration.ts'
import { coreOf, gatewayOf } from './front-core.ts'
import { FRONT_METRICS } from './front-metrics.ts'
import { NodeLinks } from './node-links.ts'

/** What is open before the front runs. */
interface Parts {
  readonly listener: Listener
  readonly admin: readonly AdminListener[]
  readonly coordinator: Coordinator
  readonly certificate: NodeCertificate
  /** Certificate authorities of the nodes, in PEM. */
  readonly authorities: string | undefined
}

/** A front of a cluster with its listener. Nodes and calls do not depend on it. */
export class FrontApp {
  readonly #config: Config
  readonly #listener: Listener
  readonly #admin: readonly AdminListener[]
  readonly #coordinator: Coordinator
  readonly #certificate: NodeCertificate
  readonly #log: Log
  readonly #front: Front
  readonly #host: Host
  readonly #links: NodeLinks
  #observeRequest: Observer = () => {}
  readonly #connections: Connections
  /** Undefined without `cluster.secret_file`: then clients connect to nodes only. */
  readonly #relay: Relay | undefined
  readonly #socketLimits: SocketLimits

  /** Throws a `ListenError` or `ConfigError` whose message is one sentence. Closes the coordinator when it closes. */
  static async start(config: Config, coordinator: Coordinator, logSink?: LogSink): Promise<FrontApp> {
    const { host, port } = config.http.listen
    const { ca } = config.cluster
    const authorities = ca === undefined ? undefined : readPem('cluster.ca', ca)
    const certificate = NodeCertificate.open(config, undefined)
    const tls = certificate.files
    const options = {
      host,
      port,
      root: config.cluster.secrets.length > 0 ? ('gateway' as const) : ('lvsp' as const),
      tls,
      challengeFor: certificate.challengeFor,
      behindProxy: config.http.behind_proxy,
      metricsFrom: blockListOf(config.http.metrics_from),
    }
    const listener = await Listener.open(options).catch(error => {
      throw ListenError.ofPort('http.listen', `TCP port ${port} of ${host}`, error)
    })
    const opened: { close(): Promise<void> }[] = [listener]
    try {
      const admin = await openAdminListeners(config, tls, each => {
        opened.push(each)
        return each
      })
      return new FrontApp(config, { listener, admin, coordinator, certificate, authorities }, logSink)
    } catch (error) {
      await Promise.all(opened.map(each => each.close()))
      throw error
    }
  }

  private constructor(config: Config, parts: Parts, logSink: LogSink | undefined) {
    const { listener, coordinator, authorities } = parts
    this.#config = config
    this.#listener = listener
    this.#admin = parts.admin
    this.#coordinator = coordinator
    this.#certificate = parts.certificate
    this.#log = openLog(logOptions(config), logSink)
    this.#links = new NodeLinks({
      secrets: new Map(config.backend.map(({ id, secrets }) => [id, secrets[0] ?? ''])),
      ca: authorities,
      front: config.cluster.id ?? '',
      feed: input => this.#input(now => input(this.#front, now)),
      failed: (node, backend, reason) => this.#log.note(serverNote('cluster.link_failed', { node, backend, reason })),
    })
    this.#front = new Front({
      crypto: nodeCrypto,
      backends: config.backend.map(({ id, secrets, dialect, legacy_assign: legacyAssign, adopts_tokens }) => {
        return { id, secrets, dialect, legacyAssign, adoptsTokens: adopts_tokens }
      }),
      ports: this.#ports(),
      serverVersion: VERSION,
      random: Math.random,
      wallClock: Date.now,
    })
    const { owners, open } = relayFor(config, coordinator)
    const gateway = config.cluster.secrets.length > 0 ? gatewayOf(config) : undefined
    this.#host = this.#openHost(gateway)
    this.#relay =
      gateway && open({ inputs: this.#host, holds: () => false, config: () => this.#config, note: this.#log.note })
    this.#connections = new Connections(this.#relay ?? this.#host, this.#log.note)
    this.#relay?.attach(this.#connections)
    this.#socketLimits = new SocketLimits(config.http.behind_proxy)
    coordinator.watch(
      usableRecords({
        nodeAnnounced: record => {
          this.#links.announced(record)
          owners.announced(record)
          this.#input(now => this.#front.nodeAnnounced(record, now))
        },
        nodeWithdrawn: id => {
          this.#input(() => this.#front.nodeWithdrawn(id))
          this.#links.withdrawn(id)
          owners.withdrawn(id)
        },
        loadReported: report => this.#input(now => this.#front.loadReported(report, now)),
        availabilityChanged: isAvailable => {
          this.#log.note(serverNote(isAvailable ? 'cluster.connected' : 'cluster.disconnected', {}))
          this.#input(() => this.#front.availabilityChanged(isAvailable))
        },
        malformed: reason => this.#log.note(serverNote('cluster.malformed', { reason })),
      }),
    )
    const metrics = this.#openMetrics()
    const administration = new FrontAdministration({
      id: config.cluster.id ?? '',
      front: this.#front,
      host: this.#host,
      coordinator,
      log: this.#log,
      metrics,
    })
    for (const each of this.#admin) each.serve<ClusterAdministration>(administration, CLUSTER_ROUTES)
    listener.serve({
      connections: this.#connections,
      socketLimits: this.#socketLimits,
      version: VERSION,
      unready: () =>
        this.#certificate.unreadyAt(Date.now()) ?? (this.#front.health > 0 ? undefined : 'no node accepts channels'),
      metrics,
      relay: this.#relay,
    })
    this.#log.note(serverNote('front.started', { version: VERSION, lvsp: this.lvspUrl }))
    this.#keepCertificate()
  }

  /** URL of LVSP on this machine, for backends. */
  get lvspUrl(): string {
    const scheme = this.#certificate.files === undefined ? 'ws' : 'wss'
    return `${scheme}://${hostAndPort(dialableHost(this.#config.http.listen.host), this.#listener.port)}/lvsp`
  }

  /** Its cost grows with the contents of the front. */
  inspect(): FrontInspection {
    return this.#front.inspect()
  }

  /** Reads the certificate files again: new connections get the new certificate. If it cannot be used, the old one stays. */
  reload(): void {
    try {
      const facts = this.#certificate.reload(this.#config)
      const { files } = this.#certificate
      if (facts !== undefined && files !== undefined) this.#present(files, facts)
    } catch (error) {
      const reason = reasonOf(error)
      this.#log.note(serverNote('config.reload_failed', { reason }))
    }
  }

  async close(): Promise<void> {
    const listening = Promise.all([this.#listener, ...this.#admin].map(listener => listener.close()))
    this.#socketLimits.close()
    this.#relay?.close()
    await this.#connections.shutdown(GOING_AWAY, 'the front is stopping', SERVER_LIMITS.closeGrace)
    await listening
    this.#host.close()
    await Promise.all([this.#links.close(), this.#certificate.close()])
    await this.#coordinator.close()
    await this.#log.end()
  }

  /** Obtains and renews it, if the configuration says so. New connections get it. */
  #keepCertificate(): void {
    this.#certificate.keep({
      obtained: (files, facts) => this.#present(files, facts),
      failed: (reason, failures, delay) =>
        this.#log.note(serverNote('acme.failed', { reason, failures, retry: Math.round(delay / 1_000) })),
    })
  }

  #present(files: TlsFiles, facts: CertificateFacts): void {
    const { http, admin } = this.#config
    this.#listener.reload(files, blockListOf(http.metrics_from))
    for (const each of this.#admin) each.reload(files, admin.token)
    const described = describeCertificate(facts)
    this.#log.note(serverNote('tls.reloaded', { ...described, names: described.names.join(' ') }))
  }

  #openHost(gateway: VoiceNode | undefined): Host {
    return new Host(
      coreOf(this.#front, gateway),
      {
        send: (connection, data) => this.#connections.send(connection, data),
        close: (connection, code, reason) => this.#connections.close(connection, code, reason),
        authenticated: (connection, backend) => this.#connections.authenticated(connection, backend),
        lane: () => {},
        note: this.#log.note,
        flush: () => this.#connections.flush(),
      },
      () => performance.now(),
    )
  }

  #ports(): FrontPorts {
    const links = this.#links
    const coordinator = this.#coordinator
    return {
      backendChanged: (tenant, presence) => links.backendChanged(tenant, presence),
      request: (id, node, tenant, request) =>
        void this.#timed(request.kind, links.request(node, tenant, request)).then(answer =>
          this.#input(() => this.#front.answered(id, answer)),
        ),
      countViews: (id, node, tenant) =>
        void links.countViews(node, tenant).then(views => this.#input(now => this.#front.viewsCounted(id, views, now))),
      command: (node, tenant, command) => links.command(node, tenant, command),
      change: (id, { key, record, revision }) =>
        void this.#timed(
          'placement',
          revision === undefined ? coordinator.place(key, record) : coordinator.replace(key, record, revision),
        ).then(outcome => this.#input(() => this.#front.coordinated(id, outcome))),
      find: (id, key) =>
        void coordinator.find(key).then(outcome => this.#input(() => this.#front.coordinated(id, outcome))),
      release: (key, epoch, revision) => void release(coordinator, key, epoch, revision),
      probe: record =>
        void links.probe(record).then(outcome => this.#input(now => this.#front.probed(record, outcome, now))),
    }
  }

  async #timed<Answer>(request: string, answer: Promise<Answer>): Promise<Answer> {
    const from = performance.now()
    const answered = await answer
    this.#observeRequest({ request }, (performance.now() - from) / 1_000)
    return answered
  }

  #openMetrics(): () => Promise<string> {
    return openRegistry(FRONT_METRICS, {
      version: VERSION,
      health: () => this.#front.health,
      inspect: () => this.#front.inspect(),
      isCoordinatorAvailable: () => this.#coordinator.isAvailable,
      connections: this.#connections.counts,
      messages: this.#connections.totals,
      failures: this.#host.failures,
      links: () => this.#links.counts,
      certificate: () => this.#certificate.validity,
      certificateRenewals: () => this.#certificate.renewals,
      observeRequests: observer => {
        this.#observeRequest = observer
      },
    })
  }

  #input(input: (now: number) => void): void {
    this.#host.operate(input)
  }
}

/** Where another front placed the channel, the revision is looked up; a later placement stays. */
async function release(coordinator: Coordinator, key: PlacementKey, epoch: number, known?: number): Promise<void> {
  if (known !== undefined) return coordinator.release(key, known)
  const found = await coordinator.find(key)
  if (found.kind === 'unavailable' || found.placed === undefined || found.placed.record.epoch > epoch) return
  await coordinator.release(key, found.placed.revision)
}
