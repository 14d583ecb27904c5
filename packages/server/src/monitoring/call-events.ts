// Counts what happens to calls, from the notes of the core: joins, leaves, resumes, refusals.
import type { LogLine } from './log.ts'

/** Close codes with a series each; the others count as `other`, as clients may send any. */
const CODES: ReadonlySet<number> = new Set([
  1000, 1001, 1006, 4001, 4002, 4003, 4004, 4005, 4006, 4009, 4011, 4012, 4014, 4015, 4016, 4017, 4020, 4021, 4022,
])

type Labels = Record<string, string>
/** Values that are observed once per call. */
export type Observation =
  | 'joinSeconds'
  | 'sessionSeconds'
  | 'lossRatio'
  | 'jitterSeconds'
  | 'reportedLossRatio'
  | 'roundTripSeconds'
export type Observer = (labels: Labels, value: number) => void

/** Labels come from the configuration (backends), from lists (codes, transports), never from clients. */
export class CallEvents {
  /** Totals by series: joins, leaves, resumes … */
  readonly totals = {
    joins: new Map<string, { labels: Labels; count: number }>(),
    leaves: new Map<string, { labels: Labels; count: number }>(),
    detached: new Map<string, { labels: Labels; count: number }>(),
    resumes: new Map<string, { labels: Labels; count: number }>(),
    bans: new Map<string, { labels: Labels; count: number }>(),
    lvspFailures: new Map<string, { labels: Labels; count: number }>(),
    gatewayCloses: new Map<string, { labels: Labels; count: number }>(),
  }
  /** Internal errors that the node noted itself: it closed the connection whose message caused them. */
  internalErrors = 0
  readonly #observers = new Map<Observation, Observer>()

  observe(what: Observation, observer: Observer): void {
    this.#observers.set(what, observer)
  }

  /** Reads every note of the log. */
  readonly note = ({ event, fields }: LogLine): void => {
    const values = (fields ?? {}) as Record<string, string | number | undefined>
    const backend = String(values.backend ?? '')
    switch (event) {
      case 'voice.connected':
        count(this.totals.joins, { backend, transport: String(values.transport) })
        return this.#observers.get('joinSeconds')?.({ backend }, Number(values.took) / 1_000)
      case 'voice.detached':
        return count(this.totals.detached, { backend, code: codeOf(values.code) })
      case 'voice.resumed':
        return count(this.totals.resumes, { backend })
      case 'voice.disconnected':
        count(this.totals.leaves, { backend, code: codeOf(values.code) })
        return this.#ended(backend, values)
      case 'gateway.banned':
        return count(this.totals.bans, {})
      case 'lvsp.authentication_failed':
        return count(this.totals.lvspFailures, {})
      case 'gateway.internal_error':
      case 'lvsp.internal_error':
        this.internalErrors++
        return
      case 'gateway.closed':
        return count(this.totals.gatewayCloses, { code: codeOf(values.code) })
    }
  }

  /** Sessions that sent nothing say nothing about their network. */
  #ended(backend: string, values: Record<string, string | number | undefined>): void {
    const { duration, packets, loss, jitter, reportedLoss, roundTrip } = values
    this.#observers.get('sessionSeconds')?.({ backend }, Number(duration))
    if (reportedLoss !== undefined) this.#observers.get('reportedLossRatio')?.({ backend }, Number(reportedLoss))
    if (roundTrip !== undefined) this.#observers.get('roundTripSeconds')?.({ backend }, Number(roundTrip) / 1_000)
    if (Number(packets) === 0) return
    this.#observers.get('lossRatio')?.({ backend }, Number(loss))
    this.#observers.get('jitterSeconds')?.({ backend }, Number(jitter) / 1_000)
  }
}

const codeOf = (code: unknown): string => (CODES.has(Number(code)) ? String(code) : 'other')

function count(series: Map<string, { labels: Labels; count: number }>, labels: Labels): void {
  const key = Object.values(labels).join(' ')
  const entry = series.get(key)
  if (entry === undefined) series.set(key, { labels, count: 1 })
  else entry.count++
}
