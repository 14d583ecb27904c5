// Transitions: op 21, 29 or 30 prepares the members, each reports ready (op 23), op 22 makes all senders switch together.
import { VoiceOp } from '@parley/protocol'
import { LIMITS } from '../limits.ts'
import type { Member } from './member.ts'

/** Ids are 16 bits and skip 0, which means "execute at once, without op 23 and op 22". */
const MAX_TRANSITION_ID = 0xffff

interface Transition {
  id: number
  /** The protocol version in force after the execution. */
  version: number
  recipients: Set<Member>
  waiting: Set<Member>
  deadline: number
}

/** The transitions of one channel. At most one is in preparation. */
export class Transitions {
  #pending: Transition | undefined
  #lastId = 0

  get isPending(): boolean {
    return this.#pending !== undefined
  }
  /** When `execute` is due: at once if all recipients are ready, `Infinity` if no transition is in preparation. */
  get deadline(): number {
    if (this.#pending === undefined) return Infinity
    return this.#pending.waiting.size === 0 ? -Infinity : this.#pending.deadline
  }

  /** Starts a transition to `version` and returns its id. The caller sends it to the recipients in the same turn. */
  prepare(version: number, recipients: readonly Member[], now: number): number {
    this.#lastId = this.#lastId >= MAX_TRANSITION_ID ? 1 : this.#lastId + 1
    const waiting = new Set(recipients.filter(member => member.isOnline))
    const deadline = now + LIMITS.daveTransitionTimeout
    this.#pending = { id: this.#lastId, version, recipients: new Set(recipients), waiting, deadline }
    return this.#lastId
  }

  /** Op 23. Ids that are not in preparation are ignored. */
  ready(member: Member, id: number): void {
    if (this.#pending?.id === id) this.#pending.waiting.delete(member)
  }
  /** Stops waiting for the member, which still receives op 22. */
  skip(member: Member): void {
    this.#pending?.waiting.delete(member)
  }
  remove(member: Member): void {
    this.#pending?.waiting.delete(member)
    this.#pending?.recipients.delete(member)
  }

  /**
   * Executes the pending transition, also for recipients that are not ready: a client that never receives op 22 would wait
   * for it indefinitely. Returns the version now in force; undefined if no transition was pending.
   */
  execute(): number | undefined {
    const transition = this.#pending
    if (transition === undefined) return undefined
    this.#pending = undefined
    const text = JSON.stringify({ transition_id: transition.id })
    for (const { session } of transition.recipients) session.sendText(VoiceOp.DaveExecuteTransition, text)
    return transition.version
  }
}
