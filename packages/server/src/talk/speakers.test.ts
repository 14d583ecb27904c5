import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Speakers } from './speakers.ts'

const VOICE = Uint8Array.of(0x78, 1, 2)
const SILENCE = Uint8Array.of(0xf8, 0xff, 0xfe)

function speakers(): { watched: Speakers; notified: string[] } {
  const notified: string[] = []
  return { watched: new Speakers((userId, speaks) => notified.push(`${userId} ${speaks}`)), notified }
}

test('a user speaks from the first frame to the first frame of silence', () => {
  const { watched, notified } = speakers()
  for (const payload of [VOICE, VOICE, SILENCE, SILENCE]) watched.received('7', payload, 0)
  watched.received('7', VOICE, 1_000)
  assert.deepEqual(notified, ['7 true', '7 false', '7 true'])
})

test('a user who stops without frames of silence is silent after a pause, not before', () => {
  const { watched, notified } = speakers()
  watched.received('7', VOICE, 0)
  watched.received('7', VOICE, 300)
  watched.tick(600)
  assert.deepEqual(notified, ['7 true'])
  watched.tick(700)
  watched.tick(1_200)
  assert.deepEqual(notified, ['7 true', '7 false'])
})

test('silence of a user who has not spoken is not reported; leaving ends the speech', () => {
  const { watched, notified } = speakers()
  watched.received('7', SILENCE, 0)
  watched.received('8', VOICE, 0)
  watched.left('8')
  watched.left('8')
  assert.deepEqual(notified, ['8 true', '8 false'])
})
