// Large channels: those who come together are told of together, and nobody ever hears something of a stranger.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIMITS } from '@parley/core'
import { type BenchSocket, connect, NodeBench } from '../../packages/core/src/testing/node-bench.ts'

const RESIDENTS = LIMITS.largeChannel

/** A channel that is just large enough, in which everything has been told. */
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

const toldOf = (socket: BenchSocket): string[][] => socket.ops(11).map(({ d }) => d.user_ids)
const numbered = (from: number, count: number) => Array.from({ length: count }, (_, index) => String(from + index))

test('the first who comes is told of at once, those who follow soon after it together', () => {
  const { bench, residents, join } = scene()
  const newcomers = Array.from({ length: 10 }, () => join())
  for (const resident of residents) assert.deepEqual(toldOf(resident), [numbered(RESIDENTS + 1, 1)])
  bench.advance(LIMITS.arrivalDelayHighest)
  for (const resident of residents)
    assert.deepEqual(toldOf(resident), [numbered(RESIDENTS + 1, 1), numbered(RESIDENTS + 2, 9)])
  for (const [index, newcomer] of newcomers.entries()) {
    const known = toldOf(newcomer).flat().map(Number)
    const all = numbered(1, RESIDENTS + 10).map(Number)
    assert.deepEqual(
      known.sort((a, b) => a - b),
      all.filter(user => user !== RESIDENTS + 1 + index),
      'each knows each, and of each once',
    )
  }
})

test('whoever sees a large channel fill hears of everybody, in far fewer messages than there are joins', () => {
  const { bench, residents, join } = scene()
  const JOINS = 200
  for (let count = 0; count < JOINS; count++) {
    join().send(5, { speaking: 0 })
    bench.advance(5)
  }
  bench.advance(LIMITS.arrivalDelayHighest)
  const [resident] = residents as [BenchSocket]
  assert.deepEqual(toldOf(resident).flat(), numbered(RESIDENTS + 1, JOINS))
  assert.ok(resident.received.length <= JOINS / 8, `${resident.received.length} messages`)
})

test('who speaks, leaves or is given a badge has come before he does', () => {
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

test('who has never spoken is told of without his SSRC, which comes before anything is to be heard', () => {
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

test('who speaks before he has been told of is told of with his SSRC', () => {
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

test('old clients hear of those who come together by op 12 too', () => {
  const { bench, residents, join } = scene('7')
  const [resident] = residents as [BenchSocket]
  join()
  resident.clear()
  for (let count = 0; count < 3; count++) join()
  bench.advance(LIMITS.arrivalDelayHighest)
  assert.deepEqual(resident.opcodes(), [11, 12, 12, 12])
})

test('a channel that ends while some have not been told of leaves nothing behind', () => {
  const { bench, backend, join } = scene()
  for (let count = 0; count < 3; count++) join()
  const before = bench.node.inspect().deadlines
  backend.info(2, { channel_id: '500', guild_id: '100' })
  assert.ok(bench.node.inspect().deadlines < before)
  bench.advance(LIMITS.arrivalDelayHighest)
  assert.equal(bench.node.inspect().sessions.length, 0)
})
