// A WebSocket of a case: what arrived, in order, and waiting for a message that fits.
import { once } from 'node:events'
import { decodeJson } from '@parley/protocol'
import { type ClientOptions, WebSocket } from 'ws'
import { CaseFailure } from './checked-case.ts'

/** A JSON message. `text` is its source; integers beyond 2^53 are strings in `d`. */
export interface Message {
  op: unknown
  d: Record<string, unknown>
  s?: unknown
  seq?: unknown
  text: string
}

/** Longer than a node delays HELLO after wrong tokens. */
const WAIT = 8_000
/** Messages that are kept; a peer that floods must not exhaust memory. */
const MOST = 10_000
const SHOWN = 5
const LONGEST = 120

export class JsonSocket {
  readonly #socket: WebSocket
  readonly #waiting = new Set<() => void>()
  /** Messages that no case has taken yet. */
  #messages: Message[] = []
  #closed: { code: number; reason: string } | undefined

  /** Rejects with a `CaseFailure` if the connection cannot be opened. */
  static async open(url: string | URL, options: ClientOptions = {}): Promise<JsonSocket> {
    const raw = new WebSocket(url, { handshakeTimeout: WAIT, ...options })
    // Before the socket is open: the first message may come with the answer to the handshake.
    const socket = new JsonSocket(raw)
    try {
      await once(raw, 'open')
    } catch (error) {
      throw new CaseFailure(`cannot connect to ${url}: ${error instanceof Error ? error.message : error}`)
    }
    return socket
  }

  /** Of a connection that a server accepted, or of one that opens. */
  constructor(socket: WebSocket) {
    this.#socket = socket
    socket.on('message', (data, isBinary) => this.#receive(data as Buffer, isBinary))
    socket.on('error', () => {})
    socket.on('close', (code, reason) => {
      this.#closed = { code, reason: String(reason) }
      this.#notify()
    })
  }

  get closed(): { code: number; reason: string } | undefined {
    return this.#closed
  }
  /** Messages that were not taken. */
  get messages(): readonly Message[] {
    return this.#messages
  }

  /** An object becomes JSON; text and bytes are sent as they are. */
  send(message: object | string | Uint8Array): void {
    const isRaw = typeof message === 'string' || message instanceof Uint8Array
    if (this.#closed === undefined) this.#socket.send(isRaw ? message : JSON.stringify(message))
  }

  /** Removes and returns the first message that fits. Rejects with a `CaseFailure` that names `what` and what came instead. */
  async take(what: string, fits: (message: Message) => boolean, within = WAIT): Promise<Message> {
    let found: Message | undefined
    await this.#until(within, () => {
      found = this.#messages.find(fits)
      return found !== undefined || this.#closed !== undefined
    })
    if (found === undefined) throw new CaseFailure(`expected ${what}${this.#instead(within)}`)
    this.#messages = this.#messages.filter(message => message !== found)
    return found
  }

  /** The close of the connection. Rejects with a `CaseFailure` if it stays open. */
  async closes(what: string, within = WAIT): Promise<{ code: number; reason: string }> {
    await this.#until(within, () => this.#closed !== undefined)
    if (this.#closed === undefined) throw new CaseFailure(`expected ${what}${this.#instead(within)}`)
    return this.#closed
  }

  /** Rejects with a `CaseFailure` unless the connection closes with one of the codes. */
  async closesWith(codes: readonly number[], because: string, within = WAIT): Promise<void> {
    const { code } = await this.closes(`a close with ${codes.join(' or ')} after ${because}`, within)
    if (!codes.includes(code))
      throw new CaseFailure(`expected a close with ${codes.join(' or ')} after ${because}, found ${code}`)
  }

  ping(): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.ping()
  }
  close(code = 1000): void {
    this.#socket.close(code)
  }
  /** Without a close frame. */
  drop(): void {
    this.#socket.terminate()
  }

  #receive(data: Buffer, isBinary: boolean): void {
    if (this.#messages.length >= MOST) return this.drop()
    const message = isBinary ? { op: 'binary', d: {}, text: `${data.length} binary bytes` } : messageOf(String(data))
    this.#messages.push(message)
    this.#notify()
  }

  #notify(): void {
    for (const waiting of [...this.#waiting]) waiting()
  }

  #until(within: number, holds: () => boolean): Promise<void> {
    return new Promise(resolve => {
      const check = () => {
        if (holds()) done()
      }
      const done = () => {
        clearTimeout(timer)
        this.#waiting.delete(check)
        resolve()
      }
      const timer = setTimeout(done, within)
      this.#waiting.add(check)
      check()
    })
  }

  /** What was received instead of what a case waited for. */
  #instead(within: number): string {
    const last = this.#messages.slice(-SHOWN).map(({ text }) => text.slice(0, LONGEST))
    const received = last.length === 0 ? 'received nothing' : `received ${last.join(' ')}`
    const { code, reason } = this.#closed ?? {}
    if (code === undefined) return ` within ${within / 1_000} s, ${received}`
    return `, but the connection closed with ${code}${reason ? ` (${reason})` : ''}; ${received}`
  }
}

/** A message without a shape has an `op` of undefined. */
function messageOf(text: string): Message {
  try {
    const value = decodeJson(text) as Partial<Message> | null
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return { op: undefined, d: {}, text }
    const d = typeof value.d === 'object' && value.d !== null ? value.d : {}
    return { ...value, op: value.op, d, text }
  } catch {
    return { op: undefined, d: {}, text }
  }
}
