// Everybody in one channel's call as its DAVE group sees them, in the order in which they came.
import type { DaveSession, Member } from './member.ts'

export class Members {
  readonly #bySession = new Map<DaveSession, Member>()

  get size(): number {
    return this.#bySession.size
  }
  get all(): Member[] {
    return [...this.#bySession.values()]
  }
  /** The only one; undefined if there are others. */
  get sole(): Member | undefined {
    const [first] = this.#bySession.values()
    return this.size === 1 ? first : undefined
  }
  /** Until when somebody has to send a key package. */
  get deadline(): number {
    let earliest = Infinity
    for (const { keyPackageBy } of this.#bySession.values()) earliest = Math.min(earliest, keyPackageBy)
    return earliest
  }
  /** Until when somebody who has reset itself is waited for. */
  get heldUntil(): number {
    return Math.max(...this.all.map(member => member.heldUntil))
  }

  get(session: DaveSession): Member | undefined {
    return this.#bySession.get(session)
  }
  add(member: Member): void {
    this.#bySession.set(member.session, member)
  }
  remove({ session }: Member): void {
    this.#bySession.delete(session)
  }
  [Symbol.iterator](): Iterator<Member> {
    return this.#bySession.values()
  }
}
