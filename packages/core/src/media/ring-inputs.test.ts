// Two lanes of one channel: what crosses from the lane of the sender, and what receivers of the other lane get of it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeRtcp, decodeRtp, encodeRtp } from '@parley/protocol'
import { again, RECEIVER, sentTo, u32, VIDEO, VideoLane } from '../../../../test/contract/video-lane.ts'
import type { LaneCommand } from '../lane/commands.ts'
import { PacketRing } from '../lane/packet-ring.ts'
import { LIMITS } from '../limits.ts'
import { addDatagram, makeBatch, type Sent } from '../testing/plain-io.ts'
import { PlainLane, ssrcOf, TARGETS } from '../testing/plain-lane.ts'

const HOME = 0
const AWAY = 1
/** The id on the other lane of a peer of the first one. */
const remote = (peer: number): number => 100 + peer
const ssrcs = (peer: number): Int32Array => Int32Array.from({ length: 8 }, (_, index) => ssrcOf(peer) + index)

/** The sender's lane, and another one whose members receive it. */
class Pair<Lane extends PlainLane> {
  readonly home: Lane
  readonly away = new PlainLane()
  readonly memory = new ArrayBuffer(PacketRing.size)

  constructor(home: Lane) {
    this.home = home
    home.router.addOutput(AWAY, new PacketRing(this.memory))
    this.away.router.addInput(HOME, new PacketRing(this.memory))
  }

  /** Routes an SSRC of a peer of the first lane to the targets of both. */
  route(peer: number, ssrc: number, media: 'audio' | 'video', more: { sealedOnly?: boolean } = {}): void {
    const route = { kind: 'setRoute', ssrc, media, targets: TARGETS, ...more } as const
    this.away.command({ kind: 'addPeer', peer: remote(peer), ssrcs: ssrcs(peer), lane: HOME })
    this.away.command({ ...route, owner: remote(peer) })
    this.home.command({ ...route, owner: peer, lanes: [AWAY] })
  }

  /** What the members of the other lane are sent, at its present time. */
  crossed(): Sent[] {
    this.away.router.receiveCrossed(64, this.away.now)
    return this.away.io.take()
  }

  /** Advances both clocks. */
  wait(by: number): Sent[] {
    this.home.wait(by)
    return this.away.wait(by)
  }
}

const opus = (sequence: number, payload = Uint8Array.of(1, 2, 3)) =>
  encodeRtp({ payloadType: 120, sequence, timestamp: sequence * 960, ssrc: ssrcOf(1), payload })

/** Discord client 1 speaks; on the other lane 2 is a Discord client and 3 a WebRTC client. */
function audioPair(more?: { sealedOnly: boolean }): Pair<PlainLane> {
  const pair = new Pair(new PlainLane())
  pair.home.connectNative(1)
  pair.away.connectNative(2)
  pair.away.connectWebrtcPeer(3, RECEIVER)
  pair.away.listen(2, 3)
  pair.route(1, ssrcOf(1), 'audio', more)
  pair.home.events()
  pair.away.events()
  return pair
}

test('a Discord client on another lane gets the packet as it is, a WebRTC client in its own numbering and with sender reports', () => {
  const pair = audioPair()
  let count = 0
  for (let sequence = 40_000; sequence < 40_060; sequence++) {
    pair.home.packets(1, opus(sequence))
    const [discord, webrtc, ...others] = pair.crossed()
    assert.deepEqual(others, [])
    assert.deepEqual([discord!.peer, discord!.bytes], [2, opus(sequence)])
    const packet = decodeRtp(webrtc!.bytes)!
    assert.deepEqual([webrtc!.peer, packet.payloadType, packet.ssrc], [3, 109, ssrcOf(1)])
    // SRTP needs a first sequence in the lower half (send-stream.ts).
    assert.equal(packet.sequence, sequence - 32_768)
    const reports = pair.wait(20).filter(({ bytes }) => bytes[1] === 200)
    for (const { bytes } of reports) {
      const [report, description] = decodeRtcp(bytes)!
      assert.ok(report?.kind === 'senderReport' && description !== undefined)
      assert.deepEqual([report.senderSsrc, report.timestamp], [ssrcOf(1), ((sequence + 1) * 960) >>> 0])
    }
    count += reports.length
  }
  assert.equal(count, 1)
  assert.deepEqual(pair.away.events(), [], 'the first packet is announced by the lane of its sender')
  assert.deepEqual(pair.home.events(), [{ kind: 'firstPacket', peer: 1, ssrc: ssrcOf(1) }])
})

