// A process that answers questions in lines of JSON, while this thread waits: what it computes is a function call to a test.
import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads'

const PATIENCE = 20_000

export class LineProcess {
  readonly #worker: Worker
  readonly #port: MessagePort
  readonly #signal = new Int32Array(new SharedArrayBuffer(4))

  /** `command` starts it: a program and its arguments. It ends when its standard input does. */
  constructor(command: readonly [string, ...string[]]) {
    const { port1, port2 } = new MessageChannel()
    this.#port = port1
    this.#worker = new Worker(new URL('./line-worker.mjs', import.meta.url), {
      workerData: { command, port: port2, signal: this.#signal },
      transferList: [port2],
      execArgv: [],
    })
  }

  /** Throws what the process says went wrong, and if it says nothing. */
  ask(question: object): Record<string, unknown> {
    Atomics.store(this.#signal, 0, 0)
    this.#port.postMessage(JSON.stringify(question))
    // The worker wakes us after it has set the signal: what wakes us may still be for the question before.
    while (Atomics.load(this.#signal, 0) === 0)
      if (Atomics.wait(this.#signal, 0, 0, PATIENCE) === 'timed-out') throw new Error('the process does not answer')
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
