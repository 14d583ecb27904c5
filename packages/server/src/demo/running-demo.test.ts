import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Credentials } from '../talk/credentials.ts'
import { askDemo, DemoControl } from './demo-control.ts'
import { announceDemo, findRunningDemo } from './running-demo.ts'

const DEMO = { pid: process.pid, url: 'http://127.0.0.1:40001/', secret: 'only-for-tests' }
/** Above any process id that a system assigns. */
const NO_PROCESS = 2 ** 31 - 2
const isPosix = process.getuid !== undefined

/** A folder for temporary files, for one test. */
function scratch(t: TestContext): { folder: string; file: () => string } {
  const folder = mkdtempSync(join(tmpdir(), 'parley-test-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return { folder, file: () => join(folder, readdirSync(folder)[0] ?? 'none') }
}

test('a demo is found until it removes its announcement', t => {
  const { folder } = scratch(t)
  assert.equal(findRunningDemo(folder), undefined)
  const takeBack = announceDemo(DEMO, folder)
  assert.deepEqual(findRunningDemo(folder), DEMO)
  takeBack()
  assert.equal(findRunningDemo(folder), undefined)
  assert.deepEqual(readdirSync(folder), [])
})

test('other users cannot read the announcement', { skip: !isPosix && 'files have no owner here' }, t => {
  const { folder, file } = scratch(t)
  announceDemo(DEMO, folder)
  assert.equal(statSync(file()).mode & 0o777, 0o600)
})

test('the first of two demos stays the announced one', t => {
  const { folder } = scratch(t)
  announceDemo(DEMO, folder)
  const takeBack = announceDemo({ ...DEMO, secret: 'of-another' }, folder)
  assert.deepEqual(findRunningDemo(folder), DEMO)
  takeBack()
  assert.deepEqual(findRunningDemo(folder), DEMO)
})

test('the announcement of a demo that crashed is ignored and replaced', t => {
  const { folder } = scratch(t)
  announceDemo({ ...DEMO, pid: NO_PROCESS }, folder)
  assert.equal(findRunningDemo(folder), undefined)
  announceDemo(DEMO, folder)
  assert.deepEqual(findRunningDemo(folder), DEMO)
})

test('a file that others can read or write is not trusted', { skip: !isPosix && 'files have no owner here' }, t => {
  const { folder, file } = scratch(t)
  announceDemo(DEMO, folder)
  for (const mode of [0o604, 0o620, 0o602]) {
    chmodSync(file(), mode)
    assert.equal(findRunningDemo(folder), undefined)
  }
})

test('a symbolic link is not followed', { skip: !isPosix && 'files have no owner here' }, t => {
  const { folder, file } = scratch(t)
  announceDemo(DEMO, folder)
  const path = file()
  renameSync(path, join(folder, 'elsewhere'))
  symlinkSync(join(folder, 'elsewhere'), path)
  assert.equal(findRunningDemo(folder), undefined)
})

test('a file with other content is ignored', t => {
  const { folder, file } = scratch(t)
  announceDemo(DEMO, folder)
  const path = file()
  const texts = [
    '',
    '{',
    '[]',
    '{"pid":1}',
    JSON.stringify({ ...DEMO, pid: '1' }),
    JSON.stringify({ ...DEMO, url: 'http://example.org/' }),
    JSON.stringify({ ...DEMO, url: 'http://127.0.0.1:40001@example.org/' }),
    JSON.stringify({ ...DEMO, more: ' '.repeat(5_000) }),
  ]
  for (const text of texts) {
    writeFileSync(path, text)
    assert.equal(findRunningDemo(folder), undefined, text.slice(0, 80))
  }
})

const CREDENTIALS: Credentials = {
  endpoint: '127.0.0.1:8443',
  server_id: '1',
  channel_id: '2',
  user_id: '3',
  session_id: 'session',
  token: 'token',
  ca: '/tmp/certificate.pem',
}

test('credentials are issued only to requests with the secret', async () => {
  let invited = 0
  const control = await DemoControl.open(async () => {
    invited++
    return CREDENTIALS
  })
  try {
    assert.deepEqual(await askDemo(control.address), CREDENTIALS)
    assert.equal(await askDemo({ ...control.address, secret: 'a-guess' }), undefined)
    const { url, secret } = control.address
    const authorization = `Bearer ${secret}`
    assert.equal((await fetch(new URL('/users', url), { method: 'POST' })).status, 401)
    assert.equal((await fetch(new URL('/users', url), { headers: { authorization } })).status, 404)
    assert.equal((await fetch(url, { method: 'POST', headers: { authorization } })).status, 404)
    assert.equal(invited, 1)
  } finally {
    await control.close()
  }
})

test('a demo that has ended, or cannot add users, issues no credentials', async () => {
  const control = await DemoControl.open(() => Promise.reject(new Error('no')))
  const { address } = control
  assert.equal(await askDemo(address), undefined)
  await control.close()
  assert.equal(await askDemo(address), undefined)
})
