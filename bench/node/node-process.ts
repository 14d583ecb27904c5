// A node in a separate process, started as an operator starts it, and readings of its metrics.
import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

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
    const set = [
      'http.listen=127.0.0.1:0',
      'media.listen=127.0.0.1',
      'media.port=0',
      'log.format=json',
      'voice.drain_timeout=0s',
      ...settings,
    ]
    const env = { ...process.env, PARLEY_BACKEND_0_ID: 'bench', PARLEY_BACKEND_0_SECRET: SECRET }
    const args = [PARLEY, 'serve', ...set.flatMap(pair => ['--set', pair])]
    const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] })
    endWithUs(child)
    return new NodeProcess(child, await endpointOf(child))
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

  /** CPU time of all running threads in seconds, read from /proc without involving the node. Linux only. */
  threadSeconds(): number {
    const tasks = `/proc/${this.#child.pid}/task`
    const spent = readdirSync(tasks).map(task =>
      Number(readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ')[0]),
    )
    return spent.reduce((sum, each) => sum + each, 0) / 1e9
  }

  async stop(): Promise<void> {
    const exited = new Promise(resolve => this.#child.once('exit', resolve))
    this.#child.kill('SIGTERM')
    await exited
  }
}

/** Ends the node when this process ends. */
function endWithUs(child: ChildProcess): void {
  const end = () => void child.kill('SIGKILL')
  const endAll = () => process.exit(1)
  process.once('exit', end).on('SIGINT', endAll).on('SIGTERM', endAll)
  child.once('exit', () => process.off('exit', end).off('SIGINT', endAll).off('SIGTERM', endAll))
}

/** Resolves when the node logs its endpoint. Prints errors that the node logs. */
function endpointOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let log = ''
    child.once('exit', code => reject(new Error(`the node exited with ${code}: ${log}`)))
    createInterface(child.stdout!).on('line', line => {
      log += line
      if (line.includes('"level":"error"')) console.error(line)
      if (line.includes('"node.started"')) resolve(JSON.parse(line).endpoint)
    })
  })
}
