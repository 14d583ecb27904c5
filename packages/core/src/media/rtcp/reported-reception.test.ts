// What a receiver reports of its own reception: loss, and the round trip by the node's sender reports.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  encodeReceiverReport,
  NTP_EPOCH,
  ntpMiddle,
  type ReportBlock,
  senderReportMiddle,
  writeSenderReport,
} from '@parley/protocol'
import { PlainLane, ssrcOf } from '../../testing/plain-lane.ts'
import { Router } from '../router.ts'

const TIME_ORIGIN = 1_700_000_000_000
const block = (fields: Partial<ReportBlock>): ReportBlock => ({
  ssrc: 1,
  fractionLost: 0,
  packetsLost: 0,
  highestSequence: 0,
  jitter: 0,
  lastSenderReport: 0,
  delay: 0,
  ...fields,
})

function scene() {
  const lane = new PlainLane(io => new Router(io, { timeOrigin: TIME_ORIGIN }))
  lane.connectNative(1)
  const report = (...blocks: ReportBlock[]) => lane.packets(1, encodeReceiverReport(ssrcOf(1), blocks))
  const reported = () => {
    lane.events()
    lane.command({ kind: 'reportPeers' })
    const event = lane.events().find(({ kind }) => kind === 'qualities')
    return event?.kind === 'qualities' ? event.qualities[0]?.reported : undefined
  }
  return { lane, report, reported }
}

test('a peer that has reported nothing has no reported reception', () => {
  const { report, reported } = scene()
  assert.equal(reported(), undefined)
  report()
  assert.equal(reported(), undefined)
})

test('the first report counts as it is, later ones change the average by an eighth', () => {
  const { report, reported } = scene()
  report(block({ fractionLost: 64 }), block({ ssrc: 2, fractionLost: 0 }))
  assert.deepEqual(reported(), { loss: 0.125, roundTrip: undefined })
  report(block({ fractionLost: 0 }))
  assert.equal(reported()?.loss, 0.125 - 0.125 / 8)
})

test('the round trip is the time since the sender report, less the delay at the receiver', () => {
  const { lane, report, reported } = scene()
  const sentAt = ntpMiddle(NTP_EPOCH + TIME_ORIGIN + lane.now)
  lane.now += 180
  report(block({ lastSenderReport: sentAt, delay: Math.round(0.1 * 65_536) }))
  assert.ok(Math.abs(reported()!.roundTrip! - 80) < 0.1, String(reported()!.roundTrip))
})

test('a round trip of more than ten seconds, or before the sender report, is ignored', () => {
  const { lane, report, reported } = scene()
  const now = ntpMiddle(NTP_EPOCH + TIME_ORIGIN + lane.now)
  report(block({ lastSenderReport: (now - 11 * 65_536) >>> 0 }), block({ lastSenderReport: (now + 65_536) >>> 0 }))
  assert.equal(reported()?.roundTrip, undefined)
})

test('the middle of an NTP timestamp is that of a sender report of the same time', () => {
  const view = new DataView(new ArrayBuffer(28))
  for (const time of [NTP_EPOCH + TIME_ORIGIN, NTP_EPOCH + TIME_ORIGIN + 12_345.678]) {
    writeSenderReport(view, 0, { ssrc: 1, time, timestamp: 0, packets: 0, octets: 0 })
    assert.ok(Math.abs(ntpMiddle(time) - senderReportMiddle(view, 0)) <= 1)
  }
})
