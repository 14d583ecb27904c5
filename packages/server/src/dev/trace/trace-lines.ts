// Traces as JSON lines: one event each, with the bytes of datagrams as base64.
import { z } from 'zod'
import type { DatagramRecord, TraceEvent } from './trace-record.ts'

const Numbers = z.object({
  ssrc: z.number(),
  sequence: z.number(),
  timestamp: z.number(),
  payloadType: z.number(),
  payload: z.number(),
})
const Base = z.looseObject({ at: z.number(), user: z.string(), by: z.array(z.string()).optional() })
/** What readers of events rely on, and no more: a trace of a later version, with further fields, is still read. */
const Event = z.discriminatedUnion('kind', [
  Base.extend({ kind: z.literal('gateway'), op: z.number() }),
  Base.extend({
    kind: z.literal('message'),
    op: z.number(),
    name: z.string(),
    fate: z.string(),
    by: z.array(z.string()),
  }),
  Base.extend({
    kind: z.literal('datagram'),
    type: z.string(),
    length: z.number(),
    fate: z.string(),
    by: z.array(z.string()),
    rtp: Numbers.loose().optional(),
  }),
  Base.extend({ kind: z.literal('connection'), what: z.string() }),
  Base.extend({ kind: z.literal('fault'), name: z.string() }),
  Base.extend({ kind: z.literal('key'), mode: z.string(), key: z.string() }),
])

const base64 = (bytes: Uint8Array | undefined) =>
  bytes === undefined ? undefined : Buffer.from(bytes).toString('base64')
const bytesOf = (text: unknown) => new Uint8Array(Buffer.from(typeof text === 'string' ? text : '', 'base64'))

/** Without a line break. */
export function traceLine(event: TraceEvent, hasBytes = true): string {
  if (event.kind !== 'datagram') return JSON.stringify(event)
  const { raw, plain, ...fields } = event
  return JSON.stringify(hasBytes ? { ...fields, raw: base64(raw), plain: base64(plain) } : fields)
}

/** The event of a line; undefined if it is not one. */
export function readTraceLine(line: string): TraceEvent | undefined {
  try {
    const event: unknown = JSON.parse(line)
    if (!isEvent(event)) return undefined
    return event.kind === 'datagram' ? withBytes(event) : event
  } catch {
    return undefined
  }
}

const isEvent = (value: unknown): value is TraceEvent => Event.safeParse(value).success

/** A trace without bytes has empty datagrams. */
function withBytes(event: DatagramRecord & { at: number; user: string; plain?: unknown }): TraceEvent {
  const { raw, plain, ...fields } = event as typeof event & { raw: unknown; plain?: unknown }
  const bytes = { raw: bytesOf(raw), ...(plain !== undefined && { plain: bytesOf(plain) }) }
  return { ...fields, ...bytes } as TraceEvent
}