test('sealed frames cross sealed, and are dropped for a member that cannot open them; unsealed ones do not cross where DAVE is required', () => {
  const pair = audioPair({ sealedOnly: true })
  pair.away.command({ kind: 'refuseSealed', peer: 2 })
  const sealedFrame = Uint8Array.from([...new Array(20).fill(7), 12, 0xfa, 0xfa])
  pair.home.packets(1, opus(1, sealedFrame))
  assert.deepEqual(
    pair.crossed().map(({ peer, bytes }) => [peer, [...decodeRtp(bytes)!.payload]]),
    [[3, [...sealedFrame]]],
  )
  assert.deepEqual(pair.away.drops(), { sealed: 1 })
  pair.home.packets(1, opus(2))
  assert.equal(pair.home.drops().unsealed, 1)
  assert.deepEqual(pair.crossed(), [])
})

test('silence that the lane adds at the end of a talkspurt of a WebRTC client crosses too', () => {
  const pair = new Pair(new VideoLane())
  pair.away.connectNative(2)
  pair.away.listen(2)
  pair.route(1, ssrcOf(1), 'audio')
  pair.home.packets(
    1,
    encodeRtp({ payloadType: 111, sequence: 9, timestamp: 1, ssrc: 0xaaaa, payload: Uint8Array.of(1) }),
  )
  assert.equal(pair.crossed().length, 1)
  pair.wait(LIMITS.talkspurtGap + 1)
  assert.deepEqual(
    pair.crossed().map(({ bytes }) => [decodeRtp(bytes)!.sequence, [...decodeRtp(bytes)!.payload]]),
    [10, 11, 12, 13, 14].map(sequence => [sequence, [0xf8, 0xff, 0xfe]]),
  )
})

/** WebRTC client 1 sends video; client 2 is a viewer on its lane, and client 12 on the other. */
function videoPair(): Pair<VideoLane> {
  const pair = new Pair(new VideoLane())
  pair.away.connectWebrtcPeer(12, RECEIVER)
  pair.away.listen(12)
  pair.route(1, VIDEO, 'video')
  // A keyframe is what each viewer waits for.
  pair.home.send(0, { payload: Uint8Array.of(0x10, 0, 0) })
  pair.crossed()
  return pair
}

const videoOf = (sent: readonly Sent[]) =>
  sent.map(({ bytes }) => decodeRtp(bytes)!).map(({ ssrc, sequence }) => [ssrc, sequence])

test('a retransmission that the sender’s lane obtained reaches viewers on the other lane: on its own SSRC, or late as theirs', () => {
  const pair = videoPair()
  pair.home.send(1)
  pair.home.send(3)
  assert.deepEqual(videoOf(pair.crossed()), [
    [VIDEO, 1],
    [VIDEO, 3],
  ])
  pair.home.packets(1, again(0, 2))
  assert.deepEqual(videoOf(pair.crossed()), [[VIDEO, 2]])
  for (let sequence = 5; sequence < 80; sequence++) pair.home.send(sequence)
  while (pair.crossed().length > 0);
  pair.home.packets(1, again(1, 4))
  const [late, ...others] = pair.crossed()
  const packet = decodeRtp(late!.bytes)!
  assert.deepEqual([others, packet.ssrc, [...packet.payload.subarray(0, 2)]], [[], VIDEO + 1, [0, 4]])
})

