// The state of a call while the gateway connection, the media path, or both are lost.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Link } from './link.ts'

test('a call is connected when its media is', () => {
  const link = new Link()
  assert.equal(link.state.kind, 'connecting')
  link.mediaChanged('connected')
  assert.equal(link.state.kind, 'connected')
})

test('media that fails after the gateway connection was lost does not blame the media path', () => {
  const link = new Link()
  link.mediaChanged('connected')
  link.gatewayLost(1006, '')
  for (const state of ['silent', 'failed'] as const) {
    assert.equal(link.mediaChanged(state), false)
    assert.deepEqual(link.state, { kind: 'away', code: 1006, reason: '', attempts: 0 })
  }
  link.gatewayLost(1006, '')
  assert.deepEqual(link.state, { kind: 'away', code: 1006, reason: '', attempts: 1 })
})

test('media that never connects while the gateway connection is open is blocked', () => {
  const link = new Link()
  link.mediaChanged('silent')
  assert.equal(link.state.kind, 'silent')
  assert.equal(link.mediaChanged('failed'), false)
  assert.equal(link.state.kind, 'blocked')
})

test('media that was connected and fails is negotiated again, and is blocked if it does not connect then', () => {
  const link = new Link()
  link.mediaChanged('connected')
  assert.equal(link.mediaChanged('silent'), false)
  assert.equal(link.mediaChanged('failed'), true)
  link.mediaOpened()
  assert.equal(link.state.kind, 'connecting')
  assert.equal(link.mediaChanged('failed'), false)
  assert.equal(link.state.kind, 'blocked')
})

test('a resumed session negotiates media again if it failed during the outage', () => {
  const link = new Link()
  link.mediaChanged('connected')
  link.gatewayLost(1006, '')
  assert.equal(link.gatewayResumed(), false)
  assert.equal(link.state.kind, 'connected')
  link.gatewayLost(1006, '')
  link.mediaChanged('failed')
  assert.equal(link.gatewayResumed(), true)
})

test('a new session starts with new media and without failed attempts', () => {
  const link = new Link()
  link.gatewayLost(1006, '')
  link.gatewayLost(1006, '')
  link.mediaChanged('failed')
  link.mediaOpened()
  assert.equal(link.state.kind, 'connecting')
  link.gatewayLost(4006, 'session invalid')
  assert.deepEqual(link.state, { kind: 'away', code: 4006, reason: 'session invalid', attempts: 0 })
})
