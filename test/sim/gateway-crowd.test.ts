// Large channels: joins are announced in batches, and a user is always announced before other messages about that user.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIMITS } from '@parley/core'
import { type BenchSocket, connect, NodeBench } from '../../packages/core/src/testing/node-bench.ts'
import { Caller, codecs } from './video-caller.ts'

const RESIDENTS = LIMITS.largeChannel

/** A channel at the large-channel threshold, without pending announcements. */
function scene(version = '8') {
  const bench = new NodeBench()
  const backend = bench.backend()
  let users = 0
  const join = (asVersion = version) => connect(bench, backend.join(String(++users)), asVersion)
  const residents = Array.from({ length: RESIDENTS }, () => join())
  bench.advance(LIMITS.arrivalDelayHighest)
  for (const resident of residents) resident.clear()
  return { bench, backend, residents, join }
}

const announcedTo = (socket: BenchSocket): string[][] => socket.ops(11).map(({ d }) => d.user_ids)
const numbered = (from: number, count: number) => Array.from({ length: count }, (_, index) => String(from + index))

test('the first join is announced at once, the following joins together', () => {
  const { bench, residents, join } = scene()
  const newcomers = Array.from({ length: 10 }, () => join())
  for (const resident of residents) assert.deepEqual(announcedTo(resident), [numbered(RESIDENTS + 1, 1)])
  bench.advance(LIMITS.arrivalDelayHighest)
  for (const resident of residents)
    assert.deepEqual(announcedTo(resident), [numbered(RESIDENTS + 1, 1), numbered(RESIDENTS + 2, 9)])
  for (const [index, newcomer] of newcomers.entries()) {
    const known = announcedTo(newcomer).flat().map(Number)
    const all = numbered(1, RESIDENTS + 10).map(Number)
    assert.deepEqual(
      known.sort((a, b) => a - b),
      all.filter(user => user !== RESIDENTS + 1 + index),
      'each newcomer receives every other user exactly once',
    )
  }
})

test('a member of a filling channel is notified of every join in far fewer messages than joins', () => {
  const { bench, residents, join } = scene()
  const JOINS = 200
  for (let count = 0; count < JOINS; count++) {
    join().send(5, { speaking: 0 })
    bench.advance(5)
  }
  bench.advance(LIMITS.arrivalDelayHighest)
  const [resident] = residents as [BenchSocket]
  assert.deepEqual(announcedTo(resident).flat(), numbered(RESIDENTS + 1, JOINS))
  assert.ok(resident.received.length <= JOINS / 8, `${resident.received.length} messages`)
})

test('a join is announced before speaking, leaving or flags of the same user', () => {
  const { bench, backend, residents, join } = scene()
  const [resident] = residents as [BenchSocket]
  join()
  const acts: ((socket: BenchSocket, userId: string) => void)[] = [
    socket => socket.send(5, { speaking: 1 }),
    socket => socket.drop(1000),
    (_, userId) => backend.info(6, { user_id: userId, channel_id: '500', guild_id: '100', flags: 1 }),
    (_, userId) => backend.info(6, { user_id: userId, channel_id: '500', guild_id: '100', platform: 1 }),
    (_, userId) => backend.info(5, { user_id: userId, channel_id: '500', guild_id: '100' }),
  ]
  for (const act of acts) {
    resident.clear()
    const userId = String(bench.node.inspect().voiceStates + 1)
    act(join(), userId)
    assert.deepEqual(resident.received[0]?.d, { user_ids: [userId] })
    assert.ok(resident.received.slice(1).every(({ d }) => d.user_id === userId))
    assert.ok(resident.received.length >= 2)
  }
})

test('a user who has never spoken is announced without an SSRC, which is sent before the first audio', () => {
  const { bench, residents, join } = scene()
  const [resident, speaker] = residents as [BenchSocket, BenchSocket]
  speaker.send(5, { speaking: 2 }).send(5, { speaking: 0 })
  const newcomer = join()
  resident.clear()
  assert.deepEqual(
    newcomer.ops(5).map(({ d }) => [d.user_id, d.speaking]),
    [['2', 2]],
  )
  newcomer.send(5, { speaking: 0 })
  bench.advance(LIMITS.arrivalDelayHighest)
  assert.deepEqual(resident.ops(5), [])
  const { ssrc } = newcomer.last(2)
  for (const speaking of [1, 0]) {
    newcomer.send(5, { speaking })
    assert.deepEqual(resident.last(5), { user_id: String(RESIDENTS + 1), ssrc, speaking })
  }
})

