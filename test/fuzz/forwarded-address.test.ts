// Fuzz: for any X-Forwarded-For header, the result is an address with a network to count by, or the word for one that is unreadable.
import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import { networkOf } from '@parley/core'
import { remoteAddress } from '../../packages/server/src/net/address.ts'
import { fuzz } from './harness.ts'

const HEADERS = [
  '198.51.100.1, 203.0.113.9',
  '203.0.113.9:4711',
  '[2001:db8::5]:4711',
  '2001:db8:1:2:3:4:5:6',
  '::ffff:192.0.2.1',
  'fe80::1%eth0',
  'unknown',
  '::',
]

fuzz('X-Forwarded-For', {
  covers: ['server/net/address.ts', 'core/network-of.ts'],
  corpus: HEADERS.map(header => Buffer.from(header)),
  run: bytes => {
    const headers = { 'x-forwarded-for': Buffer.from(bytes).toString('latin1') }
    const request = { socket: { remoteAddress: '127.0.0.1' }, headers } as unknown as IncomingMessage
    const address = remoteAddress(request, true)
    // Never the proxy's own address, which is loopback and has privileges.
    if (isIP(address) === 0) return assert.equal(networkOf(address), 'unreadable')
    assert.match(networkOf(address), /^(\d+\.\d+\.\d+\.\d+|([0-9a-f]{1,4}:){4}:\/64)$/)
  },
})
