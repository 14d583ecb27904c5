// A trace without what differs from run to run: the same seed and the same client yield the same bytes.
import { VoiceOp } from '@parley/protocol'
import type { TraceEvent } from './trace-record.ts'

/** Sent by timers. */
const TIMED_OPS: ReadonlySet<number> = new Set([VoiceOp.Heartbeat, VoiceOp.HeartbeatAck])
const TIMED_DATAGRAMS: ReadonlySet<string> = new Set(['ping', 'keepalive', 'rtcp'])
/** Members whose values are chosen at random or by the system. */
const RANDOM: ReadonlySet<string> = new Set([
  'port',
  'endpoint',
  'address',
  'nonce',
  'key',
  't',
  'rtc_connection_id',
  'voice',
])

/** Events of one direction of one user keep their order; directions follow each other, as their interleaving depends on time. */
export function stableLines(events: readonly TraceEvent[]): string {
  const numbers = new Map<number, number>()
  const groups = new Map<string, string[]>()
  for (const event of events) {
    if (isTimed(event)) continue
    const group = `${event.user} ${event.kind} ${'from' in event ? event.from : ''}`
    const lines = groups.get(group) ?? []
    groups.set(group, lines)
    const { at: _, raw: __, plain: ___, ...fields } = event as TraceEvent & { raw?: unknown; plain?: unknown }
    lines.push(JSON.stringify(stable(fields, numbers)))
  }
  const ordered = [...groups].sort(([a], [b]) => (a < b ? -1 : 1))
  return ordered.flatMap(([, lines]) => lines.map(line => `${line}\n`)).join('')
}

function isTimed(event: TraceEvent): boolean {
  if (event.kind === 'message') return TIMED_OPS.has(event.op)
  if (event.kind === 'datagram') return TIMED_DATAGRAMS.has(event.type)
  return false
}

/** SSRCs are numbered in the order of their appearance. */
function stable(value: unknown, numbers: Map<number, number>, name = ''): unknown {
  if (RANDOM.has(name)) return '(random)'
  if (/ssrc$/.test(name) && typeof value === 'number') return ordinal(value, numbers)
  if (Array.isArray(value)) return value.map(item => stable(item, numbers, name))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, stable(member, numbers, key)]))
}

function ordinal(ssrc: number, numbers: Map<number, number>): number {
  const known = numbers.get(ssrc) ?? numbers.size + 1
  numbers.set(ssrc, known)
  return known
}