test('a user who speaks before the pending announcement is announced with an SSRC', () => {
  const { bench, residents, join } = scene()
  const [resident] = residents as [BenchSocket]
  join()
  resident.clear()
  const newcomers = [join(), join()]
  newcomers[1]!.send(5, { speaking: 1 })
  assert.deepEqual(resident.opcodes(), [11, 5])
  assert.deepEqual(resident.last(5), { user_id: String(RESIDENTS + 3), ssrc: newcomers[1]!.last(2).ssrc, speaking: 1 })
  bench.advance(LIMITS.arrivalDelayHighest)
  assert.deepEqual(resident.opcodes(), [11, 5])
})

test('a member that changes its speaking as fast as it may costs a bounded number of messages, and others wait for one of its turns', () => {
  const { bench, residents } = scene()
  const [hostile, member, listener] = residents as [BenchSocket, BenchSocket, BenchSocket]
  const CHANGES = 500
  for (let count = 1; count <= CHANGES; count++) hostile.send(5, { speaking: count % 2 })
  const inSlice = Math.ceil(LIMITS.announcementsPerSlice / RESIDENTS)
  assert.ok(listener.ops(5).length <= inSlice, `${listener.ops(5).length} messages at once`)
  member.send(5, { speaking: 1 })
  bench.advance(LIMITS.announcementInterval)
  const speakers = () => listener.ops(5).map(({ d }) => d.user_id)
  assert.ok(speakers().includes('2'), 'the other member is announced in the next slice')
  hostile.send(5, { speaking: 1 })
  bench.advance(2 * LIMITS.announcementInterval)
  const last = listener.ops(5).findLast(({ d }) => d.user_id === '1')
  assert.equal(last.d.speaking, 1, 'the last state is announced')
  assert.ok(speakers().length <= inSlice + 10, `${speakers().length} messages`)
})

test('a member that changes its video as fast as it may costs a bounded number of messages, and its latest video is announced', () => {
  const bench = new NodeBench()
  const backend = bench.backend()
  const join = (userId: string) => new Caller(bench, backend, userId, codecs('H264'))
  const [hostile, listener] = numbered(1, RESIDENTS).map(join) as [Caller, Caller]
  bench.advance(LIMITS.arrivalDelayHighest)
  listener.socket.clear()
  for (let count = 1; count <= 120; count++) hostile.show(count % 100)
  const inSlice = Math.ceil(LIMITS.announcementsPerSlice / RESIDENTS)
  const announced = () => listener.socket.ops(12).map(({ d }) => d.streams[0].quality)
  assert.equal(announced().length, inSlice, 'they share the budget of a slice')
  bench.advance(2 * LIMITS.announcementInterval)
  assert.equal(announced().at(-1), 20)
  assert.ok(announced().length <= inSlice + 1)
})

test('a member that leaves while its change waits is not announced after its departure', () => {
  const { bench, backend, residents } = scene()
  const [hostile, member, listener] = residents as [BenchSocket, BenchSocket, BenchSocket]
  for (let count = 1; count <= 500; count++) hostile.send(5, { speaking: count % 2 })
  member.send(5, { speaking: 1 })
  backend.info(5, { user_id: '2', guild_id: '100' })
  bench.advance(2 * LIMITS.announcementInterval)
  assert.deepEqual(
    listener.received.filter(({ d }) => d.user_id === '2').map(({ op }) => op),
    [13],
  )
})

test('clients below version 8 also receive op 12 for each batched join', () => {
  const { bench, residents, join } = scene('7')
  const [resident] = residents as [BenchSocket]
  join()
  resident.clear()
  for (let count = 0; count < 3; count++) join()
  bench.advance(LIMITS.arrivalDelayHighest)
  assert.deepEqual(resident.opcodes(), [11, 12, 12, 12])
})

test('a channel that ends with pending announcements leaves no deadline behind', () => {
  const { bench, backend, join } = scene()
  for (let count = 0; count < 3; count++) join()
  const before = bench.node.inspect().deadlines
  backend.info(2, { channel_id: '500', guild_id: '100' })
  assert.ok(bench.node.inspect().deadlines < before)
  bench.advance(LIMITS.arrivalDelayHighest)
  assert.equal(bench.node.inspect().sessions.length, 0)
})
