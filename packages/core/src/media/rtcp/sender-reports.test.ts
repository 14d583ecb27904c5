// Sender reports to WebRTC clients: clock, packet and octet counts, and CNAME of each forwarded source.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeRtcp, encodeRtp, type SenderReport, writeSenderReport } from '@parley/protocol'
import type { RtpMappingDescription } from '../../lane/commands.ts'
import { LIMITS } from '../../limits.ts'
import { BROWSER_TYPES } from '../../testing/mappings.ts'
import type { Sent } from '../../testing/plain-io.ts'
import { hex, PlainLane, ssrcOf, stunMac, TARGETS } from '../../testing/plain-lane.ts'
import { Router } from '../router.ts'

const MAPPING: RtpMappingDescription = {
  payloadTypes: BROWSER_TYPES,
  extensions: {},
}
const OWN_AUDIO = 0xaaaa_0001
const OWN_VIDEO = 0xbbbb_0001
const TIME_ORIGIN = 1_700_000_000_000
const NTP_EPOCH = 2_208_988_800_000
const { senderReportInterval } = LIMITS

const audio = (sequence: number, timestamp: number, ssrc = OWN_AUDIO, payloadType = 111) =>
  encodeRtp({ payloadType, sequence, timestamp, ssrc, payload: new Uint8Array(100) })
const video = (sequence: number, timestamp: number) =>
  encodeRtp({ payloadType: 96, sequence, timestamp, ssrc: OWN_VIDEO, payload: new Uint8Array(1_000) })

function report(ssrc: number, time: number, timestamp: number): Uint8Array {
  const bytes = new Uint8Array(28)
  writeSenderReport(new DataView(bytes.buffer), 0, { ssrc, time, timestamp, packets: 1, octets: 1 })
  return bytes
}

/** WebRTC client 2 receives audio and video of WebRTC client 1, Discord client 3 its audio. */
function makeLane() {
  const lane = new PlainLane(io => new Router(io, { stunMac, timeOrigin: TIME_ORIGIN }))
  for (const peer of [1, 2]) lane.connectWebrtcPeer(peer, MAPPING)
  lane.connectNative(3)
  lane.listen(1, 2, 3)
  lane.routeAudio(1, 2, 3)
  lane.routeVideo(1, OWN_VIDEO)
  lane.command({ kind: 'mapSsrc', peer: 1, clientSsrc: OWN_AUDIO, ssrc: ssrcOf(1) })
  return lane
}

/** Compound packets that start with a sender report. */
const compounds = (sent: readonly Sent[]) => sent.filter(({ peer, bytes }) => peer !== 0 && bytes[1] === 200)
const reportsTo = (peer: number, sent: readonly Sent[]): SenderReport[] =>
  compounds(sent)
    .filter(each => each.peer === peer)
    .flatMap(({ bytes }) => decodeRtcp(bytes)!)
    .filter(packet => packet.kind === 'senderReport')
const wallClock = ({ ntpSeconds, ntpFraction }: SenderReport) =>
  (ntpSeconds + ntpFraction / 2 ** 32) * 1_000 - NTP_EPOCH

test('a sender report has the node’s time, the matching timestamp and the counts sent to its receiver', () => {
  const lane = makeLane()
  // The sender's clock is hours off, and its media started long ago.
  lane.packets(1, report(OWN_AUDIO, 5_000_000, 48_000), report(OWN_VIDEO, 5_000_100, 1_809_000))
  for (let sequence = 0; sequence < 3; sequence++) lane.packets(1, audio(sequence, 50_000 + sequence * 960))
  lane.packets(1, video(7, 1_800_000))
  const sent = lane.wait(senderReportInterval)
  const [sound, picture, ...others] = reportsTo(2, sent)
  assert.equal(others.length, 0)
  // Three frames of 100 bytes and five silence frames.
  assert.deepEqual([sound!.senderSsrc, sound!.packets, sound!.octets], [ssrcOf(1), 8, 315])
  assert.deepEqual([picture!.senderSsrc, picture!.packets, picture!.octets], [ssrcOf(1) + 1, 1, 1_000])
  for (const each of [sound!, picture!]) assert.ok(Math.abs(wallClock(each) - (TIME_ORIGIN + lane.now)) < 0.01)
  // The video report arrived with 100 ms less delay than the audio report; the next audio report will correct that.
  assert.equal(sound!.timestamp, 48_000 + 48 * senderReportInterval)
  assert.equal(picture!.timestamp, 1_809_000 + 90 * senderReportInterval)
})

