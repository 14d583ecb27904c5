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

/** `noted`: no consequence. `blamed`: a strike for the committer. `useless`: no recipient could process the commit, which bars the committer. */
export type Verdict = 'noted' | 'blamed' | 'useless'

/** The latest commits of one group, and the members that reported them with op 31. */
export class CommitReports {
  #commits: AnnouncedCommit[] = []

  /** The commit was sent to its recipients. Only the latest `LIMITS.daveBlamableCommits` are remembered. */
  announced(transitionId: number, committer: Member, recipients: readonly Member[]): void {
    const reporters = new Set<Member>()
    this.#commits.push({ transitionId, committer, recipients: new Set(recipients), reporters, isBlamed: false })
    if (this.#commits.length <= LIMITS.daveBlamableCommits) return
    const earliest = this.#commits.shift()
    if (earliest?.reporters.size === 0) earliest.committer.history.committedWell()
  }

  /**
   * Whether the reporter cannot help it: it received that commit and has not reported it yet. A committer that breaks its commits for one
   * member is barred after `LIMITS.daveStrikes` more of them, so that a member with more reports of it than that is at fault itself. In a
   * call of two no other member shows which of them is: a client that can use no commit at all is closed, and starts over.
   */
  isFounded(transitionId: number, reporter: Member): boolean {
    const commit = this.#unreported(transitionId, reporter)
    if (commit === undefined || commit.committer === reporter || isOfTwo(commit)) return false
    return reporter.history.reportsOf(commit.committer.history) <= LIMITS.daveStrikes
  }

  /**
   * A single report proves little, because the reporter may be at fault. Half of the recipients, and at least two, blame, and so does a
   * member that has reported a commit of the same committer before.
   */
  reported(transitionId: number, reporter: Member): Verdict {
    const commit = this.#unreported(transitionId, reporter)
    if (commit === undefined) return 'noted'
    commit.reporters.add(reporter)
    const { committer, recipients, reporters } = commit
    const isTelling = committer !== reporter && !isOfTwo(commit)
    const isRepeated = isTelling && reporter.history.reportsOf(committer.history) > 0
    if (isTelling) reporter.history.reports(committer.history)
    if (isUseless(commit)) {
      committer.history.bar()
      return 'useless'
    }
    const isByHalf = reporters.size >= 2 && reporters.size * 2 >= recipients.size
    if (commit.isBlamed || !(isByHalf || isRepeated)) return 'noted'
    commit.isBlamed = true
    committer.history.strike()
    return 'blamed'
  }

  clear(): void {
    this.#commits = []
  }

  /** The commit, if that member received and has not reported it. */
  #unreported(transitionId: number, reporter: Member): AnnouncedCommit | undefined {
    const commit = this.#commits.find(commit => commit.transitionId === transitionId)
    return commit?.recipients.has(reporter) && !commit.reporters.has(reporter) ? commit : undefined
  }
}

const isOfTwo = ({ recipients }: AnnouncedCommit): boolean => recipients.size <= 2

/** All recipients reported it, or all but the committer, whose word says little. A single other member may be at fault itself. */
function isUseless({ committer, recipients, reporters }: AnnouncedCommit): boolean {
  if (reporters.size === recipients.size) return true
  return reporters.size >= 2 && [...recipients].every(member => member === committer || reporters.has(member))
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
