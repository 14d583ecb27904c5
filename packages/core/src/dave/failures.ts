// When a group has failed: which commits members could not process, and how often the group may be recreated.
import { LIMITS } from '../limits.ts'
import type { Member } from './member.ts'

/** A commit that was sent on, and the recipients that could not use it. */
interface AnnouncedCommit {
  transitionId: number
  committer: Member
  recipients: ReadonlySet<Member>
  reporters: Set<Member>
  isBlamed: boolean
}

/** `noted`: no consequence. `blamed`: a strike for the committer. `useless`: no recipient could process the commit. */
export type Verdict = 'noted' | 'blamed' | 'useless'

/** The latest commits of one group, and the members that reported them with op 31. */
export class CommitReports {
  #commits: AnnouncedCommit[] = []

  /** The commit was sent to its recipients. Only the latest `LIMITS.daveBlamableCommits` are remembered. */
  announced(transitionId: number, committer: Member, recipients: readonly Member[]): void {
    const reporters = new Set<Member>()
    this.#commits.push({ transitionId, committer, recipients: new Set(recipients), reporters, isBlamed: false })
    if (this.#commits.length > LIMITS.daveBlamableCommits) this.#commits.shift()
  }

  /** A single report proves little, because the reporter may be at fault. Half of the recipients, and at least two, blame. */
  reported(transitionId: number, reporter: Member): Verdict {
    const commit = this.#commits.find(commit => commit.transitionId === transitionId)
    if (commit === undefined || !commit.recipients.has(reporter)) return 'noted'
    commit.reporters.add(reporter)
    const { committer, recipients, reporters } = commit
    if (reporters.size === recipients.size) return 'useless'
    if (commit.isBlamed || reporters.size < 2 || reporters.size * 2 < recipients.size) return 'noted'
    commit.isBlamed = true
    committer.strikes++
    return 'blamed'
  }

  clear(): void {
    this.#commits = []
  }
}

/** `later`: `deadline` says when to ask again. `give up`: the group was recreated too often. */
export type RecreateDecision = 'now' | 'later' | 'give up'

/** Limits how often a group is recreated. */
export class Recreations {
  #times: number[] = []
  #dueAt = Infinity

  /** When a postponed recreation is due; `Infinity` if none is postponed. */
  get deadline(): number {
    return this.#dueAt
  }
  get isPostponed(): boolean {
    return this.#dueAt !== Infinity
  }

  /**
   * The group has to be recreated. `now` is counted; within the interval the answer is `later`, beyond the count `give
   * up`.
   */
  request(now: number): RecreateDecision {
    this.#times = this.#times.filter(time => now - time < LIMITS.daveRecreateWindow)
    const allowedAt = (this.#times.at(-1) ?? -Infinity) + LIMITS.daveRecreateInterval
    if (now < allowedAt) {
      this.#dueAt = allowedAt
      return 'later'
    }
    this.#dueAt = Infinity
    if (this.#times.length >= LIMITS.daveRecreates) return 'give up'
    this.#times.push(now)
    return 'now'
  }

  /** Cancels a postponed recreation. */
  cancel(): void {
    this.#dueAt = Infinity
  }
  /** Forgets earlier recreations too. */
  clear(): void {
    this.#times = []
    this.#dueAt = Infinity
  }
}