test('audio and video of one member share a CNAME, other members have other CNAMEs', () => {
  const lane = makeLane()
  lane.packets(1, audio(1, 0), video(1, 0))
  lane.packets(3, audio(1, 0, ssrcOf(3), 120))
  const reports = compounds(lane.wait(senderReportInterval)).filter(({ peer }) => peer === 2)
  const name = (peer: number) => hex(Buffer.from(ssrcOf(peer).toString(16).padStart(8, '0')))
  const chunk = (ssrc: number, peer: number) => `${ssrc.toString(16).padStart(8, '0')}0108${name(peer)}0000`
  assert.deepEqual(
    reports.map(({ bytes }) => hex(bytes).replace(/^.*ca00../, '')),
    [chunk(ssrcOf(1), 1) + chunk(ssrcOf(3), 3), chunk(ssrcOf(1) + 1, 1)],
  )
})

test('a source without sender reports is timed by the arrival of its packets', () => {
  const lane = makeLane()
  lane.packets(3, audio(1, 777, ssrcOf(3), 120))
  const [sent] = reportsTo(2, lane.wait(senderReportInterval))
  assert.deepEqual([sent!.senderSsrc, sent!.timestamp], [ssrcOf(3), 777 + 48 * senderReportInterval])
})

test('a Discord client with sender reports is timed by them, not by the arrival of its packets', () => {
  const lane = makeLane()
  lane.packets(3, report(ssrcOf(3), 9_000, 960_000))
  lane.now += 400
  lane.packets(3, audio(1, 970_000, ssrcOf(3), 120))
  const [sent] = reportsTo(2, lane.wait(senderReportInterval))
  assert.equal(sent!.timestamp, 960_000 + 48 * (400 + senderReportInterval))
})

test('sender reports are not sent to Discord clients or the source itself, nor for a silent source', () => {
  const lane = makeLane()
  lane.packets(1, audio(1, 0))
  assert.deepEqual(
    compounds(lane.wait(senderReportInterval)).map(({ peer }) => peer),
    [2],
  )
  assert.deepEqual(compounds(lane.wait(10 * senderReportInterval)), [])
})

test('each WebRTC client receives one sender report per interval while packets arrive', () => {
  const lane = makeLane()
  let reports = 0
  for (let sequence = 0; sequence < 500; sequence++) {
    lane.packets(1, audio(sequence, sequence * 960))
    lane.check(2)
    reports += reportsTo(2, lane.wait(20)).length
  }
  assert.equal(reports, 10_000 / senderReportInterval)
})

test('packets are counted per receiver: a client that joined later has lower counts', () => {
  const lane = makeLane()
  lane.packets(1, audio(1, 960), audio(2, 1_920))
  lane.connectWebrtcPeer(4, MAPPING)
  lane.listen(4)
  lane.packets(1, audio(3, 2_880))
  const sent = lane.wait(senderReportInterval)
  assert.deepEqual(
    [2, 4].map(peer => reportsTo(peer, sent)[0]!.packets),
    [8, 6],
  )
})

test('reports on many sources are split into datagrams of at most 1,200 bytes', () => {
  const lane = makeLane()
  const peers = Array.from({ length: 60 }, (_, index) => 10 + index)
  for (const peer of peers) {
    lane.connectNative(peer)
    lane.routeAudio(peer)
    lane.packets(peer, audio(1, 0, ssrcOf(peer), 120))
  }
  const reports = compounds(lane.wait(senderReportInterval)).filter(({ peer }) => peer === 2)
  assert.ok(reports.length === 3 && reports.every(({ bytes }) => bytes.length <= 1_200))
  assert.deepEqual(
    reportsTo(2, reports).map(({ senderSsrc }) => senderSsrc),
    peers.map(ssrcOf),
  )
})

test('reports to many clients are spread over several turns, so that packets do not wait', () => {
  const lane = makeLane()
  const peers = Array.from({ length: 3 * LIMITS.senderReportsPerTurn }, (_, index) => 10 + index)
  for (const peer of peers) lane.connectWebrtcPeer(peer, MAPPING)
  lane.listen(...peers)
  lane.packets(1, audio(1, 0))
  const first = compounds(lane.wait(senderReportInterval))
  assert.equal(first.length, LIMITS.senderReportsPerTurn)
  assert.ok(lane.router.deadline <= lane.now)
  const all = [...first, ...Array.from({ length: 3 }, () => compounds(lane.wait(0))).flat()]
  assert.deepEqual(
    all.map(({ peer }) => peer).sort((one, other) => one - other),
    [2, ...peers],
  )
  assert.ok(lane.router.deadline > lane.now)
})

test('no deadline remains after a target list closes', () => {
  const lane = makeLane()
  lane.packets(1, audio(1, 0))
  for (const peer of [1, 2, 3]) lane.command({ kind: 'removePeer', peer })
  lane.command({ kind: 'closeTargets', targets: TARGETS })
  assert.equal(lane.router.deadline, Infinity)
})
