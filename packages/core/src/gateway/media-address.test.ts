// Which address Ready names for a client, by what is announced and where the client comes from.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mediaAddress as chooseAddress } from './media-address.ts'

const mediaAddress = (announce: readonly string[], local: string, remote: string, ipv4?: string) =>
  chooseAddress({ announce, ipv4 }, local, remote)

const LAN = '192.168.1.5'
const OTHER_LAN = '10.88.0.1'
const WAN = '203.0.113.5'

test('without announced addresses a client receives the one its WebSocket came to', () => {
  assert.equal(mediaAddress([], '198.51.100.1', '203.0.113.9'), '198.51.100.1')
  assert.equal(mediaAddress([], '::1', '::1'), '127.0.0.1')
})

test('a client that came by IPv6 receives the IPv4 address of the machine, if there is one', () => {
  assert.equal(mediaAddress([], '2001:db8::1', '2001:db8::99', '198.51.100.1'), '198.51.100.1')
  assert.equal(mediaAddress([], '2001:db8::1', '2001:db8::99'), '2001:db8::1')
  assert.equal(mediaAddress([], '203.0.113.1', '203.0.113.9', '198.51.100.1'), '203.0.113.1')
  assert.equal(mediaAddress([], 'fd77::1', 'fd77::2', '10.88.0.1'), '10.88.0.1')
  assert.equal(mediaAddress([], '2001:db8::1', '2001:db8::99', '10.88.0.1'), '2001:db8::1')
})

test('the only announced address is given to every client', () => {
  for (const remote of ['127.0.0.1', '::1', '192.168.1.77', '198.51.100.9', 'unknown'])
    assert.equal(mediaAddress([WAN], '127.0.0.1', remote), WAN)
})

test('an IPv4 address goes before IPv6, even for a client that came by IPv6', () => {
  assert.equal(mediaAddress(['2001:db8::1', WAN], '2001:db8::1', '2001:db8::99'), WAN)
  assert.equal(mediaAddress(['2001:db8::1'], '2001:db8::1', '2001:db8::99'), '2001:db8::1')
})

test('the announced address that the WebSocket came to is used', () => {
  assert.equal(mediaAddress([WAN, LAN, OTHER_LAN], OTHER_LAN, '172.16.3.4'), OTHER_LAN)
})

test('behind a proxy, a client of a private network receives the address nearest to it, others the public one', () => {
  const choose = (remote: string) => mediaAddress([OTHER_LAN, LAN, WAN], '127.0.0.1', remote)
  assert.equal(choose('192.168.1.77'), LAN)
  assert.equal(choose('10.88.7.1'), OTHER_LAN)
  assert.equal(choose('198.51.100.9'), WAN)
  assert.equal(choose('2001:db8::99'), WAN)
})

test('behind NAT a client from outside receives the public address, although its WebSocket came to a private one', () => {
  assert.equal(mediaAddress([WAN, LAN], LAN, '198.51.100.9'), WAN)
  assert.equal(mediaAddress([LAN, WAN], LAN, '2001:db8::99'), WAN)
  assert.equal(mediaAddress([WAN, LAN], LAN, '192.168.1.77'), LAN)
  assert.equal(mediaAddress([OTHER_LAN, LAN], LAN, '198.51.100.9'), LAN)
})
