// The trace of a test server: the newest events of each user, with their listeners.
import { SERVER_LIMITS } from '../../limits.ts'
import type { TraceEvent, TraceRecord } from './trace-record.ts'

export class Trace {
  readonly #byUser = new Map<string, TraceEvent[]>()
  readonly #listeners = new Set<(event: TraceEvent) => void>()
  readonly #now: () => number
  #count = 0

  constructor(now: () => number) {
    this.#now = now
  }

  add(user: string, record: TraceRecord): void {
    const event = { at: Math.round(this.#now() * 1_000) / 1_000, user, ...record }
    const own = this.#byUser.get(user) ?? []
    this.#byUser.set(user, own)
    own.push(event)
    if (own.length > SERVER_LIMITS.maxTraceEventsPerUser) own.shift()
    else if (++this.#count > SERVER_LIMITS.maxTraceEvents) this.#dropOldest()
    for (const listener of this.#listeners) listener(event)
  }

  /** In order of time; of one user, or of all. */
  events(user?: string): TraceEvent[] {
    if (user !== undefined) return [...(this.#byUser.get(user) ?? [])]
    return [...this.#byUser.values()].flat().sort((a, b) => a.at - b.at)
  }

  /** Returns a function that removes the listener. */
  listen(listener: (event: TraceEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  clear(user?: string): void {
    if (user === undefined) this.#byUser.clear()
    else this.#byUser.delete(user)
    this.#count = [...this.#byUser.values()].reduce((sum, own) => sum + own.length, 0)
  }

  /** Of the user with the most events, so that one client cannot displace the others. */
  #dropOldest(): void {
    let most: TraceEvent[] = []
    for (const own of this.#byUser.values()) if (own.length > most.length) most = own
    most.shift()
    this.#count--
  }
}
