// Where the demo's call is shown: redrawn in place on a terminal, line by line elsewhere.
import { picture, sentence, summary } from './call-view.ts'
import type { CallEvent, CallSnapshot } from './demo-call.ts'

/** What a screen needs of a stream: `process.stdout` and `process.stderr` have it. */
export interface Output {
  write(text: string): unknown
  isTTY?: boolean
  columns?: number
  rows?: number
  hasColors?(): boolean
}

export interface Screen {
  event(event: CallEvent): void
  close(): void
}

const REDRAW_INTERVAL = 200
const LINE_INTERVAL = 5_000
const NARROW = { columns: 80, rows: 24 } as const

/** `mayRedraw`: false where lines are wanted, or the terminal takes no escape sequences. */
export function openScreen(output: Output, call: () => CallSnapshot, mayRedraw: boolean): Screen {
  return output.isTTY === true && mayRedraw ? new LiveScreen(output, call) : new LineScreen(output, call)
}

class LiveScreen implements Screen {
  readonly #output: Output
  readonly #call: () => CallSnapshot
  readonly #begun = performance.now()
  readonly #timer: NodeJS.Timeout
  /** Lines of the picture that is shown. */
  #drawn = 0

  constructor(output: Output, call: () => CallSnapshot) {
    this.#output = output
    this.#call = call
    this.#timer = setInterval(() => this.#draw(), REDRAW_INTERVAL)
    this.#draw()
  }

  event(): void {
    this.#draw()
  }

  /** What was shown last stays. */
  close(): void {
    clearInterval(this.#timer)
    this.#draw()
  }

  #draw(): void {
    const { columns = NARROW.columns, rows = NARROW.rows } = this.#output
    const hasColours = this.#output.hasColors?.() ?? false
    const options = { columns, hasColours, elapsed: performance.now() - this.#begun }
    // What has scrolled off the screen cannot be drawn over.
    const lines = picture(this.#call(), options).slice(0, Math.max(1, rows - 1))
    const up = this.#drawn === 0 ? '' : `\x1b[${this.#drawn}A`
    // Each line is cleared behind its text and not before, and all is written at once: so nothing flickers.
    this.#output.write(`${up}\r${lines.map(line => `${line}\x1b[K\n`).join('')}\x1b[J`)
    this.#drawn = lines.length
  }
}

class LineScreen implements Screen {
  readonly #output: Output
  readonly #call: () => CallSnapshot
  readonly #begun = performance.now()
  readonly #timer: NodeJS.Timeout

  constructor(output: Output, call: () => CallSnapshot) {
    this.#output = output
    this.#call = call
    this.#timer = setInterval(() => this.#summarize(), LINE_INTERVAL)
  }

  event(event: CallEvent): void {
    this.#output.write(`${sentence(event)}\n`)
  }

  close(): void {
    clearInterval(this.#timer)
    this.#summarize()
  }

  #summarize(): void {
    this.#output.write(`${summary(this.#call(), performance.now() - this.#begun)}\n`)
  }
}
