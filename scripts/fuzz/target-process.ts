// One process that runs the targets of a fuzz file. It is ended if it stops reporting: an input may have sent a parser into a loop.
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { FuzzReport } from '../../test/fuzz/harness.ts'

const SOURCE = fileURLToPath(new URL('../../packages/server/bin/source.mjs', import.meta.url))
/** Milliseconds without a report; a target reports every second. Loading takes longer on a busy machine. */
const SILENCE = 120_000
/** A failure is at the end of the output. */
const MAX_OUTPUT = 20_000

export interface Outcome {
  readonly file: string
  readonly hasPassed: boolean
  /** The last report of each target. */
  readonly reports: readonly FuzzReport[]
  readonly output: string
}

export function runTargets(file: string, environment: Record<string, string>): Promise<Outcome> {
  const child = fork(file, [], {
    execArgv: ['--import', SOURCE, '--test-reporter=spec'],
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  const reports = new Map<string, FuzzReport>()
  let output = ''
  let silence = setTimeout(() => child.kill('SIGKILL'), SILENCE)
  const append = (chunk: Buffer) => {
    output = (output + chunk).slice(-MAX_OUTPUT)
  }
  child.stdout?.on('data', append)
  child.stderr?.on('data', append)
  child.on('message', message => {
    const report = message as FuzzReport
    reports.set(report.fuzz, report)
    clearTimeout(silence)
    silence = setTimeout(() => {
      output += `\nno report for ${SILENCE / 1_000} s, last: ${JSON.stringify(report)}\n`
      child.kill('SIGKILL')
    }, SILENCE)
  })
  return new Promise(resolve => {
    child.on('close', code => {
      clearTimeout(silence)
      resolve({ file, hasPassed: code === 0, reports: [...reports.values()], output })
    })
  })
}
