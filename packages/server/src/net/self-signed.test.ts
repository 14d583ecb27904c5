import assert from 'node:assert/strict'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { connect, createServer } from 'node:tls'
import { selfSignedCertificate } from './self-signed.ts'

const DAY = 86_400_000

test('the certificate is self-signed, names this machine and is not a certificate authority', () => {
  const { cert, key } = selfSignedCertificate()
  const certificate = new X509Certificate(cert)
  assert.ok(certificate.verify(certificate.publicKey))
  assert.ok(certificate.checkPrivateKey(createPrivateKey(key)))
  assert.equal(certificate.subjectAltName, 'DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1')
  assert.equal(certificate.issuer, certificate.subject)
  assert.equal(certificate.ca, false)
  assert.equal(certificate.checkHost('example.org'), undefined)
  assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.1'])
})

test('it is valid from an hour ago, for 30 days', () => {
  const now = Date.UTC(2031, 1, 3, 4, 5, 6)
  const certificate = new X509Certificate(selfSignedCertificate(now).cert)
  assert.equal(Date.parse(certificate.validFrom), now - 3_600_000)
  assert.equal(Date.parse(certificate.validTo), now + 30 * DAY)
})

test('no two certificates have the same serial number or key', () => {
  const certificates = Array.from({ length: 8 }, () => new X509Certificate(selfSignedCertificate().cert))
  assert.equal(new Set(certificates.map(certificate => certificate.serialNumber)).size, 8)
  assert.equal(new Set(certificates.map(certificate => certificate.publicKey.export({ format: 'jwk' }).x)).size, 8)
})

for (const host of ['localhost', '127.0.0.1'])
  test(`a client that trusts it, and nothing else, accepts it for ${host}`, async () => {
    await handshake(host, 'ours')
  })

test('a client that does not trust it rejects it', async () => {
  await assert.rejects(handshake('127.0.0.1', 'another'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
})

test('a client that expects another host rejects it', async () => {
  await assert.rejects(handshake('127.0.0.1', 'ours', 'voice.example.org'), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
})

async function handshake(host: string, trusted: 'ours' | 'another', servername?: string): Promise<void> {
  const files = selfSignedCertificate()
  const server = createServer(files, socket => socket.on('error', () => {}).end())
  server.listen(0, host)
  await once(server, 'listening')
  const ca = trusted === 'ours' ? files.cert : selfSignedCertificate().cert
  const socket = connect({ host, port: (server.address() as AddressInfo).port, ca, servername })
  try {
    await once(socket, 'secureConnect')
    assert.ok(socket.authorized)
  } finally {
    socket.destroy()
    server.close()
  }
}
