// From the browser's reports to numbers.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { between, type Stat, totalsOf } from './measurements.ts'

const STATS: Stat[] = [
  { type: 'outbound-rtp', id: 'o', packetsSent: 500 },
  { type: 'inbound-rtp', id: 'a', packetsReceived: 300, packetsLost: 4, jitter: 0.002 },
  { type: 'inbound-rtp', id: 'b', packetsReceived: 100, packetsLost: -1, jitter: 0.011 },
  { type: 'inbound-rtp', id: 'c', packetsReceived: 0, packetsLost: 0, jitter: 9 },
  { type: 'candidate-pair', id: 'other', currentRoundTripTime: 5 },
  { type: 'candidate-pair', id: 'pair', currentRoundTripTime: 0.0015 },
  {
    type: 'transport',
    id: 't',
    selectedCandidatePairId: 'pair',
    srtpCipher: 'SRTP_AEAD_AES_128_GCM',
    dtlsCipher: 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
    tlsVersion: 'FEFD',
  },
]

test('totals add up all sources, and take the worst jitter of those that are heard', () => {
  const totals = totalsOf(STATS)
  assert.deepEqual([totals.sent, totals.received, totals.lost], [500, 400, 3])
  assert.equal(totals.jitter, 11)
  assert.equal(totals.roundTrip, 1.5)
  assert.deepEqual(totals.transport, {
    srtpCipher: 'SRTP_AEAD_AES_128_GCM',
    dtlsCipher: 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
    dtlsVersion: 'DTLS 1.2',
  })
})

test('before anything flows there are no numbers to show', () => {
  const totals = totalsOf([])
  assert.equal(totals.jitter, undefined)
  assert.equal(totals.roundTrip, undefined)
  assert.equal(totals.transport.srtpCipher, undefined)
})

test('rates are per second, loss is a share, and nothing falls below zero when a member leaves', () => {
  const before = totalsOf(STATS)
  const after = { ...before, sent: 600, received: 490, lost: 13 }
  const { sent, received, lost, at } = between(before, after, 2, 1_000)
  assert.deepEqual([sent, received, at], [50, 45, 1_000])
  assert.equal(lost, 0.1)
  const left = between(after, before, 1, 1_001)
  assert.deepEqual([left.sent, left.received, left.lost], [0, 0, 0])
})
