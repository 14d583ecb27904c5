// A trace as readable text: one line per event, with runs of audio packets in one line.
import type { DatagramRecord, MessageRecord, TraceEvent } from './trace-record.ts'

/** Names of users by id. */
export type Names = (userId: string) => string

const GATEWAY_OPS: Record<number, string> = { 0: 'Dispatch', 2: 'Identify', 4: 'Voice State Update', 6: 'Resume' }
const MOST_DATA = 160

/** One line per event, in order. */
export function traceText(events: readonly TraceEvent[], names: Names): string {
  const lines: string[] = []
  for (const { first, last, count } of runs(events)) {
    const time = (first.at / 1_000).toFixed(3).padStart(9)
    const more = count > 1 ? `  × ${count}, until ${(last.at / 1_000).toFixed(3)}${sequences(last)}` : ''
    lines.push(`${time}  ${names(first.user).padEnd(12)} ${arrow(first)}  ${sentence(first)}${more}`)
  }
  return `${lines.join('\n')}\n`
}

/** `→` to the server, `←` to the client. */
export function arrow(event: TraceEvent): string {
  const from = 'from' in event ? event.from : undefined
  return from === 'client' ? '→' : from === 'node' ? '←' : '·'
}

/** One event in words, without time and user. */
export function sentence(event: TraceEvent): string {
  switch (event.kind) {
    case 'gateway':
      return `main gateway: ${event.event ?? GATEWAY_OPS[event.op] ?? `op ${event.op}`}${data(event.data)}`
    case 'message':
      return message(event)
    case 'datagram':
      return datagram(event)
    case 'connection':
      return `${event.what}${event.code === undefined ? '' : ` ${event.code}`}${event.reason ? ` (${event.reason})` : ''}`
    case 'fault':
      return `fault ${event.name}${event.value === undefined ? '' : `:${event.value}`}`
    case 'key':
      return `key of ${event.mode}`
  }
}

function message({ op, name, seq, data: d, bytes, fate, by }: MessageRecord): string {
  const number = seq === undefined ? '' : ` seq ${seq}`
  const size = bytes === undefined ? '' : ` ${bytes} bytes`
  return `op ${op} ${name}${number}${size}${fateText(fate, by)}${data(d)}`
}

function datagram({ type, length, rtp, error, fate, by }: DatagramRecord): string {
  if (rtp === undefined)
    return `udp ${type} ${length} bytes${error === undefined ? '' : `: ${error}`}${fateText(fate, by)}`
  const kind = rtp.isSilence ? 'silence' : rtp.isDave ? 'encrypted frame' : 'frame'
  return `rtp ${kind} ssrc ${rtp.ssrc} seq ${rtp.sequence} ts ${rtp.timestamp} ${rtp.payload} bytes${fateText(fate, by)}`
}

const fateText = (fate: string, by: readonly string[]) => {
  if (fate === 'sent' && by.length === 0) return ''
  return ` [${fate}${by.length === 0 ? '' : ` by ${by.join(', ')}`}]`
}

function data(value: unknown): string {
  if (value === undefined || value === null) return ''
  const text = JSON.stringify(value)
  return `  ${text.length > MOST_DATA ? `${text.slice(0, MOST_DATA)}…` : text}`
}

interface Run {
  first: TraceEvent
  last: TraceEvent
  count: number
}

/** Packets that follow each other and differ in number only are one run. */
function runs(events: readonly TraceEvent[]): Run[] {
  const all: Run[] = []
  for (const event of events) {
    const run = all.at(-1)
    if (run !== undefined && isAlike(run.last, event)) Object.assign(run, { last: event, count: run.count + 1 })
    else all.push({ first: event, last: event, count: 1 })
  }
  return all
}

/** RTP of one SSRC and direction, with one fate, silence or not. Packets that differ in `by` alone stay in one run. */
function isAlike(a: TraceEvent, b: TraceEvent): boolean {
  if (a.kind !== 'datagram' || b.kind !== 'datagram' || a.user !== b.user || a.from !== b.from || a.fate !== b.fate)
    return false
  return a.rtp !== undefined && b.rtp !== undefined && a.rtp.ssrc === b.rtp.ssrc && a.rtp.isSilence === b.rtp.isSilence
}

const sequences = (event: TraceEvent) => (event.kind === 'datagram' && event.rtp ? ` seq ${event.rtp.sequence}` : '')
