// Log lines to a reader that stalls, returns, or is gone: over a named pipe.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { SERVER_LIMITS } from '../limits.ts'
import { LogOutput } from './log-output.ts'

const skip = process.platform === 'win32' && 'there are no named pipes'

/** A pipe with both ends in this process: the reader is never absent, unless it is closed. */
function openPipe(t: TestContext): { reader: number; writer: number } {
  const folder = mkdtempSync(join(tmpdir(), 'parley-log-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'pipe')
  spawnSync('mkfifo', [path])
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const writer = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK)
  t.after(() => closeSync(writer))
  return { reader, writer }
}

function readAll(reader: number): string {
  const bytes = Buffer.alloc(1024 * 1024)
  try {
    return bytes.toString('utf8', 0, readSync(reader, bytes))
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'EAGAIN')
    return ''
  }
}

const line = (number: number) => `${number} ${'x'.repeat(1_000)}\n`

test('lines are written in order, in the next turn of the event loop', { skip }, async t => {
  const { reader, writer } = openPipe(t)
  t.after(() => closeSync(reader))
  const output = new LogOutput(() => {}, writer)
  for (const text of ['one\n', 'zwei: ä\n']) output.write(text)
  await turn()
  assert.equal(readAll(reader), 'one\nzwei: ä\n')
  await output.end(0)
})

test('lines for a reader that stalls are kept up to a bound, then lost and counted', { skip }, async t => {
  const { reader, writer } = openPipe(t)
  t.after(() => closeSync(reader))
  const reports: number[] = []
  const output = new LogOutput(lines => void reports.push(lines), writer)
  const count = Math.ceil((2 * SERVER_LIMITS.maxLogBuffered) / 1_000)
  const start = performance.now()
  for (let number = 0; number < count; number++) {
    output.write(line(number))
    if (number % 1_000 === 0) await turn()
  }
  assert.ok(performance.now() - start < 5_000, 'writing never waits for the reader')
  assert.ok(output.lost > count / 3 && output.lost < count, `${output.lost} lines of ${count} are lost`)
  assert.deepEqual(reports, [])
  let text = ''
  const ended = output.end(20_000)
  for (let numbers = 0; numbers < count - output.lost; numbers = text.split('\n').length - 1) {
    text += readAll(reader)
    await turn()
  }
  await ended
  const numbers = text
    .trimEnd()
    .split('\n')
    .map(each => Number.parseInt(each, 10))
  assert.deepEqual(
    numbers,
    numbers.toSorted((a, b) => a - b),
  )
})

test('the loss is reported once the reader has caught up', { skip }, async t => {
  const { reader, writer } = openPipe(t)
  t.after(() => closeSync(reader))
  const reports: number[] = []
  const output = new LogOutput(lines => void reports.push(lines), writer)
  output.write('x'.repeat(SERVER_LIMITS.maxLogBuffered))
  output.write('lost\n')
  output.write('lost\n')
  while (reports.length === 0) {
    readAll(reader)
    await turn()
  }
  assert.deepEqual(reports, [2])
  await output.end(0)
})

test('the end does not wait longer than its timeout', { skip }, async t => {
  const { reader, writer } = openPipe(t)
  t.after(() => closeSync(reader))
  const output = new LogOutput(() => {}, writer)
  output.write('x'.repeat(1024 * 1024))
  const start = performance.now()
  await output.end(100)
  const elapsed = performance.now() - start
  assert.ok(elapsed >= 100 && elapsed < 2_000, `${elapsed} ms`)
})

test('lines for a reader that is gone are lost and counted', { skip }, async t => {
  const { reader, writer } = openPipe(t)
  closeSync(reader)
  const output = new LogOutput(() => {}, writer)
  for (let number = 0; number < 5; number++) output.write(line(number))
  await turn()
  assert.equal(output.lost, 5)
  await output.end(0)
})
