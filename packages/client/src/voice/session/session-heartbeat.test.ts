// Heartbeats of the voice client session.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VoiceOp } from '@parley/protocol'
import { INTERVAL, SessionScript } from '../../testing/session-script.ts'

test('heartbeats carry seq_ack from version 8, and a bare nonce before', () => {
  for (const [version, expected] of [
    [9, { t: 1, seq_ack: 3 }],
    [8, { t: 1, seq_ack: 3 }],
    [7, 1],
    [4, 1],
  ] as const) {
    const script = new SessionScript({ version }).live()
    script.receive(VoiceOp.ClientsConnect, { user_ids: ['8'] }, 3).take()
    assert.deepEqual(script.advance(INTERVAL).sent(), [{ op: VoiceOp.Heartbeat, d: expected }], `v${version}`)
  }
})

test('a Hello of a lower version decides the framing', () => {
  const script = new SessionScript({ version: 9 })
  script.open().receive(VoiceOp.Hello, { v: 4, heartbeat_interval: INTERVAL }).take()
  assert.deepEqual(script.advance(INTERVAL).sent(), [{ op: VoiceOp.Heartbeat, d: 1 }])
})

test('an acknowledgement in the form of any version gives the round trip', () => {
  for (const answer of [{ t: 1 }, 1]) {
    const script = new SessionScript().live().advance(INTERVAL)
    script.now += 42
    script.receive(VoiceOp.HeartbeatAck, answer)
    assert.equal(script.session.roundTrip, 42)
  }
})

test('an unacknowledged heartbeat fails the connection when the next one is due, and the session resumes', () => {
  const script = new SessionScript().live().advance(INTERVAL)
  script.take()
  assert.deepEqual(script.advance(INTERVAL).take(), [
    { kind: 'close', code: 4000, reason: 'the node missed a heartbeat' },
    { kind: 'disconnected', code: 4000, reason: 'the node missed a heartbeat', next: 'resume', wait: 250, attempt: 1 },
  ])
})

test('acknowledged heartbeats continue', () => {
  const script = new SessionScript().live()
  for (let beat = 1; beat <= 50; beat++) script.advance(INTERVAL).receive(VoiceOp.HeartbeatAck, { t: beat })
  assert.equal(script.session.state, 'live')
})

test('a heartbeat that the node requests is sent at once', () => {
  const script = new SessionScript().live()
  script.take()
  assert.deepEqual(script.receive(VoiceOp.Heartbeat, null).sent(), [{ op: VoiceOp.Heartbeat, d: { t: 1, seq_ack: 1 } }])
})
