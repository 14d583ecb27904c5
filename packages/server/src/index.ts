// The server as a library: a complete node inside another program or a test.
import type { NodeInspection } from '@parley/core'
import { App } from './app.ts'
import { libraryConfig } from './config/config.ts'
import type { ConfigInput } from './config/schema.ts'
import { nodeCrypto } from './crypto.ts'
import type { LogSink } from './monitoring/log.ts'
import type { TlsFiles } from './net/tls.ts'
import type { PlaygroundOptions } from './playground/page.ts'

export type { CertificateState } from './acme/node-certificate.ts'
export type { ReloadReport } from './admin/reload-report.ts'
export { App } from './app.ts'
export type { AppOptions, NodeStatus } from './app-options.ts'
export {
  type BackendConfig,
  type Config,
  type ConfigSources,
  configOf,
  describeConfig,
  loadConfig,
} from './config/config.ts'
export { ConfigError } from './config/config-error.ts'
export type { ConfigInput, ParsedConfig } from './config/schema.ts'
export { nodeCrypto } from './crypto.ts'
export {
  createDemoBackend,
  type DemoBackend,
  type DemoBackendEvents,
  type DemoBackendOptions,
  type DemoCredentials,
} from './demo/demo-backend.ts'
export { ExpectationError } from './dev/expect/expect-client.ts'
export type { Expectation } from './dev/expect/expectations.ts'
export type { FaultName } from './dev/faults/fault-table.ts'
export { createTestServer } from './dev/test-server.ts'
export type {
  ExpectOptions,
  TestClient,
  TestMember,
  TestServer,
  TestServerAddresses,
  TestServerOptions,
  TestTrace,
} from './dev/test-server-types.ts'
export type { StreamView } from './dev/trace/stream-transcript.ts'
export type {
  ConnectionRecord,
  DatagramRecord,
  DatagramType,
  Fate,
  FaultRecord,
  GatewayRecord,
  KeyRecord,
  MessageRecord,
  RtpFields,
  Side,
  TraceEvent,
  TraceRecord,
} from './dev/trace/trace-record.ts'
export type { Rule, Transcript, Violation } from './dev/trace/transcript.ts'
export type { WorldInput } from './dev/world.ts'
export type { LogSink } from './monitoring/log.ts'
export { ListenError } from './net/listen-error.ts'
export { selfSignedCertificate } from './net/self-signed.ts'
export type { TlsFiles } from './net/tls.ts'
export type { PlaygroundApi, PlaygroundOptions } from './playground/page.ts'
export { Credentials } from './talk/credentials.ts'

/** Settings in the shape of the TOML file, and what an embedding program passes besides. */
export interface ServerOptions extends ConfigInput {
  /** Receives log lines; standard output by default. */
  logSink?: LogSink | undefined
  /** Certificate and key as PEM, instead of the paths `http.tls_cert` and `http.tls_key`. */
  tls?: TlsFiles | undefined
  /** The playground on a separate port, with a backend for its page. Without a backend `http.playground` is enough. */
  playground?: PlaygroundOptions | undefined
}

export interface Server {
  /** URL of the voice gateway, such as `ws://127.0.0.1:40001/`. */
  readonly url: string
  /** URL of LVSP. */
  readonly lvspUrl: string
  /** `host:port` that backends hand to clients. */
  readonly endpoint: string
  /** UDP port of the first lane. */
  readonly mediaPort: number
  /** URL of the playground; undefined if it is disabled. */
  readonly playgroundUrl: string | undefined
  /** Secret of the first backend. */
  readonly secret: string
  /** The complete state of the node, without secrets. */
  inspect(): NodeInspection
  /** Refuses new calls; resolves when the last one has ended, at the latest about a second after `timeout` milliseconds. */
  drain(timeout?: number): Promise<void>
  /** Closes every socket and timer. */
  close(): Promise<void>
}

/**
 * Free ports on loopback, one backend, no log. Packets are forwarded on this thread: a lane's thread takes 200 ms to start, and
 * most embedded nodes belong to a test.
 */
const defaults = (): ConfigInput => ({
  http: { listen: '127.0.0.1:0' },
  media: { listen: '127.0.0.1', port: 0, lanes: 0 },
  log: { level: 'silent' },
})

/**
 * Starts a node. Without options it listens on free ports of loopback, generates a secret for one backend named `main`, logs
 * nothing, and forwards packets on the caller's thread; `media.lanes` above 0 gives them threads. Throws a `ConfigError` or a
 * `ListenError`, each with one sentence.
 *
 * @example
 * ```ts
 * import { createServer, selfSignedCertificate } from '@parley/server'
 *
 * // Encrypted, on a thread of its own, with the log on standard error.
 * const server = await createServer({
 *   tls: selfSignedCertificate(),
 *   media: { lanes: 1 },
 *   log: { level: 'info' },
 *   logSink: process.stderr,
 * })
 * console.log(`voice gateway at ${server.url}, LVSP at ${server.lvspUrl}`)
 * await server.drain(10_000)
 * await server.close()
 * ```
 */
export async function createServer({ logSink, tls, playground, ...options }: ServerOptions = {}): Promise<Server> {
  const backend = options.backend ?? [{ id: 'main', secret: nodeCrypto.randomToken(24) }]
  const config = libraryConfig([defaults(), { ...options, backend }], tls !== undefined)
  const app = await App.start(config, { logSink, tls, playground })
  return {
    url: app.url,
    lvspUrl: app.lvspUrl,
    endpoint: app.endpoint,
    mediaPort: app.mediaPort,
    playgroundUrl: app.playgroundUrl,
    secret: config.backend[0]!.secrets[0]!,
    inspect: () => app.inspect(),
    drain: timeout => app.drain(timeout),
    close: () => app.close(),
  }
}
