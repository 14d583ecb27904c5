// When the channels that no node accepts are requested again, on the timers of the test.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIMITS } from '../limits.ts'
import { Stranded } from './stranded.ts'

/** Lets promises that are settled be handled. */
const settle = () => new Promise(resolve => setImmediate(resolve))

function scene(count: number) {
  const placed: number[] = []
  const accepted = new Set<number>()
  const stranded = new Stranded<number>(async channel => {
    placed.push(channel)
    if (!accepted.has(channel)) {
      stranded.add(channel)
      throw new Error('no node')
    }
    stranded.delete(channel)
  })
  for (let channel = 0; channel < count; channel++) stranded.add(channel)
  return { stranded, accepted, take: () => placed.splice(0) }
}

test('a pass stops where a channel is refused, and the next one begins with the others', async context => {
  context.mock.timers.enable({ apis: ['setTimeout'] })
  const { stranded, accepted, take } = scene(8)
  for (const channel of [1, 2, 3]) accepted.add(channel)
  stranded.retry()
  await settle()
  assert.deepEqual(take(), [0])
  for (let times = 0; times < 5; times++) stranded.retry()
  await settle()
  assert.deepEqual(take(), [], 'not before the pause is over')
  context.mock.timers.tick(LIMITS.strandedPause)
  await settle()
  assert.deepEqual(take(), [1, 2, 3, 4, 5, 6, 7], 'one, then two, then four')
  context.mock.timers.tick(LIMITS.strandedPause)
  await settle()
  assert.deepEqual(take(), [], 'no node has reported since')
  stranded.retry()
  await settle()
  assert.deepEqual(take(), [0])
})

test('channels are requested in batches while they are accepted', async context => {
  context.mock.timers.enable({ apis: ['setTimeout'] })
  const { stranded, accepted, take } = scene(2_000)
  for (let channel = 0; channel < 2_000; channel++) accepted.add(channel)
  stranded.retry()
  for (let times = 0; times < 20; times++) await settle()
  assert.equal(take().length, 2_000)
})

test('a channel that is stranded again is new only after it was placed', () => {
  const { stranded } = scene(1)
  assert.equal(stranded.add(0), false)
  stranded.delete(0)
  assert.equal(stranded.add(0), true)
})

test('after the end no channel is requested', async context => {
  context.mock.timers.enable({ apis: ['setTimeout'] })
  const { stranded, take } = scene(1)
  stranded.retry()
  await settle()
  take()
  stranded.retry()
  stranded.close()
  await settle()
  context.mock.timers.tick(LIMITS.strandedPause)
  await settle()
  assert.deepEqual(take(), [])
})
