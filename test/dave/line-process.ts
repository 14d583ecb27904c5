// A process that answers requests in lines of JSON. The calling thread blocks, so that a request is a synchronous call.
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads'

/** Milliseconds to wait for an answer. */
const TIMEOUT = 20_000

export class LineProcess {
  readonly #worker: Worker
  readonly #port: MessagePort
  readonly #signal = new Int32Array(new SharedArrayBuffer(4))

  /** `command` is a program and its arguments. The process ends when its standard input is closed. */
  constructor(command: readonly [string, ...string[]]) {
    const { port1, port2 } = new MessageChannel()
    this.#port = port1
    this.#worker = new Worker(new URL('./line-worker.mjs', import.meta.url), {
      workerData: { command, port: port2, signal: this.#signal },
      transferList: [port2],
      execArgv: [],
    })
  }

  /** Throws if the process answers with an error or does not answer in time. */
  ask(question: object): Record<string, unknown> {
    Atomics.store(this.#signal, 0, 0)
    this.#port.postMessage(JSON.stringify(question))
    // Check the signal again after a wake-up: the notification of the previous request may arrive late.
    while (Atomics.load(this.#signal, 0) === 0)
      if (Atomics.wait(this.#signal, 0, 0, TIMEOUT) === 'timed-out') throw new Error('the process does not answer')
    const answer = JSON.parse(receiveMessageOnPort(this.#port)!.message) as Record<string, unknown>
    if (typeof answer.error === 'string') throw new Error(answer.error)
    return answer
  }

  /** Resolves when the process has ended. */
  close(): Promise<void> {
    const ended = new Promise<void>(resolve => this.#worker.once('exit', () => resolve()))
    this.#port.close()
    return ended
  }
}
