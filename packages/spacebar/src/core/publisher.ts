// Users who have to connect again, and when they are sent their VOICE_SERVER_UPDATE: not before they had time to connect by
// themselves, and not all at once.
import { LIMITS } from '../limits.ts'
import type { BridgeOutput, Published } from './outputs.ts'
import type { Seat } from './seats.ts'

/** Steps of at most `LIMITS.publishBatch` users, so that a restarted node is not flooded by all its users at once. */
export class Publisher {
  readonly #outputs: BridgeOutput[]
  readonly #due = new Map<Seat, number>()
  /** Due whether the user is connected or not: another login of the user has to connect. */
  readonly #forced = new Set<Seat>()
  /** No seat is due before. */
  #earliest = Infinity
  #nextStep = 0

  constructor(outputs: BridgeOutput[]) {
    this.#outputs = outputs
  }

  /** When the next step is due; `Infinity` if nothing is scheduled. */
  get deadline(): number {
    return Math.max(this.#earliest, this.#nextStep)
  }

  /** Publishes after `delay`, unless the user is connected or the seat is cancelled by then. */
  schedule(seat: Seat, now: number, delay: number): void {
    const at = Math.min(this.#due.get(seat) ?? Infinity, now + delay)
    this.#due.set(seat, at)
    this.#earliest = Math.min(this.#earliest, at)
  }

  /** Publishes with the next step. */
  force(seat: Seat): void {
    this.#forced.add(seat)
    this.schedule(seat, 0, 0)
  }

  /** The seat has ended or was replaced. */
  cancel(seat: Seat): void {
    this.#due.delete(seat)
    this.#forced.delete(seat)
  }
  /** The user is connected: nothing has to be published, unless it is for another login. */
  connected(seat: Seat): void {
    if (!this.#forced.has(seat)) this.#due.delete(seat)
  }

  /** Publishes what is due, one step at most. */
  tick(now: number): void {
    if (now < this.deadline) return
    const due = [...this.#due].filter(([, at]) => at <= now).slice(0, LIMITS.publishBatch)
    for (const [seat] of due) {
      this.#due.delete(seat)
      if (this.#forced.delete(seat) || !seat.isConnected)
        this.#outputs.push({ kind: 'publish', userId: seat.userId, ...publishedFor(seat) })
    }
    this.#nextStep = now + LIMITS.publishStep
    this.#earliest = Infinity
    for (const at of this.#due.values()) this.#earliest = Math.min(this.#earliest, at)
  }
}

/** The update that makes Discord's clients connect to this seat. */
function publishedFor({ token, endpoint, channel, stream }: Seat): Published {
  if (stream !== undefined)
    return { event: 'STREAM_SERVER_UPDATE', data: { token, endpoint, guild_id: null, stream_key: stream.key } }
  const { guildId, channelId } = channel
  if (guildId !== undefined) return { event: 'VOICE_SERVER_UPDATE', data: { token, endpoint, guild_id: guildId } }
  return { event: 'VOICE_SERVER_UPDATE', data: { token, endpoint, guild_id: null, channel_id: channelId } }
}
