// The forwarding table: one row per load and engine, with the ratios of an earlier run beside its own.
import { readFileSync } from 'node:fs'
import type { Outcome } from './turns.ts'

export interface Row extends Partial<Outcome> {
  /** Identifies the row across runs. */
  id: string
  load: string
  engine: 'floor' | 'sendto' | 'sendmmsg' | 'ffi' | 'openssl' | 'portable'
  mode: string
  lanes: number
  /** CPU per packet relative to the base. */
  ratio: number
  /** Name of the base. */
  base: string
  microseconds: number
}

/** Throws if a row has wrong packets, failed joins or no checked packet. */
export function checkRows(rows: readonly Row[]): void {
  const bad = rows.filter(
    ({ engine, wrong, checked, joins }) =>
      engine !== 'floor' && ((wrong ?? 0) > 0 || (checked ?? 0) === 0 || (joins?.failed ?? 0) > 0),
  )
  if (bad.length > 0) throw new Error(`wrong packets, or no packets received: ${bad.map(({ id }) => id).join(', ')}`)
}

export const round = (value: number | undefined, digits = 0): string =>
  value === undefined || Number.isNaN(value) ? '' : value.toLocaleString('en', { maximumFractionDigits: digits })

/** Cells of a row, in the order of the table. */
function cells(row: Row, before: Row | undefined): Record<string, string> {
  const { latency, heartbeat } = row
  return {
    load: row.load,
    engine: row.engine,
    mode: row.mode,
    lanes: String(row.lanes),
    ratio: row.ratio.toFixed(2),
    base: row.base,
    ...(before !== undefined && {
      'ratio before': before.ratio.toFixed(2),
      'µs / before': (row.microseconds / before.microseconds).toFixed(2),
    }),
    'µs CPU': row.microseconds.toFixed(2),
    'per CPU s': round(1e6 / row.microseconds),
    'per s': round(row.packetsPerSecond),
    cores: round(row.cores, 2),
    'loss %': round(row.loss && row.loss * 100, 2),
    'p50 µs': round(latency?.p50),
    'p99 µs': round(latency?.p99),
    'ack p50 ms': round(heartbeat?.p50, 1),
    'ack p99 ms': round(heartbeat?.p99, 1),
    checked: round(row.checked),
    wrong: round(row.wrong),
  }
}

export function printRows(rows: readonly Row[], before: ReadonlyMap<string, Row>): void {
  const table = rows.map(row => cells(row, before.get(row.id)))
  const names = [...new Set(table.flatMap(row => Object.keys(row)))]
  const widths = names.map(name => Math.max(name.length, ...table.map(row => (row[name] ?? '').length)))
  const line = (of: (name: string) => string) =>
    console.log(`| ${names.map((name, column) => of(name).padStart(widths[column]!)).join(' | ')} |`)
  line(name => name)
  console.log(`|${widths.map(width => `${'-'.repeat(width + 1)}:`).join('|')}|`)
  for (const row of table) line(name => row[name] ?? '')
}

/** Reads the rows of an earlier run, by id. */
export function readRows(path: string): Map<string, Row> {
  const { rows } = JSON.parse(readFileSync(path, 'utf8')) as { rows: Row[] }
  return new Map(rows.map(row => [row.id, row]))
}
