// What people are told.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { problemOfEnd, problemOfMicrophone } from './problem.ts'

test('who left is told nothing; every other end has a title and an advice', () => {
  assert.equal(problemOfEnd({ kind: 'closed', code: 1000, reason: 'left' }), undefined)
  for (const code of [1006, 4004, 4012, 4014, 4017, 4021, 4022, 4999]) {
    const problem = problemOfEnd({ kind: 'closed', code, reason: 'because' })
    assert.ok(problem && problem.title.length > 5 && problem.advice.endsWith('.'), String(code))
  }
  assert.match(problemOfEnd({ kind: 'closed', code: 4999, reason: 'because' })?.advice ?? '', /4999: because/)
})

test('where media does not get through, the address is named, and what may be the reason', () => {
  const advice = (address: string) => problemOfEnd({ kind: 'noRoute', address })?.advice ?? ''
  assert.match(advice('127.0.0.1:50000'), /UDP to 127\.0\.0\.1:50000 .* Firefox takes no calls there/)
  assert.match(advice('192.0.2.1:50000'), /UDP to 192\.0\.2\.1:50000 .* firewall/)
})

test('each trouble with a microphone has a sentence of its own', () => {
  const names = ['NotAllowedError', 'NotFoundError', 'NotReadableError', 'SecurityError']
  assert.equal(new Set(names.map(name => problemOfMicrophone(name).title)).size, names.length)
})
