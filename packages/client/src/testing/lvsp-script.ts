// An LVSP client session driven by a script in place of a node; its outputs are recorded.
import type { LvspOutput } from '../lvsp/lvsp-outputs.ts'
import { LvspClientSession, type LvspSessionOptions } from '../lvsp/session.ts'

export const CHANNEL = { channel_id: '500', guild_id: '100' }
export const USER = { ...CHANNEL, user_id: '7' }
export const INTERVAL = 5_000
export const ALL = ['user_token', 'failure', 'events', 'sync', 'stats']

/** A session, its clock and its outputs. */
export class LvspScript {
  readonly session: LvspClientSession
  now = 1_000
  #outputs: LvspOutput[] = []

  constructor(options: LvspSessionOptions = {}) {
    this.session = new LvspClientSession({ random: () => 0.5, ...options })
    this.session.start(this.now)
  }
  take(): LvspOutput[] {
    const taken = [...this.#outputs, ...this.session.takeOutputs()]
    this.#outputs = []
    return taken
  }
  /** Messages sent since the last `take`; other outputs stay. */
  sent(): { op: number; d: Record<string, unknown> }[] {
    const all = this.take()
    this.#outputs = all.filter(output => output.kind !== 'send')
    return all.flatMap(output => (output.kind === 'send' ? [JSON.parse(output.data)] : []))
  }
  /** INFO types sent since the last `take`. */
  types(): unknown[] {
    return this.sent().flatMap(({ op, d }) => (op === 6 ? [d.type] : []))
  }
  kinds(): string[] {
    return this.take().map(({ kind }) => kind)
  }
  receive(message: unknown): this {
    this.session.messageReceived(typeof message === 'string' ? message : JSON.stringify(message), this.now)
    return this
  }
  info(s: number | undefined, type: number, data: unknown): this {
    return this.receive({ op: 6, s, d: { type, data } })
  }
  /** Up to the token. */
  enter(hello: object = { capabilities: ALL }): this {
    this.session.connectionOpened(this.now)
    this.receive({ op: 0, d: { heartbeat_interval: INTERVAL, nonce: 'q7Zp2LmX0a', ...hello } })
    this.session.signed('token')
    return this
  }
  ready(ready: object = { session: 'a', seq: 0, capabilities: ALL }): this {
    return this.receive({ op: 3, d: { health: 0.5, ...ready } })
  }
  live(): this {
    this.enter().ready().take()
    return this
  }
  lose(code = 1006): this {
    this.session.connectionClosed(code, 'lost', this.now)
    return this
  }
  advance(duration: number): this {
    const until = this.now + duration
    while (this.session.deadline <= until) {
      this.now = this.session.deadline
      this.session.tick(this.now)
    }
    this.now = until
    return this
  }
  /** After a loss: waits, and connects again up to the token. */
  again(): this {
    return this.advance(this.session.deadline - this.now).enter()
  }
}
