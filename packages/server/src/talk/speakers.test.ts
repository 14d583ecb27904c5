import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Speakers } from './speakers.ts'

const VOICE = Uint8Array.of(0x78, 1, 2)
const SILENCE = Uint8Array.of(0xf8, 0xff, 0xfe)

function speakers(): { watched: Speakers; told: string[] } {
  const told: string[] = []
  return { watched: new Speakers((userId, speaks) => told.push(`${userId} ${speaks}`)), told }
}

test('a user speaks from the first frame to the first of silence', () => {
  const { watched, told } = speakers()
  for (const payload of [VOICE, VOICE, SILENCE, SILENCE]) watched.heard('7', payload, 0)
  watched.heard('7', VOICE, 1_000)
  assert.deepEqual(told, ['7 true', '7 false', '7 true'])
})

test('a user who stops without silence is silent after a pause, and not before', () => {
  const { watched, told } = speakers()
  watched.heard('7', VOICE, 0)
  watched.heard('7', VOICE, 300)
  watched.tick(600)
  assert.deepEqual(told, ['7 true'])
  watched.tick(700)
  watched.tick(1_200)
  assert.deepEqual(told, ['7 true', '7 false'])
})

test('silence of somebody who has not spoken is not told; who leaves does not go on', () => {
  const { watched, told } = speakers()
  watched.heard('7', SILENCE, 0)
  watched.heard('8', VOICE, 0)
  watched.left('8')
  watched.left('8')
  assert.deepEqual(told, ['8 true', '8 false'])
})
