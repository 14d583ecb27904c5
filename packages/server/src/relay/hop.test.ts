// Hops: what a node accepts as relayed by its cluster.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SERVER_LIMITS } from '../limits.ts'
import { Hops } from './hop.ts'

const SECRET = 'the secret of the cluster in this test'
const OTHER = 'the secret of another cluster, as long'
const START = 1_700_000_000_000

function pair(secret = SECRET) {
  const clock = { now: START }
  const read = () => clock.now
  return { clock, relay: new Hops('n1', [secret], read), owner: new Hops('n2', [SECRET, 'the old one'], read) }
}
const reasonOf = (result: ReturnType<Hops['accept']>) => (result.ok ? 'accepted' : result.reason)

test('a node accepts the hop of its cluster, with the address of the client', () => {
  const { relay, owner } = pair()
  assert.deepEqual(owner.accept(relay.sign('203.0.113.9', 'n2')), {
    ok: true,
    value: { relay: 'n1', address: '203.0.113.9' },
  })
  assert.deepEqual(owner.accept(relay.sign('2001:db8::5', 'n2')), {
    ok: true,
    value: { relay: 'n1', address: '2001:db8::5' },
  })
})

test('text that is no address stands for many clients, and is not banned', () => {
  const { relay, owner } = pair()
  const accepted = owner.accept(relay.sign('unreadable', 'n2'))
  assert.equal(accepted.ok && accepted.value.address, '-')
})

test('a hop of another secret, for another node, or changed in any character is refused', () => {
  const { relay, owner } = pair()
  assert.match(reasonOf(owner.accept(pair(OTHER).relay.sign('203.0.113.9', 'n2'))), /^not signed/)
  assert.match(reasonOf(owner.accept(relay.sign('203.0.113.9', 'n3'))), /^not signed/)
  const header = relay.sign('203.0.113.9', 'n2')
  for (let index = 0; index < header.length; index++) {
    const changed = header.slice(0, index) + (header[index] === '1' ? '2' : '1') + header.slice(index + 1)
    assert.equal(owner.accept(changed).ok, false, changed)
  }
  assert.equal(owner.accept(header).ok, true)
})

test('during a rotation hops with the old secret are accepted', () => {
  const { owner } = pair()
  const old = new Hops('n1', ['the old one'], () => START)
  assert.equal(owner.accept(old.sign('203.0.113.9', 'n2')).ok, true)
})

test('a hop is accepted once, and only for a while before and after', () => {
  const { clock, relay, owner } = pair()
  const header = relay.sign('203.0.113.9', 'n2')
  assert.equal(owner.accept(header).ok, true)
  assert.equal(reasonOf(owner.accept(header)), 'used before')
  const late = relay.sign('203.0.113.9', 'n2')
  clock.now += (SERVER_LIMITS.relayHopLife + 1) * 1_000
  assert.match(reasonOf(owner.accept(late)), /clocks/)
  const early = relay.sign('203.0.113.9', 'n2')
  clock.now -= (SERVER_LIMITS.relayHopLife + 1) * 1_000
  assert.match(reasonOf(owner.accept(early)), /clocks/)
  // The clock went back: the first one is still known.
  assert.equal(reasonOf(owner.accept(header)), 'used before')
})
