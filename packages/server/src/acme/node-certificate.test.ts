// The certificate of a node that ACME keeps valid, and its file.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { configOf } from '../config/config.ts'
import { selfSignedCertificate } from '../net/self-signed.ts'
import { acmeFile } from '../net/tls.ts'
import { NodeCertificate } from './node-certificate.ts'

test('a reload keeps a certificate of ACME whose file is gone or damaged, and takes another one', t => {
  const storage = mkdtempSync(join(tmpdir(), 'parley-acme-'))
  t.after(() => rmSync(storage, { recursive: true, force: true }))
  const acme = { names: ['voice.example.org'], agree_to_terms: true, storage }
  const config = configOf({ acme, backend: [{ secret: 'x'.repeat(32) }] })
  const write = (now: number) => {
    const { cert, key } = selfSignedCertificate(now, acme.names)
    writeFileSync(acmeFile(storage), `${key}${cert}`)
    return cert
  }
  const first = write(Date.UTC(2030, 0, 1))
  const certificate = NodeCertificate.open(config, undefined)
  assert.equal(certificate.files?.cert, first)
  for (const spoil of [() => writeFileSync(acmeFile(storage), ''), () => rmSync(acmeFile(storage))]) {
    spoil()
    assert.ok(certificate.reload(config) !== undefined)
    assert.equal(certificate.files?.cert, first)
    assert.equal(certificate.unready, undefined)
  }
  const second = write(Date.UTC(2030, 1, 1))
  certificate.reload(config)
  assert.equal(certificate.files?.cert, second)
})
