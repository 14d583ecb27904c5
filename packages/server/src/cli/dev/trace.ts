// `parley trace`: reads the trace of a test server; prints it, or writes a page or a capture.
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { ConfigError } from '../../config/config-error.ts'
import { tracePcapng } from '../../dev/trace/pcapng.ts'
import { traceHtml } from '../../dev/trace/trace-html.ts'
import { readTraceLine } from '../../dev/trace/trace-lines.ts'
import type { TraceEvent } from '../../dev/trace/trace-record.ts'
import { traceText } from '../../dev/trace/trace-text.ts'
import { TranscriptBuilder } from '../../dev/trace/transcript.ts'
import { SERVER_LIMITS } from '../../limits.ts'
import { runCommand } from '../config-options.ts'

const HELP = `
Examples:
  $ parley dev --trace trace.jsonl          # writes the trace of a test server
  $ parley trace trace.jsonl                # readable text
  $ parley trace trace.jsonl --transcript   # what each client sent, and the rules that it broke
  $ parley trace trace.jsonl --html trace.html --pcapng trace.pcapng

Exit codes: 0 done, 2 the file cannot be read or is not a trace.`

interface TraceFlags {
  user?: string
  html?: string
  pcapng?: string
  sealed: boolean
  transcript: boolean
}

export function register(program: Command): void {
  program
    .command('trace')
    .description('show the trace of a test server')
    .argument('<file>', 'JSON lines, from `parley dev --trace` or the control API')
    .option('-u, --user <id>', 'events of this user only')
    .option('--html <file>', 'write a page')
    .option('--pcapng <file>', 'write a capture for Wireshark, without transport encryption')
    .option('--sealed', 'in the capture: packets as on the wire', false)
    .option('--transcript', 'print what each client sent, as JSON', false)
    .addHelpText('after', HELP)
    .action((file: string, flags: TraceFlags) => runCommand(async () => trace(file, flags)))
}

/** All requested outputs; the readable text only if none is requested. */
function trace(file: string, { user, html, pcapng, sealed, transcript }: TraceFlags): void {
  const events = eventsOf(file).filter(event => user === undefined || event.user === user)
  const names = (id: string) => id
  if (html !== undefined) writeFileSync(html, traceHtml(events, names))
  if (pcapng !== undefined) writeFileSync(pcapng, tracePcapng(events, sealed))
  if (transcript) process.stdout.write(`${JSON.stringify(transcriptsOf(events), undefined, 2)}\n`)
  else if (html === undefined && pcapng === undefined) process.stdout.write(traceText(events, names))
}

/** Transcripts by user id, judged as if the trace ended at its last event. */
function transcriptsOf(events: readonly TraceEvent[]): object {
  const builders = new Map<string, TranscriptBuilder>()
  for (const event of events) {
    const builder = builders.get(event.user) ?? new TranscriptBuilder()
    builders.set(event.user, builder)
    builder.add(event)
  }
  const end = events.at(-1)?.at ?? 0
  return Object.fromEntries([...builders].map(([user, builder]) => [user, builder.view(end)]))
}

/** Reads the whole file: a trace is bounded by `SERVER_LIMITS.maxTraceFile`. */
function eventsOf(file: string): TraceEvent[] {
  const lines = textOf(file)
    .split('\n')
    .filter(line => line !== '')
  return lines.map((line, index) => {
    const event = readTraceLine(line)
    if (event === undefined) throw new ConfigError(`${file}: line ${index + 1} is not an event of a trace`)
    return event
  })
}

function textOf(file: string): string {
  try {
    if (statSync(file).size > SERVER_LIMITS.maxTraceFile)
      throw new ConfigError(`${file}: expected at most ${SERVER_LIMITS.maxTraceFile} bytes`)
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof ConfigError) throw error
    throw new ConfigError(`${file}: cannot be read (${(error as NodeJS.ErrnoException).code ?? error})`)
  }
}
