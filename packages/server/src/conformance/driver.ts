// An implementation under test: a process that is controlled by lines of JSON (docs/conformance.md).
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

export interface DriverEvent {
  event: string
  [field: string]: unknown
}

/** Name of the event that answers each command. */
export type Answers = Readonly<Record<string, string>>

/** A command was not answered in time, or failed, or the process has ended. */
export class DriverError extends Error {
  constructor(sentence: string) {
    super(sentence)
    this.name = 'DriverError'
  }
}

const MOST_STDERR = 4_000

export class Driver<Commands extends Answers = Answers> {
  readonly #answers: Commands
  readonly #process: ChildProcess
  readonly #waiting = new Set<(event: DriverEvent | undefined) => void>()
  #stderr = ''
  #exit: string | undefined

  /** `environment` is added to that of this process. */
  constructor(answers: Commands, command: readonly string[], environment: Readonly<Record<string, string>>) {
    this.#answers = answers
    const [program = '', ...args] = command
    this.#process = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...environment } })
    createInterface({ input: this.#process.stdout! }).on('line', line => this.#take(line))
    this.#process.stderr!.on('data', (text: Buffer) => {
      this.#stderr = `${this.#stderr}${text}`.slice(-MOST_STDERR)
    })
    this.#process.stdin!.on('error', () => {})
    this.#process.on('error', ({ message }) => this.#ended(message))
    this.#process.on('exit', (code, signal) => this.#ended(`exit ${signal ?? code}`))
  }

  /** Why the process has ended; undefined while it runs. */
  get exit(): string | undefined {
    return this.#exit
  }
  /** The last lines of standard error. */
  get stderr(): string {
    return this.#stderr.trim()
  }

  /** Sends a command; resolves with the event that answers it. Rejects with a `DriverError`. */
  call(command: keyof Commands & string, fields: object, within: number): Promise<DriverEvent> {
    return new Promise((resolve, reject) => {
      const end = (answer: DriverEvent | undefined) => {
        if (answer !== undefined && answer.event !== this.#answers[command] && answer.event !== 'failed') return
        clearTimeout(deadline)
        this.#waiting.delete(end)
        if (answer?.event === this.#answers[command]) resolve(answer)
        else reject(new DriverError(answer === undefined ? `ended: ${this.#exit}` : `${command}: ${answer.error}`))
      }
      const deadline = setTimeout(() => {
        this.#waiting.delete(end)
        reject(new DriverError(`${command}: no answer within ${within / 1_000} s`))
      }, within)
      this.#waiting.add(end)
      if (this.#exit !== undefined) return end(undefined)
      this.#process.stdin!.write(`${JSON.stringify({ do: command, ...fields })}\n`)
    })
  }

  async end(): Promise<void> {
    if (this.#exit !== undefined) return
    const exited = new Promise<void>(resolve => this.#process.once('exit', () => resolve()))
    this.#process.kill('SIGKILL')
    await exited
  }

  #take(line: string): void {
    let event: DriverEvent
    try {
      event = JSON.parse(line) as DriverEvent
    } catch {
      // Libraries print to standard output, too.
      return
    }
    for (const waiting of [...this.#waiting]) waiting(event)
  }

  #ended(reason: string): void {
    this.#exit ??= reason
    for (const waiting of [...this.#waiting]) waiting(undefined)
  }
}

/** The last line that names an error, else the last line. */
export function lastError(text: string): string {
  const lines = text.split('\n').filter(line => line.trim() !== '')
  return (lines.findLast(line => /error|exception|panic/i.test(line)) ?? lines.at(-1) ?? '').trim()
}
