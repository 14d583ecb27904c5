// The C++ floor: a program that only receives, opens, seals and sends (forwarder.cpp), under the load of a node and with its keys.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Crowd } from '../load/crowd.ts'
import { type LoadFigures, type Measurement, measureLoad } from '../load/measure.ts'
import { endWithUs } from '../node/child.ts'
import { threadSeconds } from '../node/thread-seconds.ts'
import { nameOf } from './socket-name.ts'

/** How the program sends: one system call per copy, or one for up to 128. */
export type NativeVariant = 'sendto' | 'sendmmsg'

const SOURCE = fileURLToPath(new URL('forwarder.cpp', import.meta.url))
const FOLDER = fileURLToPath(new URL('../../.cache/bench', import.meta.url))
const PROGRAM = `${FOLDER}/forwarder`
const COMPILERS = ['c++', 'g++', 'clang++']
const OPTIONS = ['-O3', '-march=native', '-std=c++17', '-pthread', SOURCE, '-o', PROGRAM, '-ldl']
/** What the program exits with where libsodium, or its AES-256-GCM, is not available. */
const NO_SODIUM = 4

/** Compiles the program. Returns why it cannot be used, if it cannot. */
export function compileFloor(): string | undefined {
  mkdirSync(FOLDER, { recursive: true })
  const compiler = COMPILERS.find(name => spawnSync(name, ['--version']).status === 0)
  if (compiler === undefined) return 'no C++ compiler is installed'
  const { status, stderr } = spawnSync(compiler, OPTIONS, { encoding: 'utf8' })
  if (status !== 0) return `${compiler} failed: ${stderr.split('\n')[0]}`
  const check = spawnSync(PROGRAM, ['sendto'], { input: 'end\n' })
  return check.status === NO_SODIUM ? 'libsodium with AES-256-GCM is not installed' : undefined
}

export class NativeFloor {
  readonly variant: NativeVariant
  readonly #child: ChildProcess
  readonly #crowd: Crowd
  readonly #name: Int32Array

  private constructor(variant: NativeVariant, child: ChildProcess, crowd: Crowd, port: number) {
    this.variant = variant
    this.#child = child
    this.#crowd = crowd
    this.#name = nameOf('127.0.0.1', port)
  }

  /** Starts the program, which `compileFloor` has compiled, with the speakers and listeners of a crowd that has joined. */
  static async open(crowd: Crowd, variant: NativeVariant): Promise<NativeFloor> {
    const child = spawn(PROGRAM, [variant], { stdio: ['pipe', 'pipe', 'inherit'] })
    endWithUs(child)
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
    const port = Number((await lines.next()).value?.split(' ')[1])
    child.stdin.write(linesOf(crowd))
    if ((await lines.next()).value !== 'ready') throw new Error('the C++ floor did not start')
    return new NativeFloor(variant, child, crowd, port)
  }

  /** Directs the crowd's streams to the program while it is measured. */
  async measure(measurement: Measurement): Promise<LoadFigures> {
    const { streams } = this.#crowd
    for (const stream of streams) stream.sendTo(this.#name)
    try {
      return await measureLoad(this.#crowd, { ...measurement, isProbing: false, process: this })
    } finally {
      for (const stream of streams) stream.sendTo(undefined)
    }
  }

  get pid(): number {
    return this.#child.pid!
  }

  threadSeconds(): number {
    return threadSeconds(this.pid)
  }

  close(): void {
    this.#child.kill()
  }
}

const hex = (key: Uint8Array) => Buffer.from(key).toString('hex')

function linesOf({ routes }: Crowd): string {
  const lines = routes.flatMap(({ ssrc, key, listeners }) => [
    `speaker ${ssrc} ${hex(key)}`,
    ...listeners.map(listener => `listener ${listener.port} ${hex(listener.key)}`),
  ])
  return `${lines.join('\n')}\nend\n`
}
