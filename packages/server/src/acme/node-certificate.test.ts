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
    assert.equal(certificate.unreadyAt(Date.UTC(2030, 0, 2)), undefined)
  }
  const second = write(Date.UTC(2030, 1, 1))
  certificate.reload(config)
  assert.equal(certificate.files?.cert, second)
})

test('a node is not ready before the start and after the end of its certificate', () => {
  const given = selfSignedCertificate(Date.UTC(2030, 0, 1))
  const config = configOf({ backend: [{ secret: 'x' }] })
  const certificate = NodeCertificate.open(config, given)
  const [before, within, after] = [Date.UTC(2029, 11, 30), Date.UTC(2030, 0, 30), Date.UTC(2030, 1, 1)]
  assert.equal(
    certificate.unreadyAt(before),
    'the certificate is valid from 2029-12-31 on, and the clock says 2029-12-30',
  )
  assert.equal(certificate.unreadyAt(within), undefined)
  assert.equal(certificate.unreadyAt(after), 'the certificate expired on 2030-01-31')
  assert.equal(NodeCertificate.open(config, undefined).unreadyAt(after), undefined)
})

test('behind a proxy the certificate of the proxy counts', () => {
  const http = { behind_proxy: true }
  const config = configOf({ http, media: { announce: ['192.0.2.1'] }, backend: [{ secret: 'x' }] })
  const certificate = NodeCertificate.open(config, selfSignedCertificate(Date.UTC(2020, 0, 1)))
  assert.equal(certificate.unreadyAt(Date.UTC(2030, 0, 1)), undefined)
})
