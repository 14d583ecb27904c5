import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { VoiceStateRestrictions } from '@parley/protocol'
import { mayReceive, maySend, maySendVideo } from './permissions.ts'
import { VoiceState } from './voice-state.ts'

function stateWith(update: VoiceStateRestrictions): VoiceState {
  const state = new VoiceState('7', 'session', 'token')
  state.apply(update)
  return state
}

test('muted and suppressed users do not send, deafened users do not receive', () => {
  for (const [update, sends, receives] of [
    [{}, true, true],
    [{ mute: true }, false, true],
    [{ suppress: true }, false, true],
    [{ deaf: true }, true, false],
  ] as const) {
    const state = stateWith(update)
    assert.deepEqual([maySend({}, state), maySendVideo({}, state), mayReceive(state)], [sends, sends, receives])
  }
})

test('a stream carries only the media of its owner', () => {
  const state = stateWith({})
  assert.equal(maySend({ kind: 'stream', ownerId: '7' }, state), true)
  assert.equal(maySend({ kind: 'stream', ownerId: '8' }, state), false)
  assert.equal(maySend({ kind: 'stream' }, state), true)
  assert.equal(maySend({ kind: 'stage', ownerId: '8' }, state), true)
})

test('a channel without video still carries audio', () => {
  const state = stateWith({})
  assert.deepEqual([maySend({ video: false }, state), maySendVideo({ video: false }, state)], [true, false])
})
