// Draining: calls may continue until a deadline; then the remaining sessions are closed.
import { SHUTDOWN_REASON, VoiceClose } from '@parley/protocol'
import type { Ending } from '../channel/channel-session.ts'
import type { Timed } from '../deadlines.ts'
import { actOnEach } from '../errors.ts'

/**
 * After 4015 clients resume here, where no node is any more; after 4014 they wait for the backend to name another node. discord.py,
 * Pycord, disnake and Dysnomia never come back after 4015.
 */
const STOPPING: Ending = { code: VoiceClose.Disconnected, reason: SHUTDOWN_REASON }

interface Drainable {
  /** Ends its sessions, without a message to the others for each that leaves. */
  endSessions(ending: Ending, now: number): void
  readonly sessionCount: number
}

export class Drain implements Timed {
  readonly #channels: { all(): Iterable<Drainable> }
  #until: number | undefined
  #hasEnded = false

  constructor(channels: { all(): Iterable<Drainable> }) {
    this.#channels = channels
  }

  /** When the remaining sessions close, or closed; undefined while the node does not drain. */
  get until(): number | undefined {
    return this.#until
  }

  begin(until: number): void {
    this.#until = until
    this.#hasEnded = false
  }

  /** The node accepts calls again. */
  cancel(): void {
    this.#until = undefined
  }

  get deadline(): number {
    return this.#hasEnded ? Infinity : (this.#until ?? Infinity)
  }

  tick(now: number): void {
    if (now < this.deadline) return
    this.#hasEnded = true
    actOnEach(this.#channels.all(), channel => channel.sessionCount > 0 && channel.endSessions(STOPPING, now))
  }
}
