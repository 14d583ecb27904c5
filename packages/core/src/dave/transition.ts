// Transitions: everyone is prepared, then everyone who is ready (or a timeout) lets senders change over together.
import { VoiceOp } from '@parley/protocol'
import { LIMITS } from '../limits.ts'
import type { Member } from './member.ts'

/** 16 bits; 0 means "at once" and is never waited for. */
const HIGHEST_ID = 0xffff

interface Transition {
  id: number
  /** The protocol version in force once it is executed. */
  version: number
  concerned: Set<Member>
  waiting: Set<Member>
  deadline: number
}

/** The transitions of one channel, of which at most one is being prepared. */
export class Transitions {
  #preparing: Transition | undefined
  #lastId = 0

  get isPreparing(): boolean {
    return this.#preparing !== undefined
  }
  get deadline(): number {
    if (this.#preparing === undefined) return Infinity
    return this.#preparing.waiting.size === 0 ? -Infinity : this.#preparing.deadline
  }

  /** The id of a new transition to `version`, which the members concerned are to be told at once. */
  prepare(version: number, concerned: readonly Member[], now: number): number {
    this.#lastId = this.#lastId >= HIGHEST_ID ? 1 : this.#lastId + 1
    const waiting = new Set(concerned.filter(member => member.isOnline))
    const deadline = now + LIMITS.daveTransitionTimeout
    this.#preparing = { id: this.#lastId, version, concerned: new Set(concerned), waiting, deadline }
    return this.#lastId
  }

  /** The member is ready. Ids that are not being prepared are ignored. */
  ready(member: Member, id: number): void {
    if (this.#preparing?.id === id) this.#preparing.waiting.delete(member)
  }
  /** Not waited for any more. */
  dropMember(member: Member): void {
    this.#preparing?.waiting.delete(member)
  }
  removeMember(member: Member): void {
    this.#preparing?.waiting.delete(member)
    this.#preparing?.concerned.delete(member)
  }

  /**
   * Executes what is being prepared, whoever is not ready: a client that never hears of its end would wait for ever.
   * The version now in force; undefined if nothing was.
   */
  execute(): number | undefined {
    const transition = this.#preparing
    if (transition === undefined) return undefined
    this.#preparing = undefined
    const text = JSON.stringify({ transition_id: transition.id })
    for (const { session } of transition.concerned) session.sendText(VoiceOp.DaveExecuteTransition, text)
    return transition.version
  }
}
