// Log lines to standard output. The node never waits for their reader: lines above a bound are lost and counted.
import { constants, openSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { SERVER_LIMITS } from '../limits.ts'

const STANDARD_OUTPUT = 1
const LINE_FEED = 10
const NOTHING = new Uint8Array(0)

export class LogOutput {
  readonly #descriptor: number
  readonly #onLost: (lines: number) => void
  /** Lines that are not encoded yet, and the bytes before them that the system has not accepted yet. */
  #lines: string[] = []
  #bytes: Uint8Array = NOTHING
  #length = 0
  #isScheduled = false
  #unreported = 0
  /** Lines that were dropped. */
  lost = 0
  readonly #atExit = (): void => void this.flush()

  /** `onLost` is called when the reader accepts lines again after some were lost. */
  constructor(onLost: (lines: number) => void, descriptor: number = openNonBlocking()) {
    this.#descriptor = descriptor
    this.#onLost = onLost
    process.on('exit', this.#atExit)
  }

  write(line: string): void {
    if (this.#length + line.length > SERVER_LIMITS.maxLogBuffered) return this.#drop(1)
    this.#lines.push(line)
    this.#length += line.length
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => this.#run())
  }

  /** Writes as much as the system accepts. Returns whether that was everything. */
  flush(): boolean {
    while (this.#bytes.length > 0 || this.#lines.length > 0) {
      if (this.#bytes.length === 0) this.#bytes = Buffer.from(this.#lines.splice(0).join(''))
      const written = this.#tryWrite()
      if (written === 0) return false
      this.#bytes = this.#bytes.subarray(written)
      this.#length = this.#bytes.length
    }
    this.#length = 0
    return true
  }

  /** Resolves when everything is written, at the latest after `timeout` milliseconds. */
  async end(timeout: number): Promise<void> {
    process.off('exit', this.#atExit)
    const deadline = performance.now() + timeout
    while (!this.flush() && performance.now() < deadline) await sleep(SERVER_LIMITS.logRetryInterval)
  }

  /** A reader that is gone, or a full disk, loses what is buffered. */
  #tryWrite(): number {
    try {
      return writeSync(this.#descriptor, this.#bytes)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 0
      this.#drop(this.#bytes.filter(byte => byte === LINE_FEED).length)
      return this.#bytes.length
    }
  }

  #run(): void {
    this.#isScheduled = !this.flush()
    if (this.#isScheduled) setTimeout(() => this.#run(), SERVER_LIMITS.logRetryInterval).unref()
    else this.#report()
  }

  #report(): void {
    if (this.#unreported === 0) return
    const lines = this.#unreported
    this.#unreported = 0
    this.#onLost(lines)
  }

  #drop(lines: number): void {
    this.lost += lines
    this.#unreported += lines
  }
}

/**
 * Node.js makes pipes and sockets non-blocking when it opens `process.stdout`, but keeps terminals blocking: one that is stopped by
 * Ctrl-S would stop the node, so it is opened again.
 */
function openNonBlocking(): number {
  if (process.stdout.isTTY !== true) return STANDARD_OUTPUT
  try {
    return openSync('/proc/self/fd/1', constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
  } catch {
    return STANDARD_OUTPUT
  }
}
