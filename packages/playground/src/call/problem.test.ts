// The texts of problems and interruptions.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CallEnd } from '../voice/web-voice-client.ts'
import {
  AWAY,
  CRASHED,
  type EndContext,
  interruptionText,
  problemOfEnd,
  problemOfInterruption,
  problemOfMicrophone,
} from './problem.ts'

const WELL: EndContext = { node: 'ready', wasAway: false }
const closed = (code: number): CallEnd => ({ kind: 'closed', code, reason: 'because' })

test('leaving shows no problem; each other end has a title and advice', () => {
  assert.equal(problemOfEnd(closed(1000), WELL), undefined)
  for (const code of [1006, 4004, 4012, 4014, 4017, 4021, 4022, 4999]) {
    const problem = problemOfEnd(closed(code), WELL)
    assert.ok(problem && problem.title.length > 5 && problem.advice.endsWith('.'), String(code))
  }
  assert.match(problemOfEnd(closed(4999), WELL)?.advice ?? '', /code 4999: because/)
})

test('a problem with the media path names the address and a possible reason', () => {
  const advice = (address: string) => problemOfEnd({ kind: 'noRoute', address }, WELL)?.advice ?? ''
  assert.match(
    advice('127.0.0.1:50000'),
    /UDP packets to 127\.0\.0\.1:50000 .* Firefox does not send media to loopback/,
  )
  assert.match(advice('192.0.2.1:50000'), /UDP packets to 192\.0\.2\.1:50000 .* firewall/)
})

test('each error of the microphone has its own title', () => {
  const names = ['NotAllowedError', 'NotFoundError', 'NotReadableError', 'SecurityError']
  assert.equal(new Set(names.map(name => problemOfMicrophone(name).title)).size, names.length)
})

test('an end names the state of the node if that is the reason', () => {
  const title = (code: number, context: Partial<EndContext>) =>
    problemOfEnd(closed(code), { ...WELL, ...context })?.title
  assert.equal(title(4014, {}), 'You were removed from the channel')
  assert.equal(title(4014, { node: 'draining' }), 'This node is draining')
  const stopped = problemOfEnd(
    { kind: 'closed', code: 4014, reason: 'the server is shutting down' },
    { ...WELL, node: 'gone' },
  )
  assert.equal(stopped?.title, 'This node is stopping')
  assert.equal(title(4014, { node: 'gone' }), 'The node is unreachable')
  assert.equal(title(1000, { node: 'gone' }), undefined)
  assert.equal(title(4004, {}), 'The node rejected these credentials')
  assert.equal(title(4004, { wasAway: true }), 'The node has lost this call')
})

test('while the page reconnects, it shows the reason, which is neither UDP nor the browser', () => {
  const lost = (attempts: number, code = 1006, reason = '') => ({ kind: 'away', code, reason, attempts }) as const
  assert.equal(interruptionText(lost(0)), 'the connection to the node was lost')
  assert.equal(problemOfInterruption(lost(0)), undefined)
  assert.equal(interruptionText(lost(1)), 'the node does not respond')
  assert.equal(problemOfInterruption(lost(1)), AWAY)
  assert.equal(interruptionText(lost(0, 4000, 'the node does not respond')), 'the node does not respond')
  assert.equal(interruptionText(lost(0, 4015, 'server stopping')), '4015 server stopping')
  assert.equal(problemOfInterruption(lost(0, 4015)), CRASHED)
  assert.equal(interruptionText({ kind: 'silent' }), 'no packets arrive')
  assert.equal(problemOfInterruption({ kind: 'silent' }), undefined)
  assert.doesNotMatch(AWAY.advice, /UDP|Firefox|firewall/)
})
