// The server as a library: a whole node inside someone's process or test.
import { App, type PlaygroundSurroundings } from './app.ts'
import { configOf } from './config/config.ts'
import type { ConfigInput } from './config/schema.ts'
import { nodeCrypto } from './crypto.ts'
import type { LogSink } from './log.ts'
import type { TlsFiles } from './net/tls.ts'

export { App } from './app.ts'
export {
  type BackendConfig,
  type Config,
  type ConfigSources,
  configOf,
  describeConfig,
  loadConfig,
} from './config/config.ts'
export { ConfigError } from './config/config-error.ts'
export type { ConfigInput } from './config/schema.ts'
export { nodeCrypto } from './crypto.ts'
export {
  createDemoBackend,
  type DemoBackend,
  type DemoBackendEvents,
  type DemoBackendOptions,
  type DemoCredentials,
} from './demo/demo-backend.ts'
export type { LogSink } from './log.ts'
export { ListenError } from './net/listen-error.ts'
export { selfSignedCertificate } from './net/self-signed.ts'
export type { TlsFiles } from './net/tls.ts'

/** Settings in the shape of the TOML file, and where log lines go. */
export interface ServerOptions extends ConfigInput {
  /** Takes log lines; by default standard output. */
  logSink?: LogSink | undefined
  /** Certificate and key as PEM, in place of `http.tls_cert` and `http.tls_key`, which are paths. */
  tls?: TlsFiles | undefined
  /** The playground on a port of its own, with a backend for its page. `http.playground` is enough without one. */
  playground?: PlaygroundSurroundings | undefined
}

export interface Server {
  /** The voice gateway, such as `ws://127.0.0.1:40001/`. */
  readonly url: string
  readonly lvspUrl: string
  /** `host:port`, as backends hand it to clients. */
  readonly endpoint: string
  /** UDP port of voice packets. */
  readonly mediaPort: number
  /** The page for browsers; undefined where it is turned off. */
  readonly playgroundUrl: string | undefined
  /** The first backend's. */
  readonly secret: string
  /** Everything the node holds, without secrets. */
  inspect(): ReturnType<App['inspect']>
  /** Takes no new calls; resolves when the last has ended, at the latest after `timeout` milliseconds and a little. */
  drain(timeout?: number): Promise<void>
  /** Frees every socket and timer. */
  close(): Promise<void>
}

/**
 * Free ports of loopback, one backend, no log. Packets on this thread: a thread of their own takes a fifth of a second to start,
 * and a node in somebody else's process is mostly one of a test.
 */
const defaults = (): ConfigInput => ({
  http: { listen: '127.0.0.1:0' },
  media: { listen: '127.0.0.1', port: 0, lanes: 0 },
  log: { level: 'silent' },
})

/**
 * Starts a node. Without options it takes free ports of loopback, makes up a secret for one backend called `main`, and logs
 * nothing; packets are on the thread of the caller unless `media.lanes` says how many are to have their own. Throws a `ConfigError` or a `ListenError`, each with one sentence.
 */
export async function createServer({ logSink, tls, playground, ...options }: ServerOptions = {}): Promise<Server> {
  const backend = options.backend ?? [{ id: 'main', secret: nodeCrypto.randomToken(24) }]
  const config = configOf(defaults(), { ...options, backend })
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
