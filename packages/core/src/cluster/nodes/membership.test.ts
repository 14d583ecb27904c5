// The membership of a cluster on a virtual clock.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Deadlines } from '../../deadlines.ts'
import { BOOT, nodeRecord } from '../../testing/node-record.ts'
import { Membership, type MembershipObserver } from './membership.ts'

const report = (id: string, load = 0.5, boot = BOOT) => ({ schema: 1, id, boot, load, sessions: 1, channels: 1 })

function observed() {
  const events: string[] = []
  const deadlines = new Deadlines()
  const observer: MembershipObserver = {
    probe: ({ id }) => events.push(`probe ${id}`),
    changed: ({ id, state }, isRestarted) => events.push(`${isRestarted ? 'restarted' : 'changed'} ${id} ${state}`),
    died: ({ id }) => events.push(`died ${id}`),
    returned: ({ id }) => events.push(`returned ${id}`),
    left: ({ id }) => events.push(`left ${id}`),
  }
  const membership = new Membership(observer, deadlines)
  const take = () => events.splice(0)
  return { membership, deadlines, take }
}

test('a node that misses three heartbeats is probed, and dies only if the probe fails', () => {
  const { membership, deadlines, take } = observed()
  membership.announced(nodeRecord('a'), 0)
  membership.announced(nodeRecord('b'), 0)
  assert.deepEqual(take(), ['changed a serving', 'changed b serving'])
  for (let now = 1_000; now <= 10_000; now += 1_000) {
    membership.reported(report('b'), now)
    deadlines.tick(now)
    if (now === 3_000) assert.deepEqual(take(), ['probe a'])
    if (now === 4_000) membership.probed(nodeRecord('a'), 'alive', now)
    if (now === 7_000) assert.deepEqual(take(), ['probe a'], 'probed again while no heartbeat arrives')
    if (now === 6_000) assert.equal(membership.get('a')?.state, 'alive')
  }
  membership.probed(nodeRecord('a'), 'silent', 10_000)
  assert.deepEqual(take(), ['probe a', 'died a'])
  deadlines.tick(60_000)
  membership.probed(nodeRecord('b'), 'alive', 60_000)
  membership.probed(nodeRecord('a'), 'silent', 60_000)
  assert.deepEqual(take(), ['probe b', 'probe a'], 'a dead node dies once')
  membership.reported(report('a'), 61_000)
  assert.deepEqual(take(), ['returned a'])
})

test('a dead node is probed again, at once if a connection to it is established, and returns if it answers', () => {
  const { membership, deadlines, take } = observed()
  membership.announced(nodeRecord('a'), 0)
  membership.linked('a', 50)
  membership.linkLost('a', 100)
  membership.probed(nodeRecord('a'), 'refused', 110)
  assert.deepEqual(take(), ['changed a serving', 'probe a', 'died a'])
  let probes = 0
  for (let now = 200; now <= 30_000; now += 100) {
    deadlines.tick(now)
    for (const event of take()) {
      assert.equal(event, 'probe a')
      probes++
      assert.equal(membership.get('a')?.state, 'dead', 'until it answers')
      membership.probed(nodeRecord('a'), probes % 2 === 0 ? 'refused' : 'silent', now)
    }
  }
  assert.equal(probes, 9)
  membership.linked('a', 30_000)
  membership.linked('stranger', 30_000)
  assert.deepEqual(take(), ['probe a'])
  membership.probed(nodeRecord('a'), 'alive', 30_020)
  membership.probed(nodeRecord('a'), 'silent', 30_030)
  assert.deepEqual([...take(), membership.get('a')?.state], ['returned a', 'alive'])
  deadlines.tick(33_020)
  assert.deepEqual(take(), ['probe a'], 'no heartbeat arrives')
})

test('a restarted node is another process: reports and probes of the earlier one are ignored', () => {
  const { membership, deadlines, take } = observed()
  membership.announced(nodeRecord('a'), 0)
  membership.reported(report('a', 0.9), 100)
  deadlines.tick(3_100)
  take()
  const restarted = nodeRecord('a', { boot: 'b'.repeat(16) })
  membership.announced(restarted, 3_200)
  assert.deepEqual(take(), ['restarted a serving'])
  assert.equal(membership.get('a')?.report, undefined)
  membership.probed(nodeRecord('a'), 'silent', 3_300)
  membership.reported(report('a', 0.9), 3_300)
  assert.deepEqual(take(), [])
  assert.equal(membership.get('a')?.state, 'alive')
  membership.reported(report('a', 0.1, restarted.boot), 3_400)
  assert.equal(membership.get('a')?.report?.load, 0.1)
})

test('a node whose connection is lost is probed at once, and dead at once only if its port is closed', () => {
  const { membership, deadlines, take } = observed()
  membership.announced(nodeRecord('a'), 0)
  membership.reported(report('a'), 1_000)
  membership.linkLost('a', 1_100)
  membership.linkLost('a', 1_101)
  assert.deepEqual(take(), ['changed a serving', 'probe a'])
  membership.probed(nodeRecord('a'), 'silent', 2_000)
  deadlines.tick(3_999)
  assert.deepEqual(take(), [], 'it was heard a second ago: only the path to it may be down')
  deadlines.tick(4_000)
  membership.probed(nodeRecord('a'), 'silent', 5_000)
  assert.deepEqual(take(), ['probe a', 'died a'])
  membership.reported(report('a'), 6_000)
  membership.linkLost('a', 6_100)
  membership.probed(nodeRecord('a'), 'refused', 6_110)
  assert.deepEqual(take(), ['returned a', 'probe a', 'died a'])
})

test('a probe that ends after a heartbeat changes nothing', () => {
  const { membership, deadlines, take } = observed()
  membership.announced(nodeRecord('a'), 0)
  deadlines.tick(3_000)
  membership.reported(report('a'), 3_100)
  membership.probed(nodeRecord('a'), 'silent', 3_200)
  assert.deepEqual(take(), ['changed a serving', 'probe a'])
  assert.equal(membership.get('a')?.state, 'alive')
})

test('repeated announcements are silent, a drain and a withdrawal are reported', () => {
  const { membership, deadlines, take } = observed()
  membership.announced(nodeRecord('a'), 0)
  membership.announced(nodeRecord('a'), 10_000)
  membership.announced(nodeRecord('a', { state: 'draining' }), 11_000)
  membership.withdrawn('a')
  membership.withdrawn('a')
  assert.deepEqual(take(), ['changed a serving', 'changed a draining', 'left a'])
  assert.equal(deadlines.next, Infinity)
})

test('at most 1,024 nodes are kept', () => {
  const { membership } = observed()
  for (let i = 0; i < 2_000; i++) membership.announced(nodeRecord(`n${i}`), 0)
  assert.equal(membership.members.length, 1_024)
})
