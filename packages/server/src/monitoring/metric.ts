// A metric: its documentation, and where its values come from.
import type { BackendInspection, LaneCounters, NodeTally } from '@parley/core'
import type { CallEvents, Observer } from './call-events.ts'

/** Where the values are read from at each scrape. */
export interface Measured {
  version: string
  /** Packet engine, and the library of its AEADs. */
  engine: { engine: string; aead: string }
  /** Sessions, channels and health of the node, at constant cost. */
  sizes(): { sessions: number; channels: number; health: number }
  isDraining(): boolean
  /** The latest report of each lane. */
  lanes(): ReadonlyMap<number, LaneCounters>
  /** Open WebSockets by protocol. */
  connections: Readonly<Record<string, number>>
  messages: {
    readonly messagesIn: number
    readonly messagesOut: number
    readonly slow: number
    readonly unresponsive: number
  }
  /** TCP connections that have not become a WebSocket. */
  halfOpen(): number
  /** Voice connections that are relayed to another node of the cluster, and those that could not be. */
  relay(): { readonly size: number; readonly failures: number } | undefined
  /** Refused sockets, by reason. */
  refused: Readonly<Record<string, number>>
  /** Identify messages that matched no voice state, by backend. */
  refusedIdentifies: ReadonlyMap<string, number>
  /** Seconds in which no file descriptor was free. */
  descriptorsExhausted(): number
  /** Log lines that were lost because standard output was not read. */
  logLinesLost(): number
  /** Inputs that the core failed at, effects that could not be applied; see `Host`. */
  failures: { readonly inputs: number; readonly effects: number }
  /** What happens to calls. */
  calls: CallEvents
  /** Counts over sessions and channels; their cost grows with those. */
  tally(): NodeTally
  /** Usage by backend. */
  backends(): readonly BackendInspection[]
  /** The period for which the certificate in use is valid, in milliseconds since 1970; undefined without one. */
  certificate(): { readonly validFrom: number; readonly validTo: number } | undefined
  /** Finished attempts of ACME by result; undefined without ACME. */
  certificateRenewals(): { readonly ok: number; readonly failed: number } | undefined
  /** Connections of browsers without UDP; undefined where they are disabled. */
  iceTcp:
    | {
        readonly authenticated: number
        readonly totals: Readonly<Record<'refused' | 'datagrams' | 'drops', Readonly<Record<string, number>>>>
      }
    | undefined
  /** The greatest lateness of the event loop within the last second, in milliseconds. */
  eventLoopLag(): number
}

type Labels = Record<string, string>
/** One sample: its labels and its value. */
export type Sample = [labels: Labels, value: number]

/** One row. `read` is called at each scrape; totals may only grow. */
export interface Metric<Source = Measured> {
  name: string
  kind: 'gauge' | 'counter' | 'histogram'
  help: string
  labels: readonly string[]
  /** The samples at a scrape, of gauges and counters. */
  read?(measured: Source): Sample[]
  /** Upper bounds, of a histogram … */
  buckets?: readonly number[]
  /** … whose totals are read at each scrape: per bucket, not cumulative, the last above all bounds, and their sum … */
  totals?(measured: Source): readonly [labels: Labels, counts: readonly number[], sum: number][]
  /** … or whose values the observer receives as they occur. */
  observe?(measured: Source, observer: Observer): void
}

/** One sample per entry of a record, labelled with its key. */
