// How a backend selects voice states: by session id, by user and channel, or by all of them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NodeBench } from '../../packages/core/src/testing/node-bench.ts'

const DESTROY = 5

function scene() {
  const bench = new NodeBench()
  const backend = bench.backend()
  /** Voice states as `user@channel`. */
  const states = () =>
    bench.node
      .inspect()
      .channels.flatMap(({ channelId, voiceStates }) => voiceStates.map(({ userId }) => `${userId}@${channelId}`))
  return { bench, backend, states }
}

test('a bot with one session id in two guilds leaves only the channel that the message names', () => {
  const { backend, states } = scene()
  backend.join('7', '500', '100', { session_id: 'bot' })
  backend.join('7', '600', '200', { session_id: 'bot' })
  backend.info(DESTROY, { user_id: '7', channel_id: '500', guild_id: '100', session_id: 'bot' })
  assert.deepEqual(states(), ['7@600'])
})

test('a session id alone selects every voice state with it', () => {
  const { backend, states } = scene()
  backend.join('7', '500', '100', { session_id: 'bot' })
  backend.join('7', '600', '200', { session_id: 'bot' })
  backend.join('8', '600', '200', { session_id: 'other' })
  backend.info(DESTROY, { session_id: 'bot' })
  assert.deepEqual(states(), ['8@600'])
})

test('a session id replaced by a repeated create no longer selects a voice state', () => {
  const { backend, states } = scene()
  backend.join('7', '500', '100', { session_id: 'old' })
  backend.join('7', '500', '100', { session_id: 'new' })
  backend.info(DESTROY, { session_id: 'old' })
  assert.deepEqual(states(), ['7@500'])
  backend.info(DESTROY, { session_id: 'new' })
  assert.deepEqual(states(), [])
})

test('a session id of another backend selects no voice state', () => {
  const bench = new NodeBench({
    backends: [
      { id: 'one', secrets: ['first'] },
      { id: 'two', secrets: ['second'] },
    ],
  })
  const [one, two] = [bench.backend('first'), bench.backend('second')]
  one.join('7', '500', '100', { session_id: 'same' })
  two.info(DESTROY, { session_id: 'same' })
  assert.equal(bench.node.inspect().voiceStates, 1)
})

test('removed voice states leave nothing behind, however they were removed', () => {
  const { bench, backend } = scene()
  for (const user of ['1', '2', '3', '4']) backend.join(user, '500', '100')
  backend.join('5', '600', '200')
  backend.info(3, { user_id: '4', channel_id: '501', guild_id: '100' })
  backend.info(DESTROY, { user_id: '1', guild_id: '100' })
  assert.equal(bench.node.inspect().voiceStates, 4)
  backend.info(2, { channel_id: '500', guild_id: '100' })
  assert.equal(bench.node.inspect().voiceStates, 2)
  backend.info(21, { channels: [{ channel_id: '501', guild_id: '100', users: [] }] })
  assert.equal(bench.node.inspect().voiceStates, 0)
})
