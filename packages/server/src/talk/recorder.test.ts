import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { readOggOpus } from '@parley/client'
import { Recorder } from './recorder.ts'

const frame = (ssrc: number, number: number) => ({
  ssrc,
  timestamp: number * 960,
  payload: Uint8Array.of(0x78, number),
})

function scratch(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'parley-test-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}

const numbers = (path: string) => readOggOpus(readFileSync(path)).packets.map(packet => packet[1])

test('each user is recorded to a separate file', t => {
  const folder = join(scratch(t), 'created', 'on', 'demand')
  const recorder = new Recorder(folder)
  for (let number = 0; number < 100; number++) {
    recorder.received(frame(1, number), '7', number * 20)
    recorder.received(frame(2, number + 100), '8', number * 20)
  }
  const files = recorder.end()
  assert.deepEqual(readdirSync(folder).sort(), ['7.opus', '8.opus'])
  assert.deepEqual(
    files.map(({ path, userId, seconds, skipped }) => ({ path, userId, seconds, skipped })),
    ['7', '8'].map(userId => ({ path: join(folder, `${userId}.opus`), userId, seconds: 2, skipped: 0 })),
  )
  assert.deepEqual(
    numbers(join(folder, '7.opus')),
    Array.from({ length: 100 }, (_, number) => number),
  )
  assert.ok(readOggOpus(readFileSync(join(folder, '7.opus'))).comments.includes('TITLE=User 7'))
})

test('frames that arrive before their user is known are recorded', t => {
  const folder = scratch(t)
  const recorder = new Recorder(folder)
  recorder.received(frame(1, 0), undefined, 0)
  recorder.received(frame(1, 1), undefined, 20)
  recorder.received(frame(1, 2), '7', 40)
  recorder.received(frame(2, 9), undefined, 40)
  recorder.named(2, '8')
  recorder.end()
  assert.deepEqual(numbers(join(folder, '7.opus')), [0, 1, 2])
  assert.deepEqual(numbers(join(folder, '8.opus')), [9])
})

test('a bounded number of frames is kept of sources whose user stays unknown', t => {
  const recorder = new Recorder(scratch(t))
  for (let number = 0; number < 200; number++) recorder.received(frame(1, number), undefined, 0)
  assert.equal(recorder.dropped, 100)
  for (let ssrc = 2; ssrc < 102; ssrc++) recorder.received(frame(ssrc, 0), undefined, 0)
  assert.equal(recorder.dropped, 100 + 37)
  assert.deepEqual(recorder.end(), [])
})

test('an older recording is never overwritten', t => {
  const folder = scratch(t)
  writeFileSync(join(folder, '7.opus'), 'older')
  for (const number of [1, 2]) {
    const recorder = new Recorder(folder)
    recorder.received(frame(1, number), '7', 0)
    recorder.end()
  }
  assert.equal(readFileSync(join(folder, '7.opus'), 'utf8'), 'older')
  assert.deepEqual(numbers(join(folder, '7-2.opus')), [1])
  assert.deepEqual(numbers(join(folder, '7-3.opus')), [2])
})

test('a folder that cannot be created throws the system’s error', t => {
  const folder = scratch(t)
  writeFileSync(join(folder, 'file'), '')
  assert.throws(() => new Recorder(join(folder, 'file', 'below')), { code: 'ENOTDIR' })
})
