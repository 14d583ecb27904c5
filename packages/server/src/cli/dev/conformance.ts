// `parley conformance`: numbered cases against a client.
import { createWriteStream, writeFileSync } from 'node:fs'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { ConfigError } from '../../config/config-error.ts'
import { CLIENT_CASES } from '../../conformance/client/cases.ts'
import { runClient } from '../../conformance/client/run-client.ts'
import { FORMATS, type ReportFormat } from '../../conformance/report.ts'
import { verdictOf } from '../../conformance/result.ts'
import { traceLine } from '../../dev/trace/trace-lines.ts'
import type { TraceEvent } from '../../dev/trace/trace-record.ts'
import { runCommand } from '../config-options.ts'

const HELP = `
Examples:
  $ parley conformance client -- node my-driver.mjs
  $ parley conformance client --only close,udp --format junit --output report.xml -- python3 driver.py
  $ parley conformance client --list

docs/conformance.md says what a driver is: a program that is controlled by four lines of JSON.

Exit codes: 0 no case failed, 1 a case failed, 2 an option is invalid.`

/** Options of `parley conformance client`. */
interface ClientFlags {
  only: string[]
  parallel: number
  format: ReportFormat
  output?: string
  trace?: string
  seed: number
  list: boolean
}

export function register(program: Command): void {
  const conformance = program.command('conformance').description('run numbered cases against an implementation')
  conformance
    .command('client')
    .description('put a voice client through faults and close codes')
    .argument('[command...]', 'the driver of the client, behind --')
    .option('--only <words>', 'cases whose number contains one of these words, separated by commas', words, [])
    .option('--parallel <number>', 'cases at a time', count, 4)
    .option('--seed <number>', 'seed of random faults', count, 1)
    .addOption(new Option('--format <format>', 'of the report').choices(Object.keys(FORMATS)).default('text'))
    .option('-o, --output <file>', 'write the report to a file')
    .option('--trace <file>', 'write what clients and server say to each other, as JSON lines for `parley trace`')
    .option('--list', 'print the cases', false)
    .addHelpText('after', HELP)
    .action((command: string[], flags: ClientFlags) => runCommand(() => client(command, flags)))
}

const words = (text: string) => text.split(',').filter(word => word !== '')

function count(text: string): number {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : 0
  if (number < 1) throw new InvalidArgumentError('Expected a whole number above 0.')
  return number
}

/** Runs the cases and writes one report. The trace contains all cases, in the order of time. */
async function client(
  command: string[],
  { only, parallel, seed, format, output, trace, list }: ClientFlags,
): Promise<void> {
  if (list) return listCases()
  if (command.length === 0)
    throw new ConfigError('expected the command of a driver behind --; docs/conformance.md describes it')
  const lines = trace === undefined ? undefined : createWriteStream(trace)
  const traced = lines && ((event: TraceEvent) => void lines.write(`${traceLine(event)}\n`))
  const results = await runClient({ command, only, parallel, seed, ...(traced && { traced }) })
  lines?.end()
  if (results.length === 0)
    throw new ConfigError(`--only ${only.join()}: no case has such a number; --list prints them`)
  const report = FORMATS[format]({ subject: command.join(' '), results })
  if (output === undefined) process.stdout.write(report)
  else writeFileSync(output, report)
  if (results.some(result => verdictOf(result) === 'fail')) process.exitCode = 1
}

/** Number, fault words, expected behaviour and meaning of each case, without running one. */
function listCases(): void {
  for (const { number, words, expected, meaning } of CLIENT_CASES)
    process.stdout.write(`${number.padEnd(32)} ${expected.padEnd(9)} ${words.padEnd(48)} ${meaning}\n`)
}
