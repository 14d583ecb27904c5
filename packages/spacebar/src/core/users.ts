// What the bridge knows of each user of Spacebar's calls. Spacebar has one voice state per user, not per guild.
import { LIMITS } from '../limits.ts'
import type { Place, SeenVoiceState } from './place.ts'
import type { Seat } from './seats.ts'

/** A voice server update that waits for the database to say whether the user may join. */
export interface Admission {
  place: Place
  token: string
  node: string
  endpoint: string
  isRestored: boolean
}

export interface User {
  readonly id: string
  /** The newest voice state with a channel. */
  voice?: SeenVoiceState | undefined
  seat?: Seat | undefined
  admission?: Admission | undefined
  /** Whether the user came from another channel: its client may have entered the old one again. */
  hasMoved: boolean
  /** Until then a token has to follow the voice state. */
  tokenBy?: number | undefined
  /** When the last event about the user arrived: older snapshots say nothing about this user. */
  changedAt: number
  /** Since when the user has been missing in the database. */
  missingSince?: number | undefined
  /** The place and token that were refused: asked again only after another event. */
  refused?: string | undefined
}

/** Bounded: an event of one user more than `LIMITS.users` is noted and dropped. */
export class Users {
  readonly #byId = new Map<string, User>()
  /** When the last event arrived about users who have left, so that an older snapshot does not bring them back. */
  readonly #left = new Map<string, number>()

  get size(): number {
    return this.#byId.size
  }
  all(): User[] {
    return [...this.#byId.values()]
  }
  get(id: string): User | undefined {
    return this.#byId.get(id)
  }
  /** Undefined if there are too many. */
  of(id: string): User | undefined {
    const known = this.#byId.get(id)
    if (known !== undefined) return known
    if (this.#byId.size >= LIMITS.users) return undefined
    const user: User = { id, hasMoved: false, changedAt: this.#left.get(id) ?? 0 }
    this.#byId.set(id, user)
    return user
  }
  /** Removes the user, and keeps when its last event arrived. */
  forget(user: User): void {
    this.#byId.delete(user.id)
    this.#left.delete(user.id)
    this.#left.set(user.id, user.changedAt)
    if (this.#left.size <= LIMITS.usersLeft) return
    const [oldest] = this.#left.keys()
    if (oldest !== undefined) this.#left.delete(oldest)
  }
}

/** Where the user is: where it is seated, otherwise where its voice state says. */
export const placeOf = ({ seat, voice }: User): Place | undefined => seat?.channel ?? voice?.place
