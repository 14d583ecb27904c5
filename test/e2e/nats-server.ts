// A real nats-server on loopback, in a folder of its own; it can be stopped, started again, and started empty.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { freePort } from './free-port.ts'
import { untilFits } from './until.ts'

/** Why the test cannot run; false if it can. In CI a missing nats-server is a failure. */
export const missingNats =
  spawnSync('nats-server', ['--version']).error === undefined || process.env.CI === 'true'
    ? false
    : 'nats-server is not installed (Debian: apt-get install nats-server)'

export class NatsServer {
  readonly port: number
  readonly #folder = mkdtempSync(join(tmpdir(), 'parley-nats-'))
  readonly #args: readonly string[]
  #process: ChildProcess | undefined

  private constructor(port: number, args: readonly string[]) {
    this.port = port
    this.#args = args
  }

  /** `args`: further ones of the command. */
  static async start(t: TestContext, args: readonly string[] = []): Promise<NatsServer> {
    const server = new NatsServer(await freePort(), args)
    t.after(async () => {
      await server.stop()
      server.remove()
    })
    await server.start()
    return server
  }

  get url(): string {
    return `127.0.0.1:${this.port}`
  }

  async start(): Promise<void> {
    const log = join(this.#folder, 'log')
    rmSync(log, { force: true })
    const args = ['-a', '127.0.0.1', '-p', String(this.port), '-js', '-sd', this.#folder, '-l', log, ...this.#args]
    this.#process = spawn('nats-server', args, { stdio: 'ignore' })
    await untilFits(
      'nats-server',
      () => logOf(log),
      text => text.includes('Server is ready'),
    )
  }

  /** SIGKILL, as a crash. The store stays. */
  async stop(): Promise<void> {
    const child = this.#process
    this.#process = undefined
    if (child === undefined || child.exitCode !== null) return
    const exit = once(child, 'exit')
    child.kill('SIGKILL')
    await exit
  }

  /** Stalls the server; resolves when all of its threads have stopped (Linux only). */
  async stall(): Promise<void> {
    const pid = this.#process?.pid
    this.#process?.kill('SIGSTOP')
    const tasks = `/proc/${pid}/task`
    const states = () =>
      readdirSync(tasks).map(task => readFileSync(`${tasks}/${task}/stat`, 'utf8').split(') ')[1]?.[0])
    await untilFits('nats-server to stop', states, each => each.every(state => state === 'T'))
  }

  continue(): void {
    this.#process?.kill('SIGCONT')
  }

  /** Removes the store of a stopped server: the next start has no bucket. */
  forget(): void {
    rmSync(this.#folder, { recursive: true, force: true })
    mkdirSync(this.#folder)
  }

  /** What `rollBack` returns to: the store of a stopped server. */
  save(): void {
    cpSync(this.#folder, `${this.#folder}.saved`, { recursive: true })
  }

  /** The store of a stopped server is as it was saved. */
  rollBack(): void {
    rmSync(this.#folder, { recursive: true, force: true })
    cpSync(`${this.#folder}.saved`, this.#folder, { recursive: true })
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true })
    rmSync(`${this.#folder}.saved`, { recursive: true, force: true })
  }
}

function logOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
