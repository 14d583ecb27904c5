// A node in a separate process, started as an operator starts it, and readings of its metrics.
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { endWithUs } from './child.ts'
import { threadSeconds } from './thread-seconds.ts'

const PARLEY = fileURLToPath(new URL('../../packages/server/bin/parley.mjs', import.meta.url))
export const SECRET = 'bench secret'

export class NodeProcess {
  readonly #child: ChildProcess
  readonly endpoint: string

  private constructor(child: ChildProcess, endpoint: string) {
    this.#child = child
    this.endpoint = endpoint
  }

  /** Starts `parley serve` on free loopback ports. `settings` are additional `key=value` pairs. */
  static async start(...settings: string[]): Promise<NodeProcess> {
    const media = ['media.listen=127.0.0.1', 'media.port=0', 'voice.drain_timeout=0s']
    const child = launched('serve', [...media, ...settings])
    const { endpoint } = await started(child, 'node.started')
    return new NodeProcess(child, endpoint ?? '')
  }

  /** Starts `parley front`. It has neither a voice gateway nor media. */
  static async front(...settings: string[]): Promise<NodeProcess> {
    const child = launched('front', settings)
    const { lvsp } = await started(child, 'front.started')
    return new NodeProcess(child, new URL(lvsp ?? '').host)
  }

  get lvspUrl(): string {
    return `ws://${this.endpoint}/lvsp`
  }

  /** Metrics without labels, by name. */
  async metrics(): Promise<Map<string, number>> {
    const text = await (await fetch(`http://${this.endpoint}/metrics`)).text()
    const samples = text.split('\n').filter(line => line !== '' && !line.startsWith('#'))
    return new Map(
      samples.map(line => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
    )
  }

  async residentBytes(): Promise<number> {
    return (await this.metrics()).get('process_resident_memory_bytes') ?? Number.NaN
  }

  async cpuSeconds(): Promise<number> {
    return (await this.metrics()).get('process_cpu_seconds_total') ?? Number.NaN
  }

  get pid(): number {
    return this.#child.pid!
  }

  /** CPU time of all running threads in seconds, read without involving the node. */
  threadSeconds(): number {
    return threadSeconds(this.pid)
  }

  async stop(): Promise<void> {
    const exited = new Promise(resolve => this.#child.once('exit', resolve))
    this.#child.kill('SIGTERM')
    await exited
  }
}

function launched(command: string, settings: readonly string[]): ChildProcess {
  const set = ['http.listen=127.0.0.1:0', 'log.format=json', ...settings]
  const env = { ...process.env, PARLEY_BACKEND_0_ID: 'bench', PARLEY_BACKEND_0_SECRET: SECRET }
  const args = [PARLEY, command, ...set.flatMap(pair => ['--set', pair])]
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] })
  endWithUs(child)
  return child
}

/** Resolves with the line of the log that says where the process listens. Prints errors that it logs. */
function started(child: ChildProcess, event: string): Promise<{ endpoint?: string; lvsp?: string }> {
  return new Promise((resolve, reject) => {
    let log = ''
    child.once('exit', code => reject(new Error(`the process exited with ${code}: ${log}`)))
    createInterface(child.stdout!).on('line', line => {
      log += line
      if (line.includes('"level":"error"')) console.error(line)
      if (line.includes(`"${event}"`)) resolve(JSON.parse(line))
    })
  })
}
