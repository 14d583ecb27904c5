// A backend on the virtual clock: the LVSP client session connected to a bench over a link that a test can cut or stall.
import { createHmac } from 'node:crypto'
import { LvspClientSession, type LvspOutput, type LvspSessionOptions, type RequestId } from '@parley/client/sessions'

/** The common interface of both benches' sockets. */
interface Wire {
  readonly raw: readonly (string | Uint8Array)[]
  readonly closeCode: number | undefined
  readonly closeReason: string
  sendText(text: string): unknown
  drop(code?: number): void
}
interface Bench {
  readonly now: number
  advance(duration: number): void
}

/** The interval, in milliseconds, at which the backend reads its socket. */
const STEP = 250

export class SimBackend {
  readonly session: LvspClientSession
  /** All outputs of the session for its user, in order. */
  readonly outputs: LvspOutput[] = []
  /** All messages sent by the session, on any connection. */
  readonly sent: string[] = []
  /** A held link delivers nothing to the backend, a mute one nothing to the node; a cut loses what was not delivered. */
  isHeld = false
  isMute = false
  readonly #bench: Bench
  readonly #open: () => Wire
  readonly #secret: string
  #socket: Wire | undefined
  #read = 0

  constructor(bench: Bench, open: () => Wire, secret: string, options: LvspSessionOptions = {}) {
    this.#bench = bench
    this.#open = open
    this.#secret = secret
    this.session = new LvspClientSession({ random: () => 0.5, ...options })
    this.session.start(bench.now)
    this.pump()
  }

  request(
    ...args: Parameters<LvspClientSession['request']> extends [infer T, infer D, number] ? [T, D] : never
  ): RequestId {
    const id = this.session.request(args[0] as never, args[1] as never, this.#bench.now)
    this.pump()
    return id
  }
  command(type: number, data: object): void {
    this.session.command(type as never, data as never)
    this.pump()
  }
  /** The answer to a request; throws if there is none. */
  // biome-ignore lint/suspicious/noExplicitAny: what a test reads of an answer is checked by its assertions
  answer(request: RequestId): any {
    const output = this.outputs.find(output => output.kind === 'answered' && output.request === request)
    if (output?.kind !== 'answered') throw new Error(`request ${request} was not answered`)
    return output.answer
  }
  of<K extends LvspOutput['kind']>(kind: K): Extract<LvspOutput, { kind: K }>[] {
    return this.outputs.filter((output): output is Extract<LvspOutput, { kind: K }> => output.kind === kind)
  }

  /** Breaks the connection; the session reconnects by itself. */
  cut(): void {
    const socket = this.#socket
    this.#socket = undefined
    this.isHeld = false
    this.isMute = false
    if (socket?.closeCode === undefined) socket?.drop()
    this.session.connectionClosed(1006, 'cut', this.#bench.now)
    this.pump()
  }

  advance(duration: number): void {
    const until = this.#bench.now + duration
    while (this.#bench.now < until) {
      const next = Math.min(until, this.#bench.now + STEP, Math.max(this.session.deadline, this.#bench.now + 1))
      this.#bench.advance(next - this.#bench.now)
      this.session.tick(this.#bench.now)
      this.pump()
    }
  }

  /** Delivers messages both ways until none are left. */
  pump(): void {
    for (let again = true; again; ) {
      again = false
      for (const output of this.session.takeOutputs()) {
        this.#apply(output)
        again = true
      }
      again = this.#receive() || again
    }
  }

  #apply(output: LvspOutput): void {
    switch (output.kind) {
      case 'connect':
        this.#socket = this.#open()
        this.#read = 0
        return this.session.connectionOpened(this.#bench.now)
      case 'sign':
        return this.session.signed(createHmac('sha256', this.#secret).update(output.nonce).digest('hex'))
      case 'send':
        this.sent.push(output.data)
        if (!this.isMute) this.#socket?.sendText(output.data)
        return
      case 'close':
        this.#socket?.drop(output.code)
        this.#socket = undefined
        return
      default:
        this.outputs.push(output)
    }
  }

  #receive(): boolean {
    const socket = this.#socket
    if (socket === undefined || this.isHeld) return false
    const text = socket.raw[this.#read]
    if (text !== undefined) {
      this.#read++
      this.session.messageReceived(text, this.#bench.now)
      return true
    }
    if (socket.closeCode === undefined) return false
    this.#socket = undefined
    this.session.connectionClosed(socket.closeCode, socket.closeReason, this.#bench.now)
    return true
  }
}
