// Files of ACME on a disk that takes a part of them only.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { AcmeStorage } from './storage.ts'

test('a certificate is replaced as a whole, or not at all', { skip: process.platform === 'win32' }, t => {
  const folder = mkdtempSync(join(tmpdir(), 'parley-acme-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  new AcmeStorage(folder).keep({ key: 'key\n', cert: 'certificate\n' })
  const path = join(folder, 'certificate.pem')
  assert.equal(statSync(path).mode & 0o777, 0o600)
  // Beyond the limit the system writes a part, and refuses the rest.
  const script = `
    import { AcmeStorage } from ${JSON.stringify(new URL('./storage.ts', import.meta.url).href)}
    process.on('SIGXFSZ', () => {})
    new AcmeStorage(${JSON.stringify(folder)}).keep({ key: 'k'.repeat(5_000), cert: 'c'.repeat(5_000) })`
  const command = [process.execPath, ...process.execArgv, '--input-type=module', '--eval', script]
  const { status, stderr } = spawnSync('sh', ['-c', 'ulimit -f 8; exec "$@"', 'sh', ...command], { encoding: 'utf8' })
  assert.equal(status, 1)
  assert.match(stderr, /AcmeError: acme\.storage: .* cannot be written \(EFBIG\)/)
  assert.equal(readFileSync(path, 'utf8'), 'key\ncertificate\n')
})
