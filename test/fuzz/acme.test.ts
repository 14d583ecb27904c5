// Fuzz: what a certificate authority sends.
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { AcmeError } from '../../packages/server/src/acme/protocol/acme-error.ts'
import {
  Authorization,
  Challenge,
  Directory,
  decodeAcme,
  Order,
  Problem,
  RenewalInfo,
} from '../../packages/server/src/acme/protocol/messages.ts'
import { readRetryAfter } from '../../packages/server/src/acme/protocol/requests.ts'
import { readAuthorityKeyId } from '../../packages/server/src/x509/authority-key-id.ts'
import { CERTIFICATE_FILE, ISSUED_CERTIFICATE_FILE } from '../e2e/trust.ts'
import { fuzz } from './harness.ts'

const text = (value: unknown) => Buffer.from(JSON.stringify(value))
const url = 'https://ca.example/acme/1'

fuzz('an object of an authority is refused or has URLs, tokens and times of the expected form', {
  covers: ['server/acme/protocol/messages.ts', 'server/acme/protocol/requests.ts'],
  corpus: [
    text({ newNonce: url, newAccount: url, newOrder: url, renewalInfo: url, meta: { profiles: { shortlived: '' } } }),
    text({
      status: 'valid',
      authorizations: [url],
      finalize: url,
      certificate: url,
      error: { type: 'x', detail: 'y' },
    }),
    text({
      identifier: { type: 'dns', value: 'a.b' },
      status: 'pending',
      challenges: [{ type: 't', url, status: 's', token: 'a_-' }],
    }),
    text({ type: 'urn:ietf:params:acme:error:badNonce', detail: 'x', subproblems: [{ detail: 'y' }] }),
    text({ suggestedWindow: { start: '2026-01-01T00:00:00Z', end: '2026-01-02T00:00:00+01:00' } }),
    Buffer.from('Fri, 31 Dec 1999 23:59:59 GMT'),
    Buffer.from('120'),
  ],
  run(bytes) {
    const given = Buffer.from(bytes).toString('utf8')
    for (const schema of [Directory, Order]) {
      const value = decodeAcme(schema, given)
      if (value === undefined) continue
      const urls = 'finalize' in value ? [value.finalize, ...value.authorizations] : [value.newOrder, value.newNonce]
      for (const each of urls) assert.equal(new URL(each).protocol, 'https:')
    }
    for (const { token = 'a' } of decodeAcme(Authorization, given)?.challenges ?? []) assert.match(token, /^[\w-]+$/)
    decodeAcme(Challenge, given)
    const problem = decodeAcme(Problem, given)
    if (problem !== undefined) assert.doesNotMatch(AcmeError.ofProblem('x', problem).message, /\p{Cc}/u)
    const { start, end } = decodeAcme(RenewalInfo, given)?.suggestedWindow ?? { start: '2026-01-01', end: '2026-01-01' }
    assert.ok(Date.parse(start) + Date.parse(end) > Number.NEGATIVE_INFINITY)
    const delay = readRetryAfter(given, 0)
    assert.ok(delay === undefined || delay >= 0)
  },
})

const derOf = (file: string) => new X509Certificate(readFileSync(file)).raw

fuzz('a certificate has a key identifier of its issuer that lies within it, or none', {
  covers: ['server/x509/authority-key-id.ts'],
  corpus: [derOf(ISSUED_CERTIFICATE_FILE), derOf(CERTIFICATE_FILE)],
  run(bytes) {
    const id = readAuthorityKeyId(bytes)
    if (id !== undefined) assert.ok(Buffer.from(bytes).includes(id) || id.length === 0)
  },
})
