// Limits of bit rate on a lane: of a member by itself, and of the members of a channel together.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeRtp, RTP_HEADER, type RtpPacket } from '@parley/protocol'
import { again, nackOf, sentTo, VideoLane } from '../../../../test/contract/video-lane.ts'
import { laneOf, ssrcOf } from '../testing/plain-lane.ts'

const BITS = 8
/** Packets of exactly 100 bytes: at 80 kbit/s the bucket has room for 100 of them at once. */
const PACKET = 100
const RATE = 100 * PACKET * BITS
const GROUP = 1

const opus = (peer: number, sequence: number, more: Partial<RtpPacket> = {}) =>
  encodeRtp({
    payloadType: 120,
    sequence,
    timestamp: sequence * 960,
    ssrc: ssrcOf(peer),
    payload: new Uint8Array(PACKET - RTP_HEADER),
    ...more,
  })

/** Discord clients that receive each other. */
function makeLane(...peers: number[]) {
  const lane = laneOf(...peers)
  const sequences = new Map<number, number>()
  /** Sends so many packets of a peer at one moment; returns how many were forwarded, to one receiver. */
  const send = (peer: number, count: number): number => {
    let forwarded = 0
    for (let index = 0; index < count; index++) {
      const sequence = (sequences.get(peer) ?? 0) + 1
      sequences.set(peer, sequence)
      forwarded += lane.packets(peer, opus(peer, sequence)).length
    }
    return forwarded / (peers.length - 1)
  }
  return { lane, send }
}

/** Audio may spend a quarter of a second in advance, one packet of it begun. */
const AUDIO_BURST = 125

test('a member above its bit rate is cut to it, and the others are not', () => {
  const { lane, send } = makeLane(1, 2, 3)
  lane.command({ kind: 'limitBitrate', peer: 1, group: GROUP, member: RATE, channel: 0 })
  assert.equal(send(1, 200), AUDIO_BURST)
  assert.equal(send(2, 200), 200)
  let forwarded = 0
  for (let ms = 0; ms < 10_000; ms += 20) {
    lane.now += 20
    forwarded += send(1, 5)
  }
  assert.ok(Math.abs(forwarded - 1_000) <= 1, `${forwarded} packets in ten seconds, expected 1,000`)
  assert.deepEqual(lane.drops(), { overBitrate: 75 + 2_500 - forwarded })
})

test('a lower limit does not hold against members what the limit before permitted', () => {
  const { lane, send } = makeLane(1, 2, 3)
  const limit = (channel: number) => {
    for (const peer of [1, 2]) lane.command({ kind: 'limitBitrate', peer, group: GROUP, member: 0, channel })
  }
  limit(10 * RATE)
  send(1, 2_000)
  limit(RATE)
  lane.now += 1_000
  assert.ok(send(2, 50) > 0, 'a second of the new limit has passed, and the other member is silent')
})

test('the members of a channel share its bit rate; another channel has its own', () => {
  const { lane, send } = makeLane(1, 2, 3, 4)
  for (const peer of [1, 2]) lane.command({ kind: 'limitBitrate', peer, group: GROUP, member: 0, channel: RATE })
  lane.command({ kind: 'limitBitrate', peer: 3, group: GROUP + 1, member: 0, channel: RATE })
  assert.equal(send(1, 60) + send(2, 100), AUDIO_BURST)
  assert.equal(send(3, 200), AUDIO_BURST)
  assert.equal(send(4, 200), 200)
})

test('a member that exceeds its own bit rate takes nothing of that of the channel', () => {
  const { lane, send } = makeLane(1, 2)
  for (const peer of [1, 2])
    lane.command({ kind: 'limitBitrate', peer, group: GROUP, member: RATE / 2, channel: 2 * RATE })
  send(1, 10_000)
  assert.equal(send(2, 60), 60)
})

