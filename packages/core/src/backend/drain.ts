// Draining: calls may continue until a deadline; then the remaining sessions are closed.
import { SHUTDOWN_REASON, VoiceClose } from '@parley/protocol'
import type { Ending } from '../channel/channel-session.ts'
import type { Timed } from '../deadlines.ts'

/**
 * After 4015 clients resume here, where no node is any more; after 4014 they wait for the backend to name another node. discord.py,
 * Pycord, disnake and Dysnomia never come back after 4015.
 */
const STOPPING: Ending = { code: VoiceClose.Disconnected, reason: SHUTDOWN_REASON }

interface Drainable {
  end(ending: Ending, now: number): void
}

export class Drain implements Timed {
  readonly #sessions: { all(): Iterable<Drainable> }
  #until = Infinity

  constructor(sessions: { all(): Iterable<Drainable> }) {
    this.#sessions = sessions
  }

  begin(until: number): void {
    this.#until = until
  }

  get deadline(): number {
    return this.#until
  }

  tick(now: number): void {
    if (now < this.#until) return
    this.#until = Infinity
    for (const session of [...this.#sessions.all()]) session.end(STOPPING, now)
  }
}