test('a retransmission that crosses does not set back the clock that sender reports of the other lane go by', () => {
  const pair = videoPair()
  const start = pair.away.now
  // 90 timestamps per millisecond.
  for (let sequence = 1; sequence < 400; sequence++) {
    pair.wait(1)
    if (sequence !== 100) pair.home.send(sequence, { timestamp: sequence * 90 })
    pair.crossed()
  }
  pair.home.packets(1, again(0, 100, { timestamp: 100 * 90 }))
  assert.equal(pair.crossed().length, 1)
  const reports = pair.wait(LIMITS.senderReportInterval).filter(({ bytes }) => bytes[1] === 200)
  const [report] = decodeRtcp(reports[0]!.bytes)!
  assert.ok(report?.kind === 'senderReport')
  assert.deepEqual([report.senderSsrc, report.timestamp], [VIDEO, (pair.away.now - start) * 90])
})

test('viewers of another lane are answered there, and what only the sender can send is requested through control', () => {
  const pair = videoPair()
  for (let sequence = 1; sequence < 6; sequence++) pair.home.send(sequence)
  pair.crossed()
  pair.away.events()
  pair.away.wait(LIMITS.keyframeInterval)
  pair.away.events()
  const entry = `${u32(3).slice(4)}0000`
  const nack = Uint8Array.from(Buffer.from(`81cd000300000009${u32(VIDEO)}${entry}`, 'hex'))
  const [answer] = pair.away.packets(12, nack)
  assert.deepEqual([...decodeRtp(answer!.bytes)!.payload.subarray(0, 2)], [0, 3])
  const loss = Uint8Array.from(Buffer.from(`81ce000200000009${u32(VIDEO)}`, 'hex'))
  pair.away.packets(12, loss)
  assert.deepEqual(
    pair.away.events().filter(({ kind }) => kind !== 'layers'),
    [{ kind: 'keyframeNeeded', lane: HOME, ssrc: VIDEO }],
  )
  pair.home.wait(LIMITS.keyframeInterval)
  const ask: LaneCommand = { kind: 'askKeyframe', ssrc: VIDEO, isLayer: true }
  pair.home.command(ask, ask)
  assert.equal(sentTo(1, pair.home.io.take()).filter(bytes => bytes.startsWith('81ce')).length, 1)
})

test('what a lane would not take from the network it does not take from a ring: lengths, unknown SSRCs, peers of other lanes', () => {
  const pair = audioPair()
  pair.away.command({ kind: 'addPeer', peer: 70, ssrcs: ssrcs(7), lane: 5 })
  const ring = new PacketRing(pair.memory)
  const push = (bytes: Uint8Array, length = bytes.length) => {
    const batch = makeBatch()
    addDatagram(batch, bytes, new Int32Array(6))
    batch.lengths[0] = length
    return ring.push(batch, 0, pair.away.now)
  }
  push(opus(1), 11)
  push(encodeRtp({ payloadType: 120, sequence: 1, timestamp: 1, ssrc: 4, payload: Uint8Array.of(1) }))
  push(encodeRtp({ payloadType: 120, sequence: 1, timestamp: 1, ssrc: ssrcOf(2), payload: Uint8Array.of(1) }))
  push(encodeRtp({ payloadType: 120, sequence: 1, timestamp: 1, ssrc: ssrcOf(7), payload: Uint8Array.of(1) }))
  push(encodeRtp({ payloadType: 96, sequence: 1, timestamp: 1, ssrc: ssrcOf(1), payload: Uint8Array.of(1) }))
  const padded = opus(1)
  padded[0] = padded[0]! | 0x20
  padded[padded.length - 1] = 200
  push(padded)
  assert.deepEqual(pair.crossed(), [])
  assert.deepEqual(pair.away.drops(), { malformed: 3, unknownSender: 3 })
})
