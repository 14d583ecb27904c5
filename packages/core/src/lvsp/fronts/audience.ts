// The sessions of one backend on a node: its own, and those of the fronts that serve it. Every session is sent every event, so that each
// front knows the state of the node; of the fronts, one passes the events on to the backend: the receiver.
import { type LvspCommandData, LvspInfo } from '@parley/protocol'
import type { BackendId } from '../../channel/channel-ref.ts'
import { LIMITS } from '../../limits.ts'
import type { NodeControl } from '../node-control.ts'
import type { LvspSession } from '../session.ts'

export class Audience {
  readonly #node: Pick<NodeControl, 'backendAttached' | 'backendDetached'>
  /** By id of the front; the backend's own without one. */
  readonly #sessions = new Map<string | undefined, LvspSession>()
  readonly #ready: (backend: BackendId, now: number) => void
  #receiver: LvspSession | undefined
  #isPresent = false
  #lastSince = 0

  /** `ready`: the backend has a new receiver, which is sent what a connection is sent after READY. */
  constructor(
    node: Pick<NodeControl, 'backendAttached' | 'backendDetached'>,
    ready: (backend: BackendId, now: number) => void,
  ) {
    this.#node = node
    this.#ready = ready
  }

  /** The backend has a connection here, or to a front. */
  get isPresent(): boolean {
    return this.#isPresent
  }

  get sessions(): Iterable<LvspSession> {
    return this.#sessions.values()
  }

  find(front?: string): LvspSession | undefined {
    return this.#sessions.get(front)
  }

  /**
   * Whether there is room for the session of another front. At the limit the one whose connection was lost first is ended; sessions
   * with a connection stay.
   */
  makeRoom(): boolean {
    const fronts = [...this.#sessions.values()].filter(({ front }) => front !== undefined)
    if (fronts.length < LIMITS.lvspFrontsPerBackend) return true
    const [oldest] = fronts.filter(({ isConnected }) => !isConnected).sort((a, b) => a.deadline - b.deadline)
    oldest?.expire()
    return oldest !== undefined
  }

  add(session: LvspSession): void {
    this.#sessions.set(session.front, session)
  }

  /** The session ended. */
  remove(session: LvspSession): void {
    this.#sessions.delete(session.front)
    if (this.#receiver === session) this.#receiver = undefined
  }

  isReceiver(session: LvspSession): boolean {
    return this.#receiver === session
  }

  /** FRONT_BACKEND. A front that repeats it after a reconnect keeps its place in the order; a fresh connection is the newest. */
  frontBackend(
    session: LvspSession,
    { connected, video, fresh = false }: LvspCommandData<typeof LvspInfo.FrontBackend>,
    now: number,
  ): void {
    const wasReceiver = this.isReceiver(session)
    session.wantsVideo = video ?? session.wantsVideo
    if (!connected) session.backendSince = 0
    else if (session.backendSince === 0 || fresh) session.backendSince = ++this.#lastSince
    this.settle(session, now)
    if (fresh && wasReceiver && this.isReceiver(session)) this.#ready(session.backend, now)
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
    this.#ready(backend, now)
  }

  get #newest(): LvspSession | undefined {
    let newest: LvspSession | undefined
    for (const session of this.#sessions.values())
      if (session.isConnected && session.backendSince > (newest?.backendSince ?? 0)) newest = session
    return newest
  }
}
