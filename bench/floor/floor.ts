// The floor of a load: the minimum cost of forwarding, which is sealing and sendmmsg of the same copies to the same sockets.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Crowd } from '../load/crowd.ts'
import { windowOf } from '../load/plan.ts'
import type { BareCopies } from './bare-sender.ts'
import { nameOf } from './socket-name.ts'

export type FloorOrder = { kind: 'prepare'; copies: BareCopies } | { kind: 'run'; milliseconds: number }
export type FloorReport = { kind: 'ready'; port: number } | { kind: 'spent'; microseconds: number }

const PROCESS = fileURLToPath(new URL('floor-process.ts', import.meta.url))

export class Floor {
  readonly #child: ChildProcess
  readonly #crowd: Crowd

  private constructor(child: ChildProcess, crowd: Crowd) {
    this.#child = child
    this.#crowd = crowd
  }

  /** Starts a process that sends what a node would send to this crowd. */
  static async open(crowd: Crowd): Promise<Floor> {
    const child = fork(PROCESS)
    const [ready] = (await once(child, 'message')) as [FloorReport]
    if (ready.kind !== 'ready') throw new Error('the floor did not start')
    crowd.receiver.acknowledgeBare(nameOf('127.0.0.1', ready.port))
    const { listeners, plan } = crowd
    const copies: BareCopies = { listeners, window: windowOf(plan), payload: plan.payload, cipher: 'aes-256-gcm' }
    child.send({ kind: 'prepare', copies } satisfies FloorOrder)
    return new Floor(child, crowd)
  }

  /** Resolves with microseconds of CPU per packet. */
  async measure(seconds: number): Promise<number> {
    const order: FloorOrder = { kind: 'run', milliseconds: seconds * 1_000 }
    const spent = once(this.#child, 'message') as Promise<[FloorReport]>
    this.#crowd.traffic.pollWithoutPause(true)
    this.#child.send(order)
    const [report] = await spent
    this.#crowd.traffic.pollWithoutPause(false)
    if (report.kind !== 'spent') throw new Error('the floor did not report')
    return report.microseconds
  }

  close(): void {
    this.#child.kill()
  }
}
