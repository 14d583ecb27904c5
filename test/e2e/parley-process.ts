// The `parley` command as a process of a test: what it prints, and how it ends.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { until } from './until.ts'

const PARLEY = fileURLToPath(new URL('../../packages/server/bin/parley.mjs', import.meta.url))

/** It loads its sources first: seconds, and more where the processor is not its own. */
const START_UP = 25_000

export class ParleyProcess {
  readonly #child: ChildProcess
  readonly #name: string
  stdout = ''
  stderr = ''
  /** Exit code, or the signal that ended it. */
  readonly exit: Promise<number | string | null>

  /** `folder` is where it puts its temporary files. Without a test to end with, `kill` has to be called. */
  constructor(args: readonly string[], { folder, input, t }: { folder: string; input?: string; t?: TestContext }) {
    this.#name = args[0] ?? ''
    const env = { PATH: process.env.PATH, TMPDIR: folder }
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
    await until(`${this.#name} to say ${pattern}`, () => pattern.test(this.stdout) || isOver(), START_UP)
    const match = pattern.exec(this.stdout)
    if (match === null) throw new Error(`${this.#name} never said ${pattern}: ${this.stdout}${this.stderr}`)
    return match
  }

  signal(name: 'SIGINT' | 'SIGTERM'): void {
    this.#child.kill(name)
  }
  kill(): void {
    this.#child.kill('SIGKILL')
  }
}
