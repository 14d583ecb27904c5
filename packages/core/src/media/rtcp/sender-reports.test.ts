// What browsers are told of the sources they hear and see: on which clock, how much of it, and whose it is.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeRtcp, encodeRtp, type SenderReport, writeSenderReport } from '@parley/protocol'
import type { RtpMappingDescription } from '../../lane/commands.ts'
import { LIMITS } from '../../limits.ts'
import type { Sent } from '../../testing/plain-io.ts'
import { hex, PlainLane, ssrcOf, stunMac, TARGETS } from '../../testing/plain-lane.ts'
import { Router } from '../router.ts'

const MAPPING: RtpMappingDescription = {
  payloadTypes: [
    [120, 111],
    [105, 96],
    [106, 97],
  ],
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

/** Browser 1 is heard and seen by browser 2, and heard by native client 3. */
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

/** Compounds that begin with a sender report. */
const compounds = (sent: readonly Sent[]) => sent.filter(({ peer, bytes }) => peer !== 0 && bytes[1] === 200)
const reportsTo = (peer: number, sent: readonly Sent[]): SenderReport[] =>
  compounds(sent)
    .filter(each => each.peer === peer)
    .flatMap(({ bytes }) => decodeRtcp(bytes)!)
    .filter(packet => packet.kind === 'senderReport')
const wallClock = ({ ntpSeconds, ntpFraction }: SenderReport) =>
  (ntpSeconds + ntpFraction / 2 ** 32) * 1_000 - NTP_EPOCH

test('a browser hears of each source the node’s time, its timestamp then, and what it was sent of it', () => {
  const lane = makeLane()
  // The sender's own clock is off by hours, and its media began long ago.
  lane.packets(1, report(OWN_AUDIO, 5_000_000, 48_000), report(OWN_VIDEO, 5_000_100, 1_809_000))
  for (let sequence = 0; sequence < 3; sequence++) lane.packets(1, audio(sequence, 50_000 + sequence * 960))
  lane.packets(1, video(7, 1_800_000))
  const sent = lane.wait(senderReportInterval)
  const [sound, picture, ...others] = reportsTo(2, sent)
  assert.equal(others.length, 0)
  // Three frames of a hundred bytes, and five of silence since.
  assert.deepEqual([sound!.senderSsrc, sound!.packets, sound!.octets], [ssrcOf(1), 8, 315])
  assert.deepEqual([picture!.senderSsrc, picture!.packets, picture!.octets], [ssrcOf(1) + 1, 1, 1_000])
  for (const each of [sound!, picture!]) assert.ok(Math.abs(wallClock(each) - (TIME_ORIGIN + lane.now)) < 0.01)
  // The video's report has shown a shorter way than the audio's: 100 ms less, which the audio's next one will learn.
  assert.equal(sound!.timestamp, 48_000 + 48 * senderReportInterval)
  assert.equal(picture!.timestamp, 1_809_000 + 90 * senderReportInterval)
})

test('sound and picture of one member have one name, those of another have another one', () => {
  const lane = makeLane()
  lane.packets(1, audio(1, 0), video(1, 0))
  lane.packets(3, audio(1, 0, ssrcOf(3), 120))
  const [told, ...rest] = compounds(lane.wait(senderReportInterval)).filter(({ peer }) => peer === 2)
  assert.equal(rest.length, 0)
  const name = (peer: number) => hex(Buffer.from(ssrcOf(peer).toString(16).padStart(8, '0')))
  const chunk = (ssrc: number, peer: number) => `${ssrc.toString(16).padStart(8, '0')}0108${name(peer)}0000`
  const chunks = [chunk(ssrcOf(1), 1), chunk(ssrcOf(3), 3), chunk(ssrcOf(1) + 1, 1)].join('')
  assert.equal(hex(told!.bytes.subarray(3 * 28)), `83ca000c${chunks}`)
})

test('a source that reports nothing is placed by when its packets came', () => {
  const lane = makeLane()
  lane.packets(3, audio(1, 777, ssrcOf(3), 120))
  const [told] = reportsTo(2, lane.wait(senderReportInterval))
  assert.deepEqual([told!.senderSsrc, told!.timestamp], [ssrcOf(3), 777 + 48 * senderReportInterval])
})

test('a native client that reports is placed by its report, whenever its packets came', () => {
  const lane = makeLane()
  lane.packets(3, report(ssrcOf(3), 9_000, 960_000))
  lane.now += 400
  lane.packets(3, audio(1, 970_000, ssrcOf(3), 120))
  const [told] = reportsTo(2, lane.wait(senderReportInterval))
  assert.equal(told!.timestamp, 960_000 + 48 * (400 + senderReportInterval))
})

test('native clients and the source itself hear nothing of it, and nobody does of a source that is quiet', () => {
  const lane = makeLane()
  lane.packets(1, audio(1, 0))
  assert.deepEqual(
    compounds(lane.wait(senderReportInterval)).map(({ peer }) => peer),
    [2],
  )
  assert.deepEqual(compounds(lane.wait(10 * senderReportInterval)), [])
})

test('each browser is told once in an interval, and the next time from the next packet on', () => {
  const lane = makeLane()
  let told = 0
  for (let sequence = 0; sequence < 500; sequence++) {
    lane.packets(1, audio(sequence, sequence * 960))
    lane.check(2)
    told += reportsTo(2, lane.wait(20)).length
  }
  assert.equal(told, 10_000 / senderReportInterval)
})

test('what a browser was sent is counted for it alone: who came later was sent less', () => {
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

test('of many sources a browser is told in several datagrams, each of which fits any path', () => {
  const lane = makeLane()
  const peers = Array.from({ length: 60 }, (_, index) => 10 + index)
  for (const peer of peers) {
    lane.connectNative(peer)
    lane.routeAudio(peer)
    lane.packets(peer, audio(1, 0, ssrcOf(peer), 120))
  }
  const told = compounds(lane.wait(senderReportInterval)).filter(({ peer }) => peer === 2)
  assert.ok(told.length === 3 && told.every(({ bytes }) => bytes.length <= 1_200))
  assert.deepEqual(
    reportsTo(2, told).map(({ senderSsrc }) => senderSsrc),
    peers.map(ssrcOf),
  )
})

test('many browsers are told over several turns, so that packets do not wait', () => {
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

test('a list that closes is not waited for', () => {
  const lane = makeLane()
  lane.packets(1, audio(1, 0))
  for (const peer of [1, 2, 3]) lane.command({ kind: 'removePeer', peer })
  lane.command({ kind: 'closeTargets', targets: TARGETS })
  assert.equal(lane.router.deadline, Infinity)
})
