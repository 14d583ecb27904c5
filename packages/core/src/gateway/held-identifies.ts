// Identify messages that arrived before their voice state: a backend that creates its own tokens sends them to its users and to the
// node at the same time. They wait for a moment, and are woken by the voice state.
import type { Identify } from '@parley/protocol'
import { LIMITS } from '../limits.ts'
import { NetworkCounts } from '../network-of.ts'

/** A connection whose Identify waits. */
export interface Held {
  readonly remoteAddress: string
  /** The voice state of its user arrived: identifies again. */
  retry(now: number): void
}

export class HeldIdentifies {
  /** Milliseconds for which an Identify waits; 0 if none does. */
  readonly grace: number
  readonly #byUser = new Map<string, Set<Held>>()
  readonly #perNetwork = new NetworkCounts()
  #size = 0

  constructor(grace: number) {
    this.grace = grace
  }

  get size(): number {
    return this.#size
  }

  /** Returns false if it may not wait: too many do, of its address or in all. */
  add(identify: Identify, held: Held): boolean {
    const count = this.#perNetwork.of(held.remoteAddress)
    if (this.grace === 0 || this.#size >= LIMITS.heldIdentifies || count >= LIMITS.heldIdentifiesPerAddress)
      return false
    const key = keyOf(identify.server_id, identify.user_id)
    const same = this.#byUser.get(key)
    if (same === undefined) this.#byUser.set(key, new Set([held]))
    else same.add(held)
    this.#perNetwork.add(held.remoteAddress)
    this.#size++
    return true
  }

  /** It identified, gave up or closed. */
  remove(identify: Identify, held: Held): void {
    const key = keyOf(identify.server_id, identify.user_id)
    const same = this.#byUser.get(key)
    if (same?.delete(held) !== true) return
    if (same.size === 0) this.#byUser.delete(key)
    this.#perNetwork.remove(held.remoteAddress)
    this.#size--
  }

  /** Oldest first: a later connection of the same user replaces an earlier one. */
  voiceStateCreated(serverId: string, userId: string, now: number): void {
    for (const held of [...(this.#byUser.get(keyOf(serverId, userId)) ?? [])]) held.retry(now)
  }
}

/** Both are snowflakes, so that a space separates them. */
const keyOf = (serverId: string, userId: string): string => `${serverId} ${userId}`
