// Readings of the browser's statistics, and the points of the charts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { between, type Reading, readingOf, type Stat } from './measurements.ts'
import { Meter } from './meter.ts'

const STATS: Stat[] = [
  { type: 'outbound-rtp', id: 'o', timestamp: 5_000, packetsSent: 500 },
  { type: 'inbound-rtp', id: 'a', timestamp: 5_000, packetsReceived: 300, packetsLost: 4, jitter: 0.002 },
  { type: 'inbound-rtp', id: 'b', timestamp: 5_000, packetsReceived: 100, packetsLost: -1, jitter: 0.011 },
  { type: 'inbound-rtp', id: 'c', timestamp: 5_000, packetsReceived: 0, packetsLost: 0, jitter: 9 },
  { type: 'candidate-pair', id: 'other', currentRoundTripTime: 5 },
  { type: 'candidate-pair', id: 'pair', currentRoundTripTime: 0.0015, remoteCandidateId: 'remote' },
  { type: 'remote-candidate', id: 'remote', protocol: 'tcp' },
  {
    type: 'transport',
    id: 't',
    selectedCandidatePairId: 'pair',
    srtpCipher: 'SRTP_AEAD_AES_128_GCM',
    dtlsCipher: 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
    tlsVersion: 'FEFD',
  },
]

/** A reading of a stream of 50 packets per second at `at` milliseconds. */
const steadyAt = (at: number, id = 'in'): Reading =>
  readingOf([{ type: 'inbound-rtp', id, timestamp: at, packetsReceived: at / 20, packetsLost: 0 }], 0)

const rates = (meter: Meter) => meter.measurements.map(({ received }) => received)

test('a reading has the counters of each stream and the largest jitter of the received sources', () => {
  const reading = readingOf(STATS, 9_000)
  assert.equal(reading.at, 5_000)
  assert.deepEqual(reading.streams.get('o'), { sent: 500, received: 0, lost: 0 })
  assert.deepEqual(reading.streams.get('b'), { sent: 0, received: 100, lost: -1 })
  assert.equal(reading.jitter, 11)
  assert.equal(reading.roundTrip, 1.5)
  assert.deepEqual(reading.transport, {
    srtpCipher: 'SRTP_AEAD_AES_128_GCM',
    dtlsCipher: 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
    dtlsVersion: 'DTLS 1.2',
    protocol: 'TCP',
  })
})

test('a reading before the first packet has no values', () => {
  const reading = readingOf([], 9_000)
  assert.equal(reading.at, 9_000)
  assert.equal(reading.jitter, undefined)
  assert.equal(reading.roundTrip, undefined)
  assert.equal(reading.transport.srtpCipher, undefined)
})

test('rates are per second and at least zero, loss is a share', () => {
  const before = readingOf(
    [{ type: 'inbound-rtp', id: 'a', timestamp: 1_000, packetsReceived: 100, packetsLost: 4 }],
    0,
  )
  const after = readingOf(
    [{ type: 'inbound-rtp', id: 'a', timestamp: 3_000, packetsReceived: 190, packetsLost: 14 }],
    0,
  )
  const { received, lost, at } = between(before, after)
  assert.deepEqual([received, lost, at], [45, 0.1, 3])
  const reversed = between({ ...after, at: 1_000 }, { ...before, at: 2_000 })
  assert.deepEqual([reversed.received, reversed.lost], [0, 0])
})

test('a stream that appears or disappears does not change the rates of the others', () => {
  const one = steadyAt(100_000)
  const two = {
    ...steadyAt(101_000),
    streams: new Map([...steadyAt(101_000).streams, ...steadyAt(101_000, 'b').streams]),
  }
  assert.equal(between(one, two).received, 50)
  assert.equal(between(two, steadyAt(102_000)).received, 50)
})

test('readings in quick succession after a delayed timer cause no spike', () => {
  const meter = new Meter()
  for (const at of [1_000, 2_000, 4_980, 5_000, 5_020, 6_000]) meter.add(steadyAt(at))
  assert.deepEqual(rates(meter), [50, 50, 50])
})

test('a tab that was hidden for a minute has a gap and no spike', () => {
  const meter = new Meter()
  for (const at of [1_000, 2_000, 62_000, 63_000]) meter.add(steadyAt(at))
  assert.deepEqual(rates(meter), [50, undefined, 50])
  const times = meter.measurements.map(({ at }) => at)
  assert.deepEqual(times, [2, 3, 63])
})

test('a meter keeps the measurements of two minutes', () => {
  const meter = new Meter()
  for (let at = 0; at <= 300_000; at += 1_000) meter.add(steadyAt(at))
  assert.equal(meter.measurements[0]?.at, 180)
  assert.equal(meter.measurements.at(-1)?.at, 300)
})