test('limits can be changed and lifted, which neither refills a budget nor leaves state behind', () => {
  const { lane, send } = makeLane(1, 2)
  const limit = (member: number, channel: number) =>
    lane.command({ kind: 'limitBitrate', peer: 1, group: GROUP, member, channel })
  limit(RATE, RATE)
  assert.equal(send(1, 200), AUDIO_BURST)
  limit(RATE, 2 * RATE)
  assert.equal(send(1, 50), 0)
  limit(0, 2 * RATE)
  assert.equal(send(1, 200), 25)
  limit(0, 0)
  assert.equal(send(1, 200), 200)
  assert.equal(lane.router.inspect().limited, 0)
  limit(RATE, RATE)
  lane.command({ kind: 'removePeer', peer: 1 })
  assert.equal(lane.router.inspect().limited, 0)
})

test('each report names the peers above a limit, once', () => {
  const { lane, send } = makeLane(1, 2, 3)
  lane.command({ kind: 'limitBitrate', peer: 1, group: GROUP, member: RATE, channel: 0 })
  lane.command({ kind: 'limitBitrate', peer: 2, group: GROUP, member: 0, channel: RATE })
  send(1, AUDIO_BURST + 3)
  send(2, AUDIO_BURST + 4)
  lane.events()
  lane.command({ kind: 'report' })
  assert.deepEqual(lane.events(), [
    { kind: 'overBitrate', peer: 1, member: 3, channel: 0 },
    { kind: 'overBitrate', peer: 2, member: 0, channel: 4 },
  ])
  lane.command({ kind: 'report' })
  assert.deepEqual(lane.events(), [])
})

test('video yields to audio: while it floods a channel, each voice is forwarded', () => {
  const lane = new VideoLane()
  lane.routeAudio(3)
  lane.listen(3)
  for (const peer of [1, 3]) lane.command({ kind: 'limitBitrate', peer, group: GROUP, member: 0, channel: RATE })
  const payload = new Uint8Array(PACKET - RTP_HEADER)
  let [voices, pictures] = [0, 0]
  for (let frame = 0; frame < 500; frame++) {
    lane.now += 20
    for (let index = 0; index < 10; index++)
      pictures += sentTo(2, lane.send((frame * 10 + index) & 0xffff, { payload })).length
    // Of the browser: in its own numbering.
    voices += sentTo(2, lane.packets(3, opus(3, frame, { payloadType: 109, ssrc: 0x1234 }))).length
    if (frame === 0) lane.command({ kind: 'mapSsrc', peer: 3, clientSsrc: 0x1234, ssrc: ssrcOf(3) })
  }
  assert.ok(voices >= 499, `${voices} of 500 voices`)
  assert.ok(pictures > 500 && pictures < 620, `${pictures} packets of video in 10 s, beside 500 of audio at 100/s`)
})

test('video above the limit is not requested again, and its retransmissions count too', () => {
  const lane = new VideoLane()
  const payload = new Uint8Array(PACKET - RTP_HEADER)
  lane.command({ kind: 'limitBitrate', peer: 1, group: GROUP, member: RATE, channel: 0 })
  for (let sequence = 0; sequence < 150; sequence++) lane.send(sequence, { payload })
  assert.deepEqual(lane.drops(), { overBitrate: 50 })
  const requested = () => sentTo(1, lane.wait(200)).filter(bytes => bytes.startsWith('81cd'))
  assert.deepEqual(requested(), [])
  // 150 is lost, and requested. The sender floods again before it answers: there is no room for the answer.
  lane.now += 20_000
  lane.send(151, { payload })
  assert.deepEqual(requested(), [nackOf(150, 0)])
  for (let sequence = 152; sequence < 300; sequence++) lane.send(sequence, { payload })
  const before = lane.drops().overBitrate!
  assert.deepEqual(sentTo(2, lane.packets(1, again(0, 150))), [])
  assert.equal(lane.drops().overBitrate, before + 1)
})
