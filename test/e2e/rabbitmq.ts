// A RabbitMQ broker in a folder and on ports of its own.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { connect } from 'amqplib'
import type { Tool } from './foreign-tools.ts'
import { freePort } from './free-port.ts'
import { untilFits } from './until.ts'

const SERVER = '/usr/lib/rabbitmq/bin/rabbitmq-server'

export const rabbitMq = (): Tool =>
  existsSync(SERVER) ? { command: [SERVER] } : { missing: 'RabbitMQ is not installed' }

export class RabbitMq {
  readonly url: string
  readonly #t: TestContext
  readonly #environment: Record<string, string>
  #broker!: ChildProcess

  private constructor(t: TestContext, port: number, environment: Record<string, string>) {
    this.url = `amqp://guest:guest@127.0.0.1:${port}`
    this.#t = t
    this.#environment = environment
  }

  /** Ends with the test. */
  static async open(t: TestContext): Promise<RabbitMq> {
    const folder = mkdtempSync(join(tmpdir(), 'parley-rabbitmq-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    for (const name of ['data', 'log']) mkdirSync(join(folder, name))
    writeFileSync(join(folder, 'plugins'), '[].')
    writeFileSync(join(folder, 'environment.conf'), '')
    const [port, distribution, mapper] = [await freePort(), await freePort(), await freePort()]
    const broker = new RabbitMq(t, port, {
      PATH: process.env.PATH ?? '',
      HOME: folder,
      RABBITMQ_CONF_ENV_FILE: join(folder, 'environment.conf'),
      RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'plugins'),
      RABBITMQ_MNESIA_BASE: join(folder, 'data'),
      RABBITMQ_LOG_BASE: join(folder, 'log'),
      RABBITMQ_LOGS: '-',
      RABBITMQ_NODENAME: `parley-${port}@localhost`,
      RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
      RABBITMQ_NODE_PORT: String(port),
      RABBITMQ_DIST_PORT: String(distribution),
      ERL_EPMD_ADDRESS: '127.0.0.1',
      ERL_EPMD_PORT: String(mapper),
    })
    // Erlang would start its port mapper as a daemon, which outlives the test.
    broker.#spawn('epmd', [])
    await broker.start()
    return broker
  }

  async start(): Promise<void> {
    this.#broker = this.#spawn(SERVER, [])
    await untilFits(
      'RabbitMQ to accept connections',
      () => isOpen(this.url),
      found => found,
      120_000,
    )
  }
  async kill(): Promise<void> {
    await end(this.#broker)
  }

  /** In a process group of its own, because the script starts Erlang as a child. */
  #spawn(program: string, args: readonly string[]): ChildProcess {
    const child = spawn(program, args, { env: this.#environment, stdio: 'ignore', detached: true })
    this.#t.after(() => end(child))
    return child
  }
}

async function isOpen(url: string): Promise<boolean> {
  try {
    const connection = await connect(url)
    await connection.close()
    return true
  } catch {
    return false
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  process.kill(-child.pid, 'SIGKILL')
  await ended
}
