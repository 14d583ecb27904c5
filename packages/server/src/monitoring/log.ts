// Notes as log lines: JSON, or text for terminals.
import { isIP } from 'node:net'
import pino from 'pino'
import { SERVER_LIMITS } from '../limits.ts'
import { LogOutput } from './log-output.ts'
import { type NodeNote, serverNote } from './notes.ts'

/** Receives complete lines. */
export interface LogSink {
  write(text: string): void
}

/** `silent` writes nothing; readers receive everything all the same. */
export type LogLevel = NodeNote['level'] | 'silent'

/** How lines are written. */
export interface LogOptions {
  /** How addresses are written; `full` by default. */
  addresses?: 'full' | 'network' | 'hidden'
  level: LogLevel
  format: 'json' | 'pretty'
  /** Whether to write colours. */
  colour?: boolean
}

/** The settings of `[log]`. */
interface LogSettings {
  readonly level: LogLevel
  readonly addresses: 'full' | 'network' | 'hidden'
  readonly format?: LogOptions['format'] | undefined
}

/** A note of the node, or of another program that writes the same log. */
export interface LogLine {
  level: NodeNote['level']
  event: string
  fields?: object | undefined
}

/** Receives every note, whatever the level of the log. */
export type LogReader = (note: LogLine) => void

/** One per server. Writing never waits for the reader of standard output. */
export interface Log {
  note(note: LogLine): void
  /** The lowest level that is written; may be changed at any time. */
  level: LogLevel
  /** Adds a reader; the value removes it. */
  read(reader: LogReader): () => void
  /** Lines that were lost because standard output was not read. */
  readonly lost: number
  /** Writes the buffered lines, as far as their reader accepts them in time. */
  end(): Promise<void>
}

/** Names of equal width, and their SGR colours. */
const LEVELS: Record<string, [name: string, colour: number]> = {
  debug: ['debug', 90],
  info: ['info ', 32],
  warn: ['warn ', 33],
  error: ['ERROR', 31],
}

/** Colours and readable text on a terminal, JSON elsewhere. */
export function logOptions({ log }: { log: LogSettings }): LogOptions {
  const { level, addresses } = log
  const isTerminal = process.stdout.isTTY === true
  const format = log.format ?? (isTerminal ? 'pretty' : 'json')
  return { level, addresses, format, colour: isTerminal && process.stdout.hasColors() }
}

/** Without a sink, lines go to standard output; the caller never waits for them. */
export function openLog({ level, format, addresses = 'full', colour = false }: LogOptions, sink?: LogSink): Log {
  const standardOutput =
    sink === undefined ? new LogOutput(lines => note(serverNote('log.lines_lost', { lines }))) : undefined
  const output: LogSink = sink ?? standardOutput!
  const lines = format === 'json' ? output : { write: (line: string) => output.write(prettyLine(line, colour)) }
  const logger = pino(
    {
      level,
      base: null,
      messageKey: 'event',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: label => ({ level: label }) },
    },
    lines,
  )
  const readers = new Set<LogReader>()
  const note = (given: LogLine) => {
    const line = addresses === 'full' ? given : { ...given, fields: masked(given.fields ?? {}, addresses) }
    logger[line.level](line.fields ?? {}, line.event)
    for (const reader of readers) reader(line)
  }
  return {
    note,
    get level() {
      return logger.level as LogLevel
    },
    set level(level) {
      logger.level = level
    },
    read: reader => {
      readers.add(reader)
      return () => readers.delete(reader)
    },
    get lost() {
      return standardOutput?.lost ?? 0
    },
    end: async () => standardOutput?.end(SERVER_LIMITS.logEndTimeout),
  }
}

/** Fields with an address, or with text in which an operator wrote some. */
const ADDRESS_FIELDS: ReadonlySet<string> = new Set(['address', 'from', 'request', 'result'])
/** What may be an address, or a /64 as bans name it. */
const MAYBE_ADDRESS = /[0-9A-Fa-f:.]{3,45}(?:\/64)?/g

/** The fields of a line with its addresses masked. */
function masked(fields: object, addresses: 'network' | 'hidden'): object {
  const written = Object.entries(fields)
    .filter(([name]) => ADDRESS_FIELDS.has(name))
    .map(([name, value]) => [name, String(value).replace(MAYBE_ADDRESS, text => maskedText(text, addresses))])
  return { ...fields, ...Object.fromEntries(written) }
}

function maskedText(text: string, addresses: 'network' | 'hidden'): string {
  const address = text.replace(/\/64$/, '')
  if (isIP(address) === 0) return text
  return addresses === 'hidden' ? 'hidden' : networkText(address)
}

/** The /24 of an IPv4 address or the /48 of an IPv6 address. */
function networkText(address: string): string {
  if (isIP(address) === 4) return `${address.slice(0, address.lastIndexOf('.'))}.0/24`
  const [head = ''] = address.split('::')
  const groups = [...head.split(':').filter(group => group !== ''), '0', '0', '0'].slice(0, 3)
  return `${groups.join(':')}::/48`
}

/** A JSON line as `12:34:56.789 info  voice.connected user=7 channel=500`. Text is quoted unless it is plain, so that it cannot imitate fields. */
export function prettyLine(line: string, colour = false): string {
  const { level, time, event, stack, ...fields } = JSON.parse(line) as Record<string, unknown>
  const [name, code] = LEVELS[String(level)] ?? [String(level), 0]
  const painted = colour ? `\x1b[${code}m${name}\x1b[0m` : name
  const pairs = Object.entries(fields).map(([key, value]) => ` ${key}=${plain(value)}`)
  const trace = typeof stack === 'string' ? `\n${stack.replace(/[^\P{Cc}\n]/gu, '')}` : ''
  return `${String(time).slice(11, 23)} ${painted} ${event}${pairs.join('')}${trace}\n`
}

/** A value as text without spaces and control characters. */
function plain(value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value)
  return /^[\w.:/@+-]+$/.test(value) ? value : JSON.stringify(value).replace(/[\x7f-\x9f]/g, '?')
}
