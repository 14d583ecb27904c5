// Options and output that the conformance commands share: which cases run, the report, the exit code.
import { writeFileSync } from 'node:fs'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { ConfigError } from '../../config/config-error.ts'
import { FORMATS, type ReportFormat } from '../../conformance/report.ts'
import { type CaseResult, verdictOf } from '../../conformance/result.ts'

export interface OutputFlags {
  only: string[]
  format: ReportFormat
  output?: string
  list: boolean
}

export function withOutputOptions(command: Command): Command {
  return command
    .option('--only <words>', 'cases whose number contains one of these words, separated by commas', words, [])
    .addOption(new Option('--format <format>', 'of the report').choices(Object.keys(FORMATS)).default('text'))
    .option('-o, --output <file>', 'write the report to a file')
    .option('--list', 'print the cases', false)
}

const words = (text: string) => text.split(',').filter(word => word !== '')

export function count(text: string): number {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : 0
  if (number < 1) throw new InvalidArgumentError('Expected a whole number above 0.')
  return number
}

/** Writes one report. A failed case sets the exit code. */
export function finish(subject: string, results: readonly CaseResult[], { only, format, output }: OutputFlags): void {
  if (results.length === 0) throw new ConfigError(`--only ${only.join()}: no case number matches; --list prints them`)
  const report = FORMATS[format]({ subject, results })
  if (output === undefined) process.stdout.write(report)
  else writeFileSync(output, report)
  if (results.some(result => verdictOf(result) === 'fail')) process.exitCode = 1
}

/** Number and meaning of each case, without running one. */
export function listCases(cases: readonly { number: string; meaning: string }[]): void {
  for (const { number, meaning } of cases) process.stdout.write(`${number.padEnd(42)} ${meaning}\n`)
}
