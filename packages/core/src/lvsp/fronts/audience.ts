// The sessions of one backend on a node: its own, and those of the fronts that serve it. Every session is sent every event, so that each
// front knows the state of the node; of the fronts, one passes the events on to the backend: the receiver.
import { LvspInfo } from '@parley/protocol'
import type { NodeControl } from '../node-control.ts'
import type { LvspSession } from '../session.ts'

export class Audience {
  readonly #node: Pick<NodeControl, 'backendAttached' | 'backendDetached'>
  /** By id of the front; the backend's own without one. */
  readonly #sessions = new Map<string | undefined, LvspSession>()
  #receiver: LvspSession | undefined
  #isPresent = false
  #lastSince = 0

  constructor(node: Pick<NodeControl, 'backendAttached' | 'backendDetached'>) {
    this.#node = node
  }

  get sessions(): Iterable<LvspSession> {
    return this.#sessions.values()
  }

  find(front?: string): LvspSession | undefined {
    return this.#sessions.get(front)
  }

  add(session: LvspSession): void {
    this.#sessions.set(session.front, session)
  }

  /** The session expired. */
  remove(session: LvspSession): void {
    this.#sessions.delete(session.front)
    if (this.#receiver === session) this.#receiver = undefined
  }

  isReceiver(session: LvspSession): boolean {
    return this.#receiver === session
  }

  /** FRONT_BACKEND. A front that repeats it after a reconnect keeps its place in the order. */
  backendConnected(session: LvspSession, isConnected: boolean, now: number): void {
    if (!isConnected) session.backendSince = 0
    else if (session.backendSince === 0) session.backendSince = ++this.#lastSince
    this.settle(session, now)
  }

  /**
   * A connection or a backend came or went. The receiver is the front to which the backend connected last. Without any it stays the one that
   * it was: its session keeps the events for a RESUME. RECEIVER is numbered, so that every event is between two of them.
   */
  settle({ backend }: LvspSession, now: number): void {
    const isPresent = this.#sessions.get(undefined)?.isConnected === true || this.#newest !== undefined
    if (isPresent !== this.#isPresent) {
      this.#isPresent = isPresent
      if (isPresent) this.#node.backendAttached(backend, now)
      else this.#node.backendDetached(backend, now)
    }
    const before = this.#receiver
    const receiver = this.#newest ?? before
    if (receiver === before) return
    this.#receiver = receiver
    before?.send(LvspInfo.Receiver, { receives: false })
    receiver?.send(LvspInfo.Receiver, { receives: true })
  }

  get #newest(): LvspSession | undefined {
    let newest: LvspSession | undefined
    for (const session of this.#sessions.values())
      if (session.isConnected && session.backendSince > (newest?.backendSince ?? 0)) newest = session
    return newest
  }
}
