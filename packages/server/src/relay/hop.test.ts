// Hops: what a node accepts as relayed by its cluster.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SERVER_LIMITS } from '../limits.ts'
import { Hops } from './hop.ts'

const SECRET = 'the secret of the cluster in this test'
const OTHER = 'the secret of another cluster, as long'
const RELAY = { id: 'n1', boot: 'a'.repeat(32) }
const OWNER = { id: 'n2', boot: 'b'.repeat(32) }

const pair = (secret = SECRET) => ({
  relay: new Hops(RELAY, [secret]),
  owner: new Hops(OWNER, [SECRET, 'the old one']),
})
const reasonOf = (result: ReturnType<Hops['accept']>) => (result.ok ? 'accepted' : result.reason)

test('a node accepts the hop of its cluster, with the address of the client', () => {
  const { relay, owner } = pair()
  assert.deepEqual(owner.accept(relay.sign('203.0.113.9', OWNER)), {
    ok: true,
    value: { relay: 'n1', address: '203.0.113.9' },
  })
  assert.deepEqual(owner.accept(relay.sign('2001:db8::5', OWNER)), {
    ok: true,
    value: { relay: 'n1', address: '2001:db8::5' },
  })
})

test('text that is not an address stands for many clients, and is not banned', () => {
  const { relay, owner } = pair()
  const accepted = owner.accept(relay.sign('unreadable', OWNER))
  assert.equal(accepted.ok && accepted.value.address, '-')
})

test('a hop of another secret, for another node, or changed in any character is refused', () => {
  const { relay, owner } = pair()
  assert.match(reasonOf(owner.accept(pair(OTHER).relay.sign('203.0.113.9', OWNER))), /^not signed/)
  assert.match(reasonOf(owner.accept(relay.sign('203.0.113.9', { ...OWNER, id: 'n3' }))), /^not signed/)
  const header = relay.sign('203.0.113.9', OWNER)
  for (let index = 0; index < header.length; index++) {
    const changed = header.slice(0, index) + (header[index] === '1' ? '2' : '1') + header.slice(index + 1)
    assert.equal(owner.accept(changed).ok, false, changed)
  }
  assert.equal(owner.accept(header).ok, true)
})

test('during a rotation hops with the old secret are accepted', () => {
  const { owner } = pair()
  const old = new Hops(RELAY, ['the old one'])
  assert.equal(owner.accept(old.sign('203.0.113.9', OWNER)).ok, true)
})

test('a hop is accepted once, by the process that it is for, in any order, and whatever the clocks say', t => {
  t.mock.timers.enable({ apis: ['Date'], now: 1_700_000_000_000 })
  const { relay, owner } = pair()
  const headers = Array.from({ length: 100 }, () => relay.sign('203.0.113.9', OWNER)).reverse()
  for (const [index, header] of headers.entries()) {
    // The clock jumps by hours, back and forth.
    t.mock.timers.setTime(1_700_000_000_000 + (index % 2 === 0 ? 1 : -1) * index * 3_600_000)
    assert.equal(reasonOf(owner.accept(header)), 'accepted')
    assert.equal(reasonOf(owner.accept(header)), 'used before')
  }
  for (const header of headers) assert.equal(reasonOf(owner.accept(header)), 'used before')
  const restarted = new Hops({ ...OWNER, boot: 'c'.repeat(32) }, [SECRET])
  assert.match(reasonOf(restarted.accept(relay.sign('203.0.113.9', OWNER))), /^not signed/)
})

test('headers that arrive very late are refused, and those of a restarted relay are accepted', () => {
  const { relay, owner } = pair()
  const late = relay.sign('203.0.113.9', OWNER)
  let last = ''
  for (let count = 0; count < SERVER_LIMITS.relayHopWindow; count++) last = relay.sign('203.0.113.9', OWNER)
  assert.equal(reasonOf(owner.accept(last)), 'accepted')
  assert.equal(reasonOf(owner.accept(late)), 'used before')
  const restarted = new Hops({ ...RELAY, boot: 'd'.repeat(32) }, [SECRET])
  assert.equal(reasonOf(owner.accept(restarted.sign('203.0.113.9', OWNER))), 'accepted')
})
