// The end of a node's service: calls may finish until a deadline, then their clients are told to go elsewhere.
import { VoiceClose } from '@parley/protocol'
import type { Ending } from '../channel/channel-session.ts'
import type { Timed } from '../deadlines.ts'

const STOPPING: Ending = { code: VoiceClose.ServerCrashed, reason: 'the node is stopping' }

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
