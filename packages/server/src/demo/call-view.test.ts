import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cut, sentence, summary, viewLines } from './call-view.ts'
import type { CallSnapshot } from './demo-call.ts'

const CALL: CallSnapshot = {
  members: [
    { name: 'ana', isSpeaking: true, text: 'Hi Ben!' },
    { name: 'ben', isSpeaking: false },
  ],
  packets: { sent: 204, received: 200, lost: 1, jitter: 0.44 },
  latency: { median: 0.61, worst: 12.4, packets: 200 },
  joined: 41.7,
  mode: 'aead_aes256_gcm_rtpsize',
  privacyCode: '1234567890',
}
const EMPTY: CallSnapshot = { members: [], packets: { sent: 0, received: 0, lost: 0, jitter: 0 } }
const WIDE = { columns: 200, hasColours: false, elapsed: 3_723_000 }

test('the view shows members, lines and measurements', () => {
  assert.deepEqual(viewLines(CALL, WIDE), [
    'In the channel (2)',
    '  ● ana  "Hi Ben!"',
    '  ○ ben',
    '',
    'Packets   204 sent, 200 received, 1 lost (0.50 %), jitter 0.4 ms',
    'Latency   median 0.6 ms, worst 12 ms, from send to receive',
    'Join      42 ms from VOICE_STATE_CREATE to first audio',
    'Media     UDP, aead_aes256_gcm_rtpsize',
    'DAVE      encrypted end to end, code 12345 67890',
    'Running   1:02:03',
  ])
})

test('nothing is claimed before the first packet', () => {
  const lines = viewLines(EMPTY, { ...WIDE, elapsed: 0 })
  assert.ok(lines.includes('Latency   not yet measured'))
  assert.ok(lines.includes('Join      not yet measured'))
  assert.ok(lines.includes('Running   0:00'))
})

test('no line is wider than the terminal, and colours do not count', () => {
  for (const columns of [1, 2, 10, 40, 80]) {
    const plain = viewLines(CALL, { columns, hasColours: false, elapsed: 0 })
    const coloured = viewLines(CALL, { columns, hasColours: true, elapsed: 0 })
    for (const line of plain) assert.ok(Array.from(line).length <= Math.max(1, columns - 1), `${columns}: ${line}`)
    assert.deepEqual(
      // biome-ignore lint/suspicious/noControlCharactersInRegex: the test searches for them.
      coloured.map(line => line.replace(/\x1b\[\d+m/g, '')),
      plain,
    )
  }
})

test('without colours there is no escape sequence', () => {
  assert.ok(!viewLines(CALL, WIDE).join('').includes('\x1b'))
  assert.ok(
    viewLines(CALL, { ...WIDE, hasColours: true })
      .join('')
      .includes('\x1b[32m'),
  )
})

test('a line that is cut ends with an ellipsis', () => {
  assert.equal(cut('abcdef', 7), 'abcdef')
  assert.equal(cut('abcdef', 6), 'abcd…')
})

test('a summary is one line', () => {
  assert.equal(
    summary(CALL, 5_000),
    '0:05  2 in the channel  200 packets received  1 lost  jitter 0.4 ms  latency 0.6 ms  join 42 ms  udp aead_aes256_gcm_rtpsize  end to end',
  )
  assert.ok(!summary(EMPTY, 0).includes('\n'))
})

test('an event is a sentence', () => {
  assert.equal(sentence({ kind: 'line', name: 'ana', text: 'Hi Ben!' }), 'ana: Hi Ben!')
  assert.equal(sentence({ kind: 'left', name: 'ben', code: 4014 }), 'ben left (4014)')
})
