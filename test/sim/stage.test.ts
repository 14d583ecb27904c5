// One channel on several lanes: who is placed where, and that all receive what they would receive on one lane.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIMITS } from '@parley/core'
import { decodeRtp, encodeDiscoveryRequest } from '@parley/protocol'
import { CHANNEL, GUILD, Stage, type StageCopy, type StageMember } from './stage.ts'

const AUDIENCE = { suppress: true }

/** Members with these user ids. */
const join = (stage: Stage, first: number, count: number, restrictions?: object): StageMember[] =>
  Array.from({ length: count }, (_, index) => stage.join(String(first + index), restrictions))

const receivers = (copies: readonly StageCopy[]): string[] => copies.map(({ to }) => to.userId).sort()
const ids = (members: readonly StageMember[]): string[] => members.map(({ userId }) => userId).sort()

test('members fill the home lane first, then the others, and Ready has the port of their lane', () => {
  const stage = new Stage(3, 2)
  const lanes = () => [...stage.members.values()].map(({ lane }) => lane)
  join(stage, 1, 8)
  assert.deepEqual(lanes(), [0, 0, 1, 1, 2, 2, 0, 1])
  const { channels, lanes: all, sessions } = stage.bench.node.inspect()
  assert.deepEqual(channels[0]!.lanes, [
    { lane: 0, members: 3 },
    { lane: 1, members: 3 },
    { lane: 2, members: 2 },
  ])
  assert.deepEqual(
    all.map(({ channels, peers }) => [channels, peers]),
    [
      [1, 3],
      [0, 3],
      [0, 2],
    ],
  )
  assert.deepEqual(
    sessions.map(({ lane }) => lane),
    lanes(),
  )
})

test('a channel of ordinary size stays on one lane, and its routes name no other', () => {
  const stage = new Stage(3, 100)
  join(stage, 1, 20)
  const { bench } = stage
  assert.deepEqual(
    bench.node.inspect().channels.map(({ lanes }) => lanes),
    [[{ lane: 0, members: 20 }]],
  )
  assert.ok(bench.laneCommands.every(({ lane }) => lane === 0))
  assert.ok(bench.commands('setRoute').every(command => command.lanes === undefined))
})

test('on a stage of 1,500 each packet crosses once per lane, and each listener gets one copy with the speaker’s numbers', () => {
  const stage = new Stage(3, 500)
  const speaker = stage.join('1')
  const audience = join(stage, 2, 1_499, AUDIENCE)
  for (let sequence = 65_534; sequence < 65_540; sequence++) {
    const copies = stage.say(speaker, sequence & 0xffff, [sequence & 0xff, 7])
    assert.deepEqual(receivers(copies), ids(audience))
    for (const { bytes } of copies) {
      const packet = decodeRtp(bytes)!
      assert.deepEqual([packet.ssrc, packet.sequence], [speaker.ssrc, sequence & 0xffff])
      assert.deepEqual([...packet.payload], [sequence & 0xff, 7])
    }
  }
  const crossed = [0, 1, 2]
    .map(lane => stage.counters(lane))
    .map(({ crossedIn, crossedOut }) => [crossedIn, crossedOut])
  assert.deepEqual(crossed, [
    [0, 12],
    [6, 0],
    [6, 0],
  ])
})

test('a member of the audience on another lane is invited to speak, and returns to the audience', () => {
  const stage = new Stage(2, 3)
  const everyone = [stage.join('1'), ...join(stage, 2, 5, AUDIENCE)]
  const guest = stage.members.get('6')!
  assert.equal(guest.lane, 1)
  assert.deepEqual(stage.say(guest, 1), [])
  stage.restrict('6', { suppress: false })
  assert.deepEqual(receivers(stage.say(guest, 2)), ids(everyone.slice(0, 5)))
  // Listeners learn its SSRC from the first packet.
  assert.equal(stage.members.get('1')!.socket.last(5).ssrc, guest.ssrc)
  stage.restrict('6', { suppress: true })
  // The end of speech reaches all lanes as five frames of silence.
  const silence = Array.from({ length: 6 }, (_, index) => stage.say(guest, 3 + index))
  assert.deepEqual(
    silence.map(copies => copies.length),
    [5, 5, 5, 5, 5, 0],
  )
  assert.ok(silence.flat().every(({ bytes }) => [...decodeRtp(bytes)!.payload].join() === '248,255,254'))
})

