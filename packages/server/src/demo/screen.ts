// Output of the demo's view: redrawn in place on a terminal, line by line elsewhere.
import { sentence, summary, viewLines } from './call-view.ts'
import type { CallEvent, CallSnapshot } from './demo-call.ts'

/** The part of `process.stdout` and `process.stderr` that a screen uses. */
export interface Output {
  write(text: string): unknown
  isTTY?: boolean
  columns?: number
  rows?: number
  hasColors?(): boolean
}

/** Shows the call until it is closed. */
export interface Screen {
  event(event: CallEvent): void
  close(): void
}

const REDRAW_INTERVAL = 200
const LINE_INTERVAL = 5_000
const NARROW = { columns: 80, rows: 24 } as const

/** `mayRedraw` is false if lines were requested or the terminal has no escape sequences. */
export function openScreen(output: Output, call: () => CallSnapshot, mayRedraw: boolean): Screen {
  return output.isTTY === true && mayRedraw ? new LiveScreen(output, call) : new LineScreen(output, call)
}

/** Draws over its previous lines with escape sequences (ECMA-48). */
class LiveScreen implements Screen {
  readonly #output: Output
  readonly #call: () => CallSnapshot
  readonly #startedAt = performance.now()
  readonly #timer: NodeJS.Timeout
  /** Lines of the view on the screen. */
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

  /** The last view stays on the screen. */
  close(): void {
    clearInterval(this.#timer)
    this.#draw()
  }

  #draw(): void {
    const { columns = NARROW.columns, rows = NARROW.rows } = this.#output
    const hasColours = this.#output.hasColors?.() ?? false
    const options = { columns, hasColours, elapsed: performance.now() - this.#startedAt }
    // Lines that have scrolled off the screen cannot be redrawn.
    const lines = viewLines(this.#call(), options).slice(0, Math.max(1, rows - 1))
    const up = this.#drawn === 0 ? '' : `\x1b[${this.#drawn}A`
    // Each line is cleared behind its text, and all lines are one write, so that the view does not flicker.
    this.#output.write(`${up}\r${lines.map(line => `${line}\x1b[K\n`).join('')}\x1b[J`)
    this.#drawn = lines.length
  }
}

/** Events as they happen, and a summary every few seconds. */
class LineScreen implements Screen {
  readonly #output: Output
  readonly #call: () => CallSnapshot
  readonly #startedAt = performance.now()
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
    this.#output.write(`${summary(this.#call(), performance.now() - this.#startedAt)}\n`)
  }
}
