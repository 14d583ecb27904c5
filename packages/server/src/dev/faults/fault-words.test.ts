import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseFaults, splitToken } from './fault-words.ts'
import { seeded } from './seeded.ts'
import { AT_ONCE } from './triggers.ts'

test('faults have a name, a number and a time', () => {
  assert.deepEqual(parseFaults('drop-ws@3s,udp-loss:12.5%@500ms,close-ws,udp-loss'), [
    { name: 'drop-ws', value: undefined, trigger: { event: undefined, occurrence: 1, delay: 3_000 } },
    { name: 'udp-loss', value: 12.5, trigger: { event: undefined, occurrence: 1, delay: 500 } },
    { name: 'close-ws', value: 4_006, trigger: AT_ONCE },
    { name: 'udp-loss', value: 10, trigger: AT_ONCE },
  ])
  assert.deepEqual(parseFaults(''), [])
})

test('a fault starts at a time, an event or a packet, and times are numbers too', () => {
  const starts = parseFaults('drop-ws@after:resume,drop-ws@after:ready+2s,drop-ws@packet:100').map(
    ({ trigger }) => trigger,
  )
  assert.deepEqual(starts, [
    { event: 'client 7', occurrence: 1, delay: 0 },
    { event: 'node 2', occurrence: 1, delay: 2_000 },
    { event: 'packet', occurrence: 100, delay: 0 },
  ])
  assert.deepEqual(
    parseFaults('udp-delay:2s,udp-delay:20ms,udp-delay:20').map(({ value }) => value),
    [2_000, 20, 20],
  )
})

test('a wrong fault is refused in one sentence', () => {
  assert.throws(() => parseFaults('drop-wss'), /"drop-wss" is unknown; known are close-ws, drop-ws/)
  assert.throws(() => parseFaults('toString'), /is unknown/)
  assert.throws(() => parseFaults('drop-ws:1'), /drop-ws has no parameter/)
  assert.throws(() => parseFaults('close-ws:99'), /expected a close code from 1000 to 4999/)
  assert.throws(() => parseFaults('close-ws:4006%'), /expected a close code/)
  assert.throws(() => parseFaults('udp-loss:5ms'), /expected a share/)
  assert.throws(() => parseFaults('drop-ws@after:lunch'), /events are/)
  assert.throws(() => parseFaults('udp-loss:101%'), /from 0 to 100%/)
  assert.throws(
    () => parseFaults('drop-ws@soon'),
    /expected 500ms, 3s, packet:100, after:EVENT .* found "soon"; events are identify/,
  )
  assert.throws(() => parseFaults(Array(33).fill('drop-ws').join()), /at most 32/)
  assert.throws(() => parseFaults('x'.repeat(513)), /at most 512 characters/)
})

test('a token is divided into its identity and its fault words', () => {
  assert.deepEqual(splitToken('any'), { identity: 'any', words: '' })
  assert.deepEqual(splitToken('any.fault:drop-ws@3s'), { identity: 'any', words: 'drop-ws@3s' })
  assert.deepEqual(splitToken('music fault:udp-loss:5%'), { identity: 'music', words: 'udp-loss:5%' })
  assert.deepEqual(splitToken('MTAw.x.y'), { identity: 'MTAw.x.y', words: '' })
})

test('the same seed and name yield the same numbers, and another seed or name others', () => {
  const numbers = (seed: number, name: string) => Array.from({ length: 5 }, seeded(seed, name))
  assert.deepEqual(numbers(1, 'up'), numbers(1, 'up'))
  assert.notDeepEqual(numbers(1, 'up'), numbers(2, 'up'))
  assert.notDeepEqual(numbers(1, 'up'), numbers(1, 'down'))
  const random = seeded(7, 'share')
  const below = Array.from({ length: 10_000 }, random).filter(number => number < 0.1).length
  assert.ok(below > 900 && below < 1_100, `${below} of 10,000`)
})