test('wants and deafness of a listener on another lane take effect there', () => {
  const stage = new Stage(2, 2)
  const [speaker] = join(stage, 1, 2)
  const [third, fourth] = join(stage, 3, 2, AUDIENCE)
  third!.socket.send(15, { any: 100, [speaker!.ssrc]: 0 })
  stage.advance(1_000)
  stage.restrict('4', { deaf: true })
  assert.deepEqual(receivers(stage.say(speaker!, 1)), ['2'])
  third!.socket.send(15, { any: 100 })
  stage.restrict('4', { deaf: false })
  stage.advance(1_000)
  assert.deepEqual(receivers(stage.say(speaker!, 2)), ids([stage.members.get('2')!, third!, fourth!]))
})

test('a full ring drops packets and counts them; what waited too long is dropped when the lane continues', () => {
  const stage = new Stage(2, 2)
  const [speaker] = join(stage, 1, 4)
  for (let sequence = 0; sequence < 600; sequence++) stage.send(speaker!, sequence)
  assert.equal(stage.counters(0).drops.ringFull, 600 - 512)
  stage.take()
  stage.bench.now += 1_500
  stage.settle()
  assert.deepEqual(stage.take(), [])
  assert.equal(stage.counters(1).drops.overload, 512)
  assert.deepEqual(receivers(stage.say(speaker!, 600)), ['2', '3', '4'])
})

test('a lane serves the SSRC of a remote peer to no address: neither discovery nor media', () => {
  const stage = new Stage(2, 1)
  const [speaker, listener] = join(stage, 1, 2)
  const astray = { ...speaker!, lane: listener!.lane, peer: listener!.peer }
  const before = stage.counters(1)
  stage.packet(astray, encodeDiscoveryRequest(speaker!.ssrc))
  stage.send(astray, 1)
  stage.settle()
  assert.deepEqual(stage.take(), [])
  const after = stage.counters(1)
  assert.equal(after.discoveries, before.discoveries)
  assert.equal(after.packetsIn, before.packetsIn)
})

for (const [lane, name] of [
  [0, 'the home lane'],
  [1, 'another lane'],
] as const)
  test(`a crash of ${name} ends the sessions on it only; its members join again`, () => {
    const stage = new Stage(2, 2)
    const members = join(stage, 1, 4)
    const lost = members.filter(member => member.lane === lane)
    const [speaker, other] = members.filter(member => member.lane !== lane)
    assert.deepEqual(receivers(stage.say(speaker!, 1)).length, 3)
    const disconnects = () => other!.socket.ops(13).length
    stage.loseLane(lane)
    assert.deepEqual(
      members.map(({ socket }) => socket.closeCode),
      members.map(member => (member.lane === lane ? 4015 : undefined)),
    )
    assert.deepEqual(receivers(stage.say(speaker!, 2)), ids([other!]))
    const [returned] = lost.map(({ userId }) => stage.join(userId)).slice(0, 1)
    assert.equal(returned!.lane, lane)
    assert.deepEqual(receivers(stage.say(speaker!, 3)), ids(members.filter(member => member !== speaker)))
    assert.deepEqual(
      receivers(stage.say(returned!, 1)),
      ids(members.filter(({ userId }) => userId !== returned!.userId)),
    )
    stage.advance(LIMITS.returnTime + 1_000)
    assert.equal(disconnects(), 0, 'all have returned in time')
  })

test('members of a crashed lane that do not return are announced as departed', () => {
  const stage = new Stage(2, 2)
  const [first, , third] = join(stage, 1, 4)
  stage.loseLane(1)
  stage.join(third!.userId)
  const departed = () => first!.socket.ops(13).map(({ d }) => d.user_id)
  stage.advance(LIMITS.returnTime - 100)
  assert.deepEqual(departed(), [])
  stage.advance(200)
  assert.deepEqual(departed(), ['4'])
})

test('a lane whose last member leaves is left, and nothing of the channel remains on any lane', () => {
  const stage = new Stage(2, 2)
  const empty = stage.inspect()
  const [first, second, third] = join(stage, 1, 3)
  assert.equal(third!.lane, 1)
  assert.deepEqual(receivers(stage.say(first!, 1)), ['2', '3'])
  third!.socket.drop(1000)
  const { crossedOut } = stage.counters(0)
  assert.deepEqual(receivers(stage.say(first!, 2)), ['2'])
  assert.equal(stage.counters(0).crossedOut, crossedOut)
  assert.deepEqual(stage.inspect()[1], empty[1])
  stage.join('4')
  second!.socket.drop(1000)
  assert.deepEqual(receivers(stage.say(first!, 3)), ['4'])
  stage.backend.info(2, { channel_id: CHANNEL, guild_id: GUILD })
  stage.advance(60_000)
  assert.deepEqual(stage.inspect(), empty)
  assert.deepEqual(stage.bench.node.inspect().sessions, [])
})
