// A process of the `parley` command: its output and its exit code.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { until } from './until.ts'

const PARLEY = fileURLToPath(new URL('../../packages/server/bin/parley.mjs', import.meta.url))

interface Options {
  folder: string
  input?: string
  t?: TestContext
  /** Besides PATH and TMPDIR. */
  environment?: Record<string, string>
}

export class ParleyProcess {
  readonly #child: ChildProcess
  readonly #name: string
  stdout = ''
  stderr = ''
  /** The exit code, or the signal that ended it. */
  readonly exit: Promise<number | string | null>

  /** `folder` is for its temporary files. The process ends with the test `t`; without one, call `kill`. */
  constructor(args: readonly string[], { folder, input, t, environment }: Options) {
    this.#name = args[0] ?? ''
    const env = { PATH: process.env.PATH, TMPDIR: folder, ...environment }
    this.#child = spawn(process.execPath, [PARLEY, ...args], { env, stdio: ['pipe', 'pipe', 'pipe'] })
    this.#child.stdout?.on('data', chunk => {
      this.stdout += chunk
    })
    this.#child.stderr?.on('data', chunk => {
      this.stderr += chunk
    })
    this.exit = once(this.#child, 'close').then(([code, signal]) => code ?? signal)
    if (input !== undefined) this.#child.stdin?.end(input)
    t?.after(() => this.kill())
  }

  /** Resolves when standard output matches; rejects if the process ends before it does. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    const isOver = () => this.#child.exitCode !== null || this.#child.signalCode !== null
    await until(`${this.#name} to print ${pattern}`, () => pattern.test(this.stdout) || isOver())
    const match = pattern.exec(this.stdout)
    if (match === null) throw new Error(`${this.#name} did not print ${pattern}: ${this.stdout}${this.stderr}`)
    return match
  }

  signal(name: 'SIGINT' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(name)
  }
  kill(): void {
    this.#child.kill('SIGKILL')
  }
}
