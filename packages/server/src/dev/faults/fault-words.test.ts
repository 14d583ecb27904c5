import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseFaults, splitToken } from './fault-words.ts'
import { seeded } from './seeded.ts'

test('faults have a name, a number and a time', () => {
  assert.deepEqual(parseFaults('drop-ws@3s,udp-loss:12.5%@500ms,close-ws,udp-loss'), [
    { name: 'drop-ws', value: undefined, delay: 3_000 },
    { name: 'udp-loss', value: 12.5, delay: 500 },
    { name: 'close-ws', value: 4_006, delay: 0 },
    { name: 'udp-loss', value: 10, delay: 0 },
  ])
  assert.deepEqual(parseFaults(''), [])
})

test('a wrong fault is refused in one sentence', () => {
  assert.throws(() => parseFaults('drop-wss'), /"drop-wss" is unknown; known are close-ws, drop-ws/)
  assert.throws(() => parseFaults('toString'), /is unknown/)
  assert.throws(() => parseFaults('drop-ws:1'), /drop-ws has no parameter/)
  assert.throws(() => parseFaults('close-ws:99'), /expected a close code from 1000 to 4999/)
  assert.throws(() => parseFaults('close-ws:4006%'), /expected a close code/)
  assert.throws(() => parseFaults('udp-loss:101%'), /from 0 to 100%/)
  assert.throws(() => parseFaults('drop-ws@soon'), /expected a time such as 500ms or 3s after "@", found "soon"/)
  assert.throws(() => parseFaults(Array(33).fill('drop-ws').join()), /at most 32/)
  assert.throws(() => parseFaults('x'.repeat(513)), /at most 512 characters/)
})

test('a token is divided into its identity and its fault words', () => {
  assert.deepEqual(splitToken('any'), { identity: 'any', words: '' })
  assert.deepEqual(splitToken('any.fault:drop-ws@3s'), { identity: 'any', words: 'drop-ws@3s' })
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
