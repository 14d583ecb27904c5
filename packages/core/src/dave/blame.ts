// Whose commits members could not use: a committer that many of them report is not waited for any more.
import { LIMITS } from '../limits.ts'
import type { Member } from './member.ts'

interface BlamableCommit {
  transitionId: number
  committer: Member
  recipients: ReadonlySet<Member>
  reporters: Set<Member>
  isBlamed: boolean
}

/** What a report came to: nothing more, a strike for the committer, or nobody at all could use the commit. */
export type Verdict = 'noted' | 'blamed' | 'useless'

/** The last few commits of one group, and who has reported them. */
export class Blame {
  #commits: BlamableCommit[] = []

  committed(transitionId: number, committer: Member, recipients: readonly Member[]): void {
    const commit = { transitionId, committer, recipients: new Set(recipients), reporters: new Set<Member>() }
    this.#commits.push({ ...commit, isBlamed: false })
    if (this.#commits.length > LIMITS.daveBlamableCommits) this.#commits.shift()
  }

  /** One report proves little: its author may be at fault. Half of the recipients, and two of them at least, do. */
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

  forget(): void {
    this.#commits = []
  }
}
