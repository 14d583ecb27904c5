// The view of the demo's call: a snapshot or an event in, lines of text out.
import type { CallEvent, CallMember, CallSnapshot } from './demo-call.ts'
import type { LatencyReport } from './packet-latency.ts'

export interface ViewOptions {
  /** Lines are cut to this width. */
  columns: number
  hasColours: boolean
  /** Milliseconds since the start of the demo. */
  elapsed: number
}

/** SGR parameters (ECMA-48 §8.3.117). */
const Colour = { dim: 2, bold: 1, green: 32 } as const

/** The lines of the view on a terminal. */
export function viewLines(call: CallSnapshot, options: ViewOptions): string[] {
  const coloured = colouring(options)
  const title = `In the channel (${call.members.length})`
  return [
    coloured(title, Colour.bold),
    ...call.members.map(member => coloured(memberLine(member), member.isSpeaking ? Colour.green : Colour.dim)),
    '',
    ...measurements(call).map(([name, text]) => coloured(`${name.padEnd(10)}${text}`)),
    coloured(`${'Running'.padEnd(10)}${clock(options.elapsed)}`),
  ]
}

/** The view in one line, for outputs that cannot be redrawn. */
export function summary(call: CallSnapshot, elapsed: number): string {
  const { packets, latency, joined } = call
  return [
    clock(elapsed),
    `${call.members.length} in the channel`,
    `${packets.received} packets received`,
    `${packets.lost} lost`,
    `jitter ${milliseconds(packets.jitter)}`,
    ...(latency === undefined ? [] : [`latency ${milliseconds(latency.median)}`]),
    ...(joined === undefined ? [] : [`join ${milliseconds(joined)}`]),
    `udp ${call.mode ?? ''}`,
    call.privacyCode === undefined ? 'not end to end' : 'end to end',
  ].join('  ')
}

/** An event in words, for outputs that are read line by line. */
export function sentence(event: CallEvent): string {
  switch (event.kind) {
    case 'entered':
      return `${event.name} is here`
    case 'line':
      return `${event.name}: ${event.text}`
    case 'speaking':
      return `${event.name} speaks`
    case 'interrupted':
      return `${event.name} lost the connection (${event.code}), may resume`
    case 'left':
      return `${event.name} left (${event.code})`
    case 'failed':
      return `${event.name} cannot continue: ${event.reason}`
  }
}

/** A filled circle speaks. */
function memberLine({ name, isSpeaking, text }: CallMember): string {
  const said = text === undefined ? '' : `  "${text}"`
  return `  ${isSpeaking ? '●' : '○'} ${name}${said}`
}

function measurements({ packets, latency, joined, mode, privacyCode }: CallSnapshot): [name: string, text: string][] {
  const { sent, received, lost, jitter } = packets
  const share = lost === 0 ? '' : ` (${((100 * lost) / (received + lost)).toFixed(2)} %)`
  return [
    ['Packets', `${sent} sent, ${received} received, ${lost} lost${share}, jitter ${milliseconds(jitter)}`],
    ['Latency', latency === undefined ? 'not yet measured' : latencyText(latency)],
    [
      'Join',
      joined === undefined ? 'not yet measured' : `${milliseconds(joined)} from VOICE_STATE_CREATE to first audio`,
    ],
    ['Media', `UDP, ${mode ?? 'no mode yet'}`],
    [
      'DAVE',
      privacyCode === undefined ? 'not encrypted end to end' : `encrypted end to end, code ${grouped(privacyCode)}`,
    ],
  ]
}

/** In groups of five digits, as clients display it. */
const grouped = (code: string) => (code.match(/.{1,5}/g) ?? []).join(' ')

const latencyText = ({ median, worst }: LatencyReport) =>
  `median ${milliseconds(median)}, worst ${milliseconds(worst)}, from send to receive`

const milliseconds = (time: number) => `${time < 10 ? time.toFixed(1) : Math.round(time)} ms`

/** As `m:ss`, or `h:mm:ss` from an hour on. */
function clock(elapsed: number): string {
  const seconds = Math.floor(elapsed / 1_000)
  const [h, m, s] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60]
  const text = `${m}:${String(s).padStart(2, '0')}`
  return h === 0 ? text : `${h}:${text.padStart(5, '0')}`
}

/** Cuts before it colours, so that escape sequences do not count as width. */
function colouring({ columns, hasColours }: ViewOptions): (line: string, colour?: number) => string {
  return (line, colour) => {
    const text = cut(line, columns)
    return hasColours && colour !== undefined ? `\x1b[${colour}m${text}\x1b[0m` : text
  }
}

/** Leaves the last column free: some terminals wrap after it. */
export function cut(line: string, columns: number): string {
  const width = Math.max(1, columns - 1)
  const letters = Array.from(line)
  return letters.length <= width ? line : `${letters.slice(0, width - 1).join('')}…`
}
