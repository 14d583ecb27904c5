// Secrets in settings and their files: what is accepted, what is a warning, and what is not shown.
import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { configOf } from './config.ts'
import type { ConfigInput } from './schema.ts'

function folderWith(t: TestContext, files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'parley-config-'))
  t.after(() => rmSync(folder, { recursive: true }))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return folder
}

function refusal(input: ConfigInput): string {
  try {
    configOf(input)
  } catch (error) {
    return (error as Error).message
  }
  throw new Error('was not refused')
}

test('credentials of URLs are not shown, in lists and without a scheme either', () => {
  const url = ['nats', '://u:p4ss@10.0.0.1'].join('')
  for (const nats of [
    [url, url.replace('p4ss', 'p4/ss@')],
    [url.replace('nats://', '')],
    [url.replace('p4ss', 'p4ss"p4ss')],
  ]) {
    const sentence = refusal({ backend: [{ secret: 'x' }], cluster: { nats } })
    assert.match(sentence, /^cluster\.nats: expected .* found \[/)
    assert.match(sentence, /\(hidden\)@10/)
    assert.doesNotMatch(sentence, /p4|ss/)
  }
})

test('a backend may list the same secret twice', t => {
  const folder = folderWith(t, { 'lvsp.secret': `${'x'.repeat(32)}\n${'x'.repeat(32)}\n` })
  for (const backend of [{ secret: ['x'.repeat(32), 'x'.repeat(32)] }, { secret_file: join(folder, 'lvsp.secret') }])
    assert.deepEqual(configOf({ backend: [backend] }).backend[0]?.secrets, ['x'.repeat(32)])
})

test('a token and credentials that every user can read are warnings', {
  skip: process.platform === 'win32' && 'Windows has no file modes of POSIX',
}, t => {
  const folder = folderWith(t, { token: 'x'.repeat(32), 'a.creds': 'x', hmac: 'x' })
  const path = (name: string) => join(folder, name)
  for (const name of ['token', 'a.creds', 'hmac']) chmodSync(path(name), 0o644)
  const { warnings } = configOf({
    backend: [{ secret: 'x'.repeat(32) }],
    admin: { listen: '127.0.0.1:0', token_file: path('token') },
    cluster: { nats: ['10.0.0.1'], id: 'a', nats_credentials: path('a.creds') },
    acme: { eab_key_id: 'a', eab_hmac_file: path('hmac') },
  })
  assert.deepEqual(
    warnings.map(warning => /([\w.]+) can be read by every user/.exec(warning)?.[1]),
    ['a.creds', 'token', 'hmac'],
  )
})
