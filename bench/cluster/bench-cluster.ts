// Processes of a cluster on loopback: nats-server with an empty store, nodes, a front.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../test/e2e/free-port.ts'
import { endWithUs } from '../node/child.ts'
import { NodeProcess } from '../node/node-process.ts'
import { threadSeconds } from '../node/thread-seconds.ts'

/** Without it this part of the report is left out, except in CI. */
export const hasNats = (): boolean =>
  spawnSync('nats-server', ['--version']).error === undefined || process.env.CI === 'true'

export class BenchCluster {
  readonly #nats: ChildProcess
  readonly #folder: string
  readonly #url: string
  readonly nodes: NodeProcess[] = []

  private constructor(nats: ChildProcess, folder: string, url: string) {
    this.#nats = nats
    this.#folder = folder
    this.#url = url
  }

  /** The processes connect to NATS as soon as it listens. */
  static async open(nodes: number): Promise<BenchCluster> {
    const folder = mkdtempSync(join(tmpdir(), 'parley-bench-nats-'))
    const port = await freePort()
    const args = ['-a', '127.0.0.1', '-p', String(port), '-js', '-sd', folder]
    const nats = spawn('nats-server', args, { stdio: 'ignore' })
    endWithUs(nats)
    const cluster = new BenchCluster(nats, folder, `127.0.0.1:${port}`)
    await cluster.grow(nodes)
    return cluster
  }

  /** Starts nodes until there are `count`. */
  async grow(count: number): Promise<void> {
    while (this.nodes.length < count)
      this.nodes.push(await NodeProcess.start(...this.#settings(`n${this.nodes.length + 1}`), 'media.lanes=1'))
  }

  front(): Promise<NodeProcess> {
    return NodeProcess.front(...this.#settings('f1'))
  }

  /** CPU time of nats-server in seconds. */
  natsSeconds(): number {
    return threadSeconds(this.#nats.pid!)
  }

  async close(): Promise<void> {
    await Promise.all(this.nodes.map(node => node.stop()))
    const exited = once(this.#nats, 'exit')
    this.#nats.kill('SIGKILL')
    await exited
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #settings(id: string): string[] {
    return [`cluster.nats=${this.#url}`, `cluster.id=${id}`]
  }
}
