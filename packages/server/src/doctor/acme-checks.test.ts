// What `parley doctor` says of the certificate that a running node obtains itself.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Status } from '../admin/views.ts'
import { certificateProblems } from './acme-checks.ts'

const problemsOf = (certificate: Status['certificate']) => certificateProblems({ certificate } as Status)

test('a node that obtains no certificate, or has a valid one, has no problem', () => {
  assert.deepEqual(problemsOf(undefined), [])
  assert.deepEqual(problemsOf({ until: '2026-12-01T00:00:00Z', failures: 0 }), [])
})

test('a failed attempt is named with its reason, what is in use, and when it is repeated', () => {
  const error = 'voice.example.org was not validated by http-01: connection refused (connection)'
  const next_attempt = '2026-11-01T10:00:00.000Z'
  const [first] = problemsOf({ failures: 1, error, next_attempt })
  assert.equal(first?.problem, `the certificate could not be obtained or stored (there is none yet): ${error}`)
  assert.match(first?.fix ?? '', /repeated at 2026-11-01T10:00:00\.000Z/)
  const [later] = problemsOf({ until: '2026-12-01T00:00:00Z', failures: 3, error })
  assert.match(later?.problem ?? '', /the one in use is valid until 2026-12-01/)
  assert.match(later?.fix ?? '', /being repeated now/)
  assert.match(problemsOf({ failures: 0 })[0]?.problem ?? '', /is being obtained/)
})
