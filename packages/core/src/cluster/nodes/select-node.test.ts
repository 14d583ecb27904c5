// Where new channels of a cluster are placed.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeRecord } from '../../testing/node-record.ts'
import type { Member, MemberState } from './membership.ts'
import { selectNode } from './select-node.ts'

interface Given {
  load?: number
  placed?: number
  state?: MemberState
  draining?: boolean
  region?: string
  version?: string
}

const member = (id: string, given: Given = {}): Member => ({
  state: given.state ?? 'alive',
  placed: given.placed ?? 0,
  report: { schema: 1, id, boot: '', load: given.load ?? 0, sessions: 0, channels: 0 },
  record: nodeRecord(id, {
    state: given.draining === true ? 'draining' : 'serving',
    region: given.region ?? 'eu',
    version: given.version ?? '1.4.0',
  }),
})

/** Numbers from 0 to 1, the same in each run (a linear congruential generator). */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

const selected = (members: Member[], options = {}, rounds = 200) => {
  const random = seeded(1)
  return new Set(Array.from({ length: rounds }, () => selectNode(members, options, random)?.record.id))
}

test('dead, draining, excluded and incompatible nodes receive no channel, suspect ones only without another', () => {
  const members = [
    member('dead', { state: 'dead' }),
    member('suspect', { state: 'suspect' }),
    member('draining', { draining: true }),
    member('other', { version: '2.0.0' }),
    member('refused'),
    member('good', { load: 0.7, version: '1.3.9' }),
  ]
  const options = { version: '1.4.0', without: new Set(['refused']) }
  assert.deepEqual(selected(members, options), new Set(['good']))
  assert.deepEqual(selected(members.slice(0, 5), options), new Set(['suspect']), 'a suspect one is better than none')
  assert.deepEqual(selected([members[0]!, ...members.slice(2, 5)], options), new Set([undefined]))
  assert.deepEqual(selected([]), new Set([undefined]))
})

test('nodes of the region are preferred, and another region is better than none', () => {
  const members = [member('eu', { load: 0.5 }), member('us', { region: 'us' })]
  assert.deepEqual(selected(members, { region: 'eu' }), new Set(['eu']))
  assert.deepEqual(selected(members, { region: 'us' }), new Set(['us']))
  assert.deepEqual(selected(members, { region: 'asia' }), new Set(['us']), 'the one with the lower load')
})

test('of two random nodes the one with the lower load is selected, and what was placed since counts', () => {
  const members = [member('a', { load: 0.1 }), member('b', { load: 0.1, placed: 0.3 }), member('c', { load: 0.3 })]
  const names = selected(members)
  assert.ok(names.has('a') && !names.has('b'), 'b has the highest expected load')
  assert.ok(names.has('c'), 'c wins against b')
})

test('a full node is selected only if all are full', () => {
  assert.deepEqual(selected([member('full', { load: 0.8 }), member('free', { load: 0.79 })]), new Set(['free']))
  assert.deepEqual(selected([member('full', { load: 0.9 }), member('more', { load: 0.95 })]), new Set(['full']))
})

test('a large stage goes to the node with the lowest load', () => {
  const members = Array.from({ length: 20 }, (_, i) => member(`n${i}`, { load: 0.5 - i / 100 }))
  assert.deepEqual(selected(members, { isLarge: true }), new Set(['n19']))
})

test('a burst of 10,000 channels between two reports spreads evenly over ten nodes', () => {
  const random = seeded(7)
  const counts = Array.from({ length: 10 }, () => 0)
  for (let i = 0; i < 10_000; i++) {
    const members = counts.map((count, n) => member(String(n), { placed: count / 100_000 }))
    counts[Number(selectNode(members, {}, random)?.record.id)]!++
  }
  assert.ok(Math.max(...counts) - Math.min(...counts) < 20, String(counts))
})
