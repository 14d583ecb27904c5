// Bans of addresses after refused Identify messages.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VoiceClose } from '@parley/protocol'
import { LIMITS } from '../limits.ts'
import { connect, NodeBench } from '../testing/node-bench.ts'
import { AddressBans } from './address-bans.ts'

const WRONG = { server_id: '100', user_id: '7', session_id: 'x', token: 'wrong' }

test('an address is banned after refused Identify messages, for a time, and others are not', () => {
  const bench = new NodeBench({ banAfter: 3, banTime: 60_000 })
  const credentials = bench.backend().join('7')
  const refuse = (address: string) => bench.client('8', address).send(0, WRONG).closeCode
  for (let i = 0; i < 3; i++) assert.equal(refuse('192.0.2.9'), VoiceClose.AuthenticationFailed)
  const banned = bench.client('8', '192.0.2.9')
  assert.equal(banned.closeCode, VoiceClose.RateLimited)
  assert.deepEqual(banned.received, [])
  assert.equal(bench.client('8', '192.0.2.10').closeCode, undefined)
  assert.equal(connect(bench, credentials).closeCode, undefined)
  const notes = bench.notes.filter(({ event }) => event === 'gateway.banned')
  assert.deepEqual(
    notes.map(({ fields }) => fields),
    [{ address: '192.0.2.9', refused: 3, duration: 60_000 }],
  )
  bench.advance(60_001)
  assert.equal(bench.client('8', '192.0.2.9').closeCode, undefined)
  assert.equal(bench.node.inspect().greetings > 0, true)
})

test('without the setting no address is banned', () => {
  const bench = new NodeBench()
  bench.backend().join('7')
  for (let i = 0; i < 50; i++) bench.client('8', '192.0.2.9').send(0, WRONG)
  assert.equal(bench.client('8', '192.0.2.9').closeCode, undefined)
})

test('refusals that are spread over more than a minute ban no address, nor do those of a proxy without addresses', () => {
  const bans = new AddressBans({ banAfter: 2, banTime: 1_000 })
  assert.equal(bans.refused('192.0.2.9', 0), false)
  assert.equal(bans.refused('192.0.2.9', LIMITS.refusedIdentifyWindow), false)
  for (let i = 0; i < 5; i++) assert.equal(bans.refused('unreadable', i), false)
})

test('addresses of one IPv6 network are banned together, and the number of counted addresses is bounded', () => {
  const bans = new AddressBans({ banAfter: 2, banTime: 1_000 })
  bans.refused('2001:db8::1', 0)
  assert.equal(bans.refused('2001:db8::2', 0), true)
  assert.equal(bans.bannedBy('2001:db8::3', 500), 'node')
  assert.equal(bans.bannedBy('2001:db8::3', 1_000), undefined)
  for (let i = 0; i < LIMITS.refusedAddresses; i++) bans.refused(`10.0.${i >> 8}.${i & 255}`, 0)
  assert.equal(bans.bannedBy('2001:db8::3', 500), undefined)
})

test('an operator bans an address, for a time or until it lifts the ban', () => {
  const bench = new NodeBench()
  const { operator } = bench.node
  assert.ok(operator.ban('2001:db8::7', 60_000, bench.now))
  const banned = bench.client('8', '2001:db8:0:0:9::1')
  assert.deepEqual([banned.closeCode, banned.closeReason], [VoiceClose.RateLimited, 'this address is banned'])
  assert.equal(bench.client('8', '2001:db8:0:1::1').closeCode, undefined)
  assert.deepEqual(operator.bans(bench.now), [{ network: '2001:db8:0:0::/64', by: 'operator', left: 60_000 }])
  assert.ok(operator.unban('2001:db8::1', bench.now))
  assert.ok(!operator.unban('2001:db8::1', bench.now))
  assert.equal(bench.client('8', '2001:db8::7').closeCode, undefined)
  operator.ban('192.0.2.9', 60_000, bench.now)
  bench.advance(60_001)
  assert.deepEqual(operator.bans(bench.now), [])
  assert.equal(bench.client('8', '192.0.2.9').closeCode, undefined)
})

test('an operator lifts a ban of the node, and refusals count from the start', () => {
  const bans = new AddressBans({ banAfter: 2, banTime: 60_000 })
  bans.refused('192.0.2.9', 0)
  assert.ok(bans.refused('192.0.2.9', 0))
  assert.deepEqual(bans.list(1_000), [{ network: '192.0.2.9', by: 'node', left: 59_000 }])
  assert.ok(bans.remove('192.0.2.9', 1_000))
  assert.equal(bans.bannedBy('192.0.2.9', 1_000), undefined)
  assert.ok(!bans.refused('192.0.2.9', 1_000))
})

test('bans of the operator are bounded; those that have ended make room', () => {
  const bans = new AddressBans({ banAfter: 0, banTime: 0 })
  const address = (index: number) => `198.${18 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`
  for (let index = 0; index < LIMITS.operatorBans; index++) assert.ok(bans.add(address(index), 1_000, 0))
  assert.ok(!bans.add('192.0.2.9', 1_000, 0))
  assert.ok(bans.add(address(0), 5_000, 0))
  assert.ok(bans.add('192.0.2.9', 1_000, 1_001))
})
