// What is measured of a running node: its lanes, its calls and its process, for metrics and health.
import type { LaneCounters, VoiceNode } from '@parley/core'
import type { NodeCertificate } from './acme/node-certificate.ts'
import type { Condition } from './admin/alarms.ts'
import type { Host } from './host.ts'
import { CallEvents } from './monitoring/call-events.ts'
import type { Log } from './monitoring/log.ts'
import type { Measured } from './monitoring/metric.ts'
import { openMetrics } from './monitoring/metrics.ts'
import { serverNote } from './monitoring/notes.ts'
import { ProcessLoad } from './monitoring/process-load.ts'
import type { SocketLimits } from './net/socket-limits.ts'
import type { Connections } from './net/websocket.ts'
import type { Ports } from './ports.ts'
import { VERSION } from './version.ts'

/** The parts of the node that are measured. */
export interface MeasuredParts {
  readonly node: VoiceNode
  readonly host: Host
  readonly ports: Ports
  readonly certificate: NodeCertificate
  readonly log: Log
  readonly connections: Connections
  readonly socketLimits: SocketLimits
  /** What the metrics show of the relay between nodes. */
  readonly relay: ReturnType<Measured['relay']>
  isDraining(): boolean
}

export class Measurements {
  readonly #parts: MeasuredParts
  readonly #calls = new CallEvents()
  readonly #failures: Measured['failures']
  readonly #load: ProcessLoad
  /** The last report of each lane; absent while the lane is lost. */
  readonly #counters = new Map<number, LaneCounters>()

  constructor(parts: MeasuredParts) {
    const { log, host } = parts
    this.#parts = parts
    log.read(this.#calls.note)
    const calls = this.#calls
    this.#failures = {
      get inputs() {
        return host.failures.inputs + calls.internalErrors
      },
      get effects() {
        return host.failures.effects
      },
    }
    this.#load = new ProcessLoad({
      measured: eventLoopLag => host.measured({ eventLoopLag }),
      descriptorsExhausted: () => log.note(serverNote('descriptors.exhausted', {})),
    })
  }

  /** The report of a lane. Metrics read it without an inspection of the node. */
  reported(lane: number, counters: LaneCounters): void {
    this.#counters.set(lane, counters)
  }

  /** Packets that all lanes have sent. */
  get packetsOut(): number {
    return [...this.#counters.values()].reduce((sum, each) => sum + each.packetsOut, 0)
  }

  laneLost(lane: number): void {
    this.#counters.delete(lane)
  }

  close(): void {
    this.#load.close()
  }

  /** What the admin API derives alarms from. */
  condition(): Condition {
    const { ports, certificate, log } = this.#parts
    return {
      certificate: certificate.validity,
      eventLoopLag: this.#load.eventLoopLag,
      failures: this.#failures.inputs + this.#failures.effects,
      logLinesLost: log.lost,
      lostLanes: ports.lanes.lost,
      now: Date.now(),
    }
  }

  /** Metrics read the node at each scrape; nothing is counted for them. */
  open(): () => Promise<string> {
    const { node, ports, certificate, log, connections, socketLimits, relay, isDraining } = this.#parts
    return openMetrics({
      version: VERSION,
      engine: ports.engine,
      sizes: () => node.sizes,
      isDraining,
      lanes: () => this.#counters,
      connections: connections.counts,
      messages: connections.totals,
      halfOpen: () => socketLimits.halfOpen,
      relay: () => relay,
      refused: socketLimits.refused,
      refusedIdentifies: node.refusedIdentifies,
      failures: this.#failures,
      logLinesLost: () => log.lost,
      descriptorsExhausted: () => this.#load.descriptorsExhausted,
      eventLoopLag: () => this.#load.eventLoopLag,
      calls: this.#calls,
      tally: () => node.tally(),
      backends: () => node.backendUsage(),
      certificate: () => certificate.validity,
      certificateRenewals: () => certificate.renewals,
      iceTcp: ports.iceTcp,
    })
  }
}
