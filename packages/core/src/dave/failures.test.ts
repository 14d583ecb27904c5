// Reports of commits: which are founded, and whom they blame.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIMITS } from '../limits.ts'
import { CommitReports } from './failures.ts'
import { Member, MemberHistory } from './member.ts'

function scene(count: number) {
  const members = Array.from({ length: count }, (_, index) => {
    const session = {
      userId: `${index}`,
      voiceState: {},
      sendText: () => {},
      sendBinary: () => {},
      refuseSealed: () => {},
    }
    return new Member(session, 1, new MemberHistory(0))
  })
  return { members, reports: new CommitReports() }
}

test('a report is founded if it is the first of a commit that its sender received from another member', () => {
  const { members, reports } = scene(5)
  const [committer, ana, , , late] = members
  reports.announced(1, committer!, members.slice(0, 4))
  assert.ok(reports.isFounded(1, ana!))
  for (const [id, reporter] of [
    [2, ana],
    [1, late],
    [1, committer],
  ] as const)
    assert.ok(!reports.isFounded(id, reporter!))
  reports.reported(1, ana!)
  assert.ok(!reports.isFounded(1, ana!), 'the second report of one commit')
})

test('the second report of the same committer is a strike, and those of a barred one are no longer founded', () => {
  const { members, reports } = scene(5)
  const [committer, ana] = members
  for (let id = 1; id <= LIMITS.daveStrikes + 1; id++) {
    reports.announced(id, committer!, members)
    assert.ok(reports.isFounded(id, ana!))
    assert.equal(reports.reported(id, ana!), id === 1 ? 'noted' : 'blamed')
  }
  assert.ok(committer!.isBarred)
  reports.announced(9, committer!, members)
  assert.ok(!reports.isFounded(9, ana!))
  assert.ok(reports.isFounded(9, members[2]!), 'that of another member')
})
