// Opens what a node listens on: lanes, listeners, the DTLS of WebRTC clients. All of it, or none.
import { availableParallelism } from 'node:os'
import type { Result } from '@parley/core'
import type { NodeCertificate } from './acme/node-certificate.ts'
import { AdminListener, type AdminListenerOptions } from './admin/admin-listener.ts'
import type { AppOptions } from './app-options.ts'
import type { Config } from './config/config.ts'
import { ConfigError } from './config/config-error.ts'
import { OpensslDtls } from './dtls/openssl-dtls.ts'
import { IceTcp } from './ice-tcp/ice-tcp.ts'
import { chooseEngine, type EngineChoice } from './lane/engine/engine.ts'
import { LanePortError, Lanes, type LanesObserver, type LanesOptions } from './lane/thread/lanes.ts'
import { type NodeNote, serverNote } from './monitoring/notes.ts'
import { blockListOf, dialableHost, hostAndPort } from './net/address.ts'
import { Listener } from './net/http.ts'
import { ListenError } from './net/listen-error.ts'
import { hasIpv4, hasTcpMedia } from './net/media-addresses.ts'
import { selfSignedCertificate } from './net/self-signed.ts'
import type { TlsFiles } from './net/tls.ts'
import type { PlaygroundOptions } from './playground/page.ts'

/** The last UDP port. */
const HIGHEST_PORT = 65_535

/** Everything that is open. Listeners answer with 503 until `serve` is called. */
export interface Ports {
  /** For WebRTC clients, or the reason why there is none. */
  dtls: Result<OpensslDtls>
  http: Listener
  lvsp: Listener | undefined
  /** The playground's own listener. */
  page: Listener | undefined
  admin: readonly AdminListener[]
  lanes: Lanes
  engine: EngineChoice
  /** For browsers without UDP, on the port of `http`; undefined where `media.tcp` disables it. */
  iceTcp: IceTcp | undefined
}

/** Throws a `ListenError` or `ConfigError` whose message is one sentence; then nothing is open. */
export async function openPorts(
  config: Config,
  certificate: NodeCertificate,
  { playground, isSuccessor = false }: Pick<AppOptions, 'playground' | 'isSuccessor'>,
  observer: LanesObserver,
): Promise<Ports> {
  const opened: { close(): Promise<void> }[] = []
  const keep = <Port extends { close(): Promise<void> }>(port: Port): Port => {
    opened.push(port)
    return port
  }
  const tls = certificate.files
  const { challengeFor } = certificate
  const listener = {
    tls,
    challengeFor,
    behindProxy: config.http.behind_proxy,
    metricsFrom: blockListOf(config.http.metrics_from),
  }
  try {
    const { http, lvsp, media } = config
    const { engine, lanes } = await openLanes(media, isSuccessor, observer)
    keep(lanes)
    const hasTcp = hasTcpMedia(config, tls !== undefined)
    const iceTcp = hasTcp ? new IceTcp({ ip: media.listen, lanes: () => lanes.all }) : undefined
    const main = keep(await openListener('http.listen', { ...listener, ...http.listen, root: 'gateway', iceTcp }))
    const second = lvsp.listen && { ...listener, ...lvsp.listen, root: 'lvsp' as const }
    const dtls = await OpensslDtls.open(selfSignedCertificate())
    const extra = second && keep(await openListener('lvsp.listen', second))
    const own = playground && { ...listener, ...ownPage(playground) }
    const page = own && keep(await openListener('playground', own))
    const admin = await openAdminListeners(config, tls, keep)
    return { lanes, engine, iceTcp, dtls, http: main, lvsp: extra, page, admin }
  } catch (error) {
    await Promise.all(opened.map(port => port.close()))
    throw error
  }
}

/** Those of clients and backends. */
export const webListeners = ({ http, lvsp, page }: Ports): Listener[] =>
  [http, lvsp, page].filter(listener => listener !== undefined)
/** All TCP ports and sockets. */
export const listenersOf = (ports: Ports): (Listener | AdminListener)[] => [...webListeners(ports), ...ports.admin]

/** Those of TCP ports. A process that is succeeded keeps its admin socket for the last question of its successor. */
export const tcpListenersOf = (ports: Ports): (Listener | AdminListener)[] =>
  listenersOf(ports).filter(({ port }) => port !== undefined)

/** Where the services of a node are reached from this machine. */
export function urlsOf({ http, lvsp, page }: Ports, config: Config, isSecure: boolean) {
  const at = ({ host }: { host: string }, { port }: Listener) =>
    `${isSecure ? 'wss' : 'ws'}://${hostAndPort(dialableHost(host), port)}/`
  const gateway = at(config.http.listen, http)
  const { endpoint = hostAndPort(config.http.listen.host, http.port) } = config.http
  const playground = config.http.playground ? `${gateway.replace(/^ws/, 'http')}playground/` : undefined
  return {
    /** `host:port` that backends hand to clients. */
    endpoint,
    gateway,
    lvsp: config.lvsp.listen === undefined || lvsp === undefined ? `${gateway}lvsp` : at(config.lvsp.listen, lvsp),
    playground: page === undefined ? playground : `http://127.0.0.1:${page.port}/playground/`,
  }
}

