// Work on channels in steps: a fault at one channel does not lose the others of its step.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FrontChannel } from './front-channel.ts'
import { Paced } from './paced.ts'

const channelOf = (id: number) => ({ attempt: id }) as FrontChannel

test('a channel at which an error is thrown takes its own turn only', () => {
  const run: number[] = []
  const paced = new Paced({
    interval: 100,
    batch: 2,
    isDelayed: false,
    run: ({ attempt }) => {
      run.push(attempt)
      if (attempt === 1) throw new Error('a fault')
    },
  })
  for (let id = 1; id <= 4; id++) paced.add(channelOf(id))
  assert.throws(() => paced.tick(0), /a fault/)
  assert.equal(paced.deadline, 100)
  paced.tick(100)
  paced.tick(200)
  assert.deepEqual([run, paced.deadline], [[1, 2, 3, 4], Infinity])
})

test('a channel that waits again when its turn is over has another one', () => {
  const run: number[] = []
  const paced = new Paced({
    interval: 100,
    batch: 8,
    isDelayed: true,
    run: channel => {
      run.push(channel.attempt)
      if (run.length < 3) paced.add(channel)
    },
  })
  paced.add(channelOf(1))
  for (const now of [0, 100, 200]) paced.tick(now)
  assert.deepEqual(run, [1, 1])
  paced.tick(300)
  assert.deepEqual([run, paced.deadline], [[1, 1, 1], Infinity])
})
