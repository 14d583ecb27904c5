// The trace of a test server: the newest events of each user, with their listeners.
import { SERVER_LIMITS } from '../../limits.ts'
import type { TraceEvent, TraceRecord } from './trace-record.ts'
import { type Transcript, TranscriptBuilder, type Violation } from './transcript.ts'

/**
 * Bounded by `SERVER_LIMITS.maxTraceEventsPerUser` and `maxTraceEvents`. Transcripts outlive the events that they were
 * created from.
 */
export class Trace {
  readonly #byUser = new Map<string, TraceEvent[]>()
  readonly #listeners = new Set<(event: TraceEvent) => void>()
  readonly #transcripts = new Map<string, TranscriptBuilder>()
  readonly #now: () => number
  readonly #violated: (user: string, violation: Violation) => void
  #count = 0

  /**
   * `now` is in milliseconds since the start of the test server. `violated` is called as soon as a client breaks a
   * rule.
   */
  constructor(now: () => number, violated: (user: string, violation: Violation) => void) {
    this.#now = now
    this.#violated = violated
  }

  /** Listeners are called synchronously, after the event is part of the transcript. */
  add(user: string, record: TraceRecord): void {
    const event = { at: Math.round(this.#now() * 1_000) / 1_000, user, ...record }
    const own = this.#byUser.get(user) ?? []
    this.#byUser.set(user, own)
    own.push(event)
    if (own.length > SERVER_LIMITS.maxTraceEventsPerUser) own.shift()
    else if (++this.#count > SERVER_LIMITS.maxTraceEvents) this.#dropOldest()
    this.#builder(user).add(event)
    for (const listener of this.#listeners) listener(event)
  }

  /** What a user's client sent since the start, or since `clear`. */
  transcript(user: string): Transcript {
    return this.#builder(user).view(this.#now())
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

  /** Forgets events and transcripts, of one user or of all: a test begins. Listeners stay. */
  clear(user?: string): void {
    for (const map of [this.#byUser, this.#transcripts]) {
      if (user === undefined) map.clear()
      else map.delete(user)
    }
    this.#count = [...this.#byUser.values()].reduce((sum, own) => sum + own.length, 0)
  }

  #builder(user: string): TranscriptBuilder {
    const known = this.#transcripts.get(user)
    if (known !== undefined) return known
    const builder = new TranscriptBuilder(violation => this.#violated(user, violation))
    this.#transcripts.set(user, builder)
    return builder
  }

  /** Of the user with the most events, so that one client cannot displace the others. */
  #dropOldest(): void {
    let most: TraceEvent[] = []
    for (const own of this.#byUser.values()) if (own.length > most.length) most = own
    most.shift()
    this.#count--
  }
}
