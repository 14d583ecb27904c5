// Addresses reported by sockets and proxies.
import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { addressText, blockListOf, hostAndPort, isListed, isLoopback, isSubnet, remoteAddress } from './address.ts'

const request = (remote: string, forwarded?: string) =>
  ({ socket: { remoteAddress: remote }, headers: { 'x-forwarded-for': forwarded } }) as unknown as IncomingMessage

test('an IPv4-mapped address is converted to IPv4, and a zone id is removed', () => {
  assert.equal(addressText('::ffff:192.0.2.1'), '192.0.2.1')
  assert.equal(addressText('fe80::1%eth0'), 'fe80::1')
  assert.equal(addressText('2001:db8::1'), '2001:db8::1')
  assert.equal(addressText(undefined), '')
})

test('loopback is 127.0.0.0/8, ::1 and localhost, and nothing else', () => {
  for (const host of ['127.0.0.1', '127.9.9.9', '::1', 'localhost', '::ffff:127.0.0.1'])
    assert.ok(isLoopback(host), host)
  for (const host of ['0.0.0.0', '::', '192.0.2.1', 'example.org', '', 'localhost.example.org'])
    assert.ok(!isLoopback(host), host)
})

test('without a proxy X-Forwarded-For is ignored', () => {
  assert.equal(remoteAddress(request('::ffff:192.0.2.1', '203.0.113.9'), false), '192.0.2.1')
})

test('behind a proxy the last hop of X-Forwarded-For counts', () => {
  assert.equal(remoteAddress(request('127.0.0.1', '198.51.100.1, 203.0.113.9'), true), '203.0.113.9')
  assert.equal(remoteAddress(request('127.0.0.1', '203.0.113.9:4711'), true), '203.0.113.9')
  assert.equal(remoteAddress(request('127.0.0.1', '[2001:db8::5]:4711'), true), '2001:db8::5')
  assert.equal(remoteAddress(request('127.0.0.1', '2001:db8::5'), true), '2001:db8::5')
})

test('behind a proxy a request without the header comes from the proxy itself', () => {
  assert.equal(remoteAddress(request('127.0.0.1'), true), '127.0.0.1')
})

test('a header that holds no address never counts as loopback', () => {
  for (const header of ['', 'unknown', '_hidden', '203.0.113.9, ', '999.1.1.1']) {
    const address = remoteAddress(request('127.0.0.1', header), true)
    assert.equal(address, 'unreadable')
    assert.ok(!isLoopback(address) && !isListed(blockListOf(['0.0.0.0/0', '::/0']), address))
  }
})

test('subnets are addresses with or without a prefix length', () => {
  for (const good of ['10.0.0.0/8', '10.0.0.1', '::1', '2001:db8::/32', '0.0.0.0/0']) assert.ok(isSubnet(good), good)
  for (const bad of ['', '10.0.0.0/33', '::/129', '10.0.0.0/', '10.0.0.0/8/8', 'example.org/8', '10.0.0.0/-1'])
    assert.ok(!isSubnet(bad), bad)
  const list = blockListOf(['10.0.0.0/8', '::1', '2001:db8::/32'])
  for (const address of ['10.255.0.1', '::1', '2001:db8:ffff::1']) assert.ok(isListed(list, address), address)
  for (const address of ['11.0.0.1', '::2', '2001:db9::', 'x', '']) assert.ok(!isListed(list, address), address)
})

test('an IPv6 address before a port is in brackets', () => {
  assert.equal(hostAndPort('::1', 80), '[::1]:80')
  assert.equal(hostAndPort('127.0.0.1', 80), '127.0.0.1:80')
  assert.equal(hostAndPort('localhost', 80), 'localhost:80')
})
