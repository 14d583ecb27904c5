// What a program passes to `App.start` besides settings, and what it reads of a node.
import type { Config } from './config/config.ts'
import type { LogSink } from './monitoring/log.ts'
import type { TlsFiles } from './net/tls.ts'
import type { PlaygroundOptions } from './playground/page.ts'
import type { RelaySetup } from './relay/relay.ts'

/** What an embedding program passes besides settings. */
export interface AppOptions {
  logSink?: LogSink | undefined
  /** Used instead of the files that the configuration names. */
  tls?: TlsFiles | undefined
  playground?: PlaygroundOptions | undefined
  /** @internal Of a node in a cluster whose processes relay voice clients to each other. */
  relay?: RelaySetup | undefined
  /** Takes the UDP ports after those of `media.port` if these are in use: by a process that still has calls there. */
  isSuccessor?: boolean | undefined
  /** A successor took over the ports: the program drains and closes. Without it the node refuses that. */
  handedOver?: (() => void) | undefined
  /** Returns the configuration as it is now, for `App.reload`. May throw a `ConfigError`. Without it only the certificate is read again. */
  reload?: (() => Config) | undefined
}

/** How loaded a node is. */
export interface NodeStatus {
  /** Voice sessions. */
  readonly sessions: number
  readonly channels: number
  /** 0 (worst) to 1 (best). */
  readonly health: number
  readonly isDraining: boolean
  readonly egressBitsPerSecond: number
  /** Packets sent by all lanes so far. */
  readonly packetsOut: number
  /** Packets that the lanes can send in a second, as they measured at their start; undefined until then. */
  readonly packetsPerSecond: number | undefined
}