/** What the log says of ports that were opened. */
export function* startNotes({ engine, lanes, dtls }: Ports, { media, warnings }: Config): Iterable<NodeNote> {
  yield serverNote('lanes.started', { ...engine, lanes: lanes.all.length })
  for (const warning of warnings) yield serverNote('config.warning', { warning })
  if (!dtls.ok) yield serverNote('webrtc.unavailable', { reason: dtls.reason })
  if (!hasIpv4(media)) yield serverNote('media.no_ipv4', {})
}

/** New connections get this certificate, and what else of the configuration belongs to listeners. */
export function present(ports: Ports, tls: TlsFiles | undefined, config: Config): void {
  const metricsFrom = blockListOf(config.http.metrics_from)
  for (const listener of webListeners(ports)) listener.reload(tls, metricsFrom)
  for (const listener of ports.admin) listener.reload(tls, config.admin.token)
}

/** None unless the configuration names an address. */
function adminListeners({ admin }: Config, tls: TlsFiles | undefined): AdminListenerOptions[] {
  const { socket, listen, token, dashboard } = admin
  return [
    ...(socket === undefined ? [] : [{ kind: 'socket' as const, path: socket }]),
    ...(listen === undefined || token === undefined
      ? []
      : [{ kind: 'http' as const, ...listen, token, tls, dashboard }]),
  ]
}

/** The listeners of the admin API; `keep` is called with each that is open. */
export async function openAdminListeners(
  config: Config,
  tls: TlsFiles | undefined,
  keep: (listener: AdminListener) => AdminListener,
): Promise<readonly AdminListener[]> {
  const opened: AdminListener[] = []
  for (const options of adminListeners(config, tls)) opened.push(keep(await openAdmin(options)))
  return opened
}

async function openAdmin(options: AdminListenerOptions): Promise<AdminListener> {
  try {
    return await AdminListener.open(options)
  } catch (error) {
    if (options.kind === 'socket') throw ListenError.ofPort('admin.socket', `the socket ${options.path}`, error)
    throw ListenError.ofPort('admin.listen', `TCP port ${options.port} of ${options.host}`, error)
  }
}

/** Without TLS: browsers grant the microphone to pages of the same machine, and no certificate has to be trusted. */
const ownPage = ({ port }: PlaygroundOptions) =>
  ({ host: '127.0.0.1', port, tls: undefined, behindProxy: false, root: 'gateway' }) as const

/** `key` is the setting that names the address, for the error message. */
async function openListener(key: string, options: Parameters<typeof Listener.open>[0]): Promise<Listener> {
  try {
    return await Listener.open(options)
  } catch (error) {
    throw ListenError.ofPort(key, `TCP port ${options.port} of ${options.host}`, error)
  }
}

/** One lane per core but one, unless the configuration says otherwise. */
async function openLanes(
  { listen, port, lanes, engine, announce }: Config['media'],
  isSuccessor: boolean,
  observer: LanesObserver,
): Promise<{ lanes: Lanes; engine: EngineChoice }> {
  const count = lanes ?? Math.max(1, availableParallelism() - 1)
  if (port !== 0 && port + count - 1 > HIGHEST_PORT)
    throw new ConfigError(
      `media.port: expected at most ${HIGHEST_PORT - count + 1}, because each of ${count} lanes takes a port, found ${port}`,
    )
  const choice = await chooseEngine(engine, count)
  if (!choice.ok) throw new ListenError(`media.engine: the ffi engine cannot run here: ${choice.reason}`)
  const chosen = choice.value
  // Without an address a lane listens on IPv6 and IPv4, or on IPv4 only where the system has no IPv6.
  const options = { engine: chosen.engine, count, ip: listen === '::' ? undefined : listen, port, addresses: announce }
  try {
    return { lanes: await openFree(options, isSuccessor, observer), engine: chosen }
  } catch (error) {
    if (!(error instanceof LanePortError)) throw error
    const taken = ListenError.ofPort('media.port', `UDP port ${error.port} of ${listen}`, error.cause)
    if (isSuccessor || !isTaken(error) || !(taken instanceof ListenError)) throw taken
    throw new ListenError(`${taken.message}; --take-over starts beside a node that still has calls there`, taken)
  }
}

const isTaken = (error: unknown): boolean =>
  error instanceof LanePortError && (error.cause as NodeJS.ErrnoException).code === 'EADDRINUSE'

/** A process that is succeeded keeps its UDP ports until its last call has ended; the next block of ports is free then. */
async function openFree(options: LanesOptions, isSuccessor: boolean, observer: LanesObserver): Promise<Lanes> {
  try {
    return await Lanes.open(options, observer)
  } catch (error) {
    const port = options.port + Math.max(1, options.count)
    if (!isSuccessor || !isTaken(error) || port + options.count > HIGHEST_PORT) throw error
    return Lanes.open({ ...options, port }, observer)
  }
}
