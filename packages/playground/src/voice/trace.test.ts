// Content and bounds of a trace.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Trace } from './trace.ts'

test('a trace contains no token, session id, key or ICE password', () => {
  const trace = new Trace()
  trace.message('sent', JSON.stringify({ op: 0, d: { token: 'hush-1', session_id: 'hush-2', user_id: '7' } }), 5)
  const sdp = 'a=ice-ufrag:open\na=ice-pwd:hush-3\na=fingerprint:sha-256 AA'
  trace.message('sent', JSON.stringify({ op: 1, d: { data: sdp, sdp: sdp.replaceAll('\n', '\r\n') } }), 6)
  trace.message('received', JSON.stringify({ op: 4, d: { secret_key: [104, 117, 115, 104] } }), 7)
  trace.message('received', 'hush-4, which is not JSON', 8)
  assert.doesNotMatch(trace.toString(), /hush|104/)
  assert.match(
    trace.toString(),
    /^0\.000 > \{"op":0,"d":\{"token":"\(hidden\)","session_id":"\(hidden\)","user_id":"7"\}\}\n/,
  )
  assert.match(trace.toString(), /a=ice-ufrag:open/)
  assert.deepEqual(
    trace.entries.map(({ op }) => op),
    [0, 1, 4, undefined],
  )
})

test('a trace keeps the newest five hundred entries, each of bounded length', () => {
  const trace = new Trace()
  for (let index = 0; index < 600; index++) trace.note(`note ${index}`, index)
  assert.equal(trace.entries.length, 500)
  assert.equal(trace.entries[0]?.text, 'note 100')
  trace.message('received', JSON.stringify({ op: 11, d: 'x'.repeat(100_000) }), 601)
  assert.ok((trace.entries.at(-1)?.text.length ?? 0) < 9_000)
})

test('a trace shows a binary message as length and opcode', () => {
  const trace = new Trace()
  trace.message('received', Uint8Array.of(0, 1, 25, 9), 0)
  assert.deepEqual(trace.entries, [{ at: 0, direction: 'received', op: 25, text: '4 bytes, opcode 25' }])
})
