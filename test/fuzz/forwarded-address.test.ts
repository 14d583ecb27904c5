// Fuzz: for any X-Forwarded-For header, the result is a valid address with a network to count by.
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
  '::',
]

fuzz('X-Forwarded-For', {
  covers: ['server/net/address.ts', 'core/network-of.ts'],
  corpus: HEADERS.map(header => Buffer.from(header)),
  run: bytes => {
    const headers = { 'x-forwarded-for': Buffer.from(bytes).toString('latin1') }
    const request = { socket: { remoteAddress: '127.0.0.1' }, headers } as unknown as IncomingMessage
    const address = remoteAddress(request, true)
    assert.notEqual(isIP(address), 0)
    assert.match(networkOf(address), /^(\d+\.\d+\.\d+\.\d+|([0-9a-f]{1,4}:){4}:\/64)$/)
  },
})
