// Transitions: which members they wait for, and how long.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { VoiceOp } from '@parley/protocol'
import { Member, MemberHistory } from './member.ts'
import { Transitions } from './transitions.ts'

function scene(count: number) {
  const sent: string[] = []
  const members = Array.from({ length: count }, (_, index) => {
    const session = {
      userId: `${index}`,
      voiceState: {},
      sendText: (op: VoiceOp, text: string) => sent.push(`${index} ${op} ${text}`),
      sendBinary: () => {},
      refuseSealed: () => {},
    }
    return new Member(session, 1, new MemberHistory(0))
  })
  return { members, sent, transitions: new Transitions() }
}

test('a transition is due when all members are ready, or after two seconds', () => {
  const { members, sent, transitions } = scene(2)
  assert.equal(transitions.prepare(1, members, 100), 1)
  assert.equal(transitions.deadline, 2_100)
  transitions.ready(members[0]!, 1)
  transitions.ready(members[1]!, 9)
  assert.equal(transitions.deadline, 2_100)
  transitions.ready(members[1]!, 1)
  assert.equal(transitions.deadline, -Infinity)
  assert.equal(transitions.execute(), 1)
  assert.deepEqual(sent, ['0 22 {"transition_id":1}', '1 22 {"transition_id":1}'])
  assert.equal(transitions.deadline, Infinity)
  assert.equal(transitions.execute(), undefined)
})

test('a member without a connection receives op 22 but is not waited for; a member that left is neither', () => {
  const { members, sent, transitions } = scene(3)
  members[0]!.isOnline = false
  transitions.prepare(0, members, 0)
  transitions.remove(members[1]!)
  transitions.ready(members[2]!, 1)
  assert.equal(transitions.deadline, -Infinity)
  transitions.execute()
  assert.equal(sent.length, 2)
})

test('transition ids wrap around and skip 0', () => {
  const { members, transitions } = scene(1)
  const ids = Array.from({ length: 65_536 }, () => transitions.prepare(1, members, 0))
  assert.deepEqual([ids[0], ids[65_534], ids[65_535]], [1, 65_535, 1])
})
