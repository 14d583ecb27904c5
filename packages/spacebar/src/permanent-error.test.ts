import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DatabaseRightsError, OtherBridgeError } from './database/database.ts'
import { isPermanent, PermanentError } from './permanent-error.ts'

const withCode = (code: unknown) => Object.assign(new Error('refused'), { code })

test('errors that the operator has to correct are permanent', () => {
  for (const error of [new PermanentError('bad URL'), new OtherBridgeError(), new DatabaseRightsError('members')])
    assert.equal(isPermanent(error), true, error.message)
  for (const code of ['28P01', '28000', '3D000', '42501', '42P01'])
    assert.equal(isPermanent(withCode(code)), true, code)
})

test('errors of the network, of a busy or starting database, and those without a code are tried again', () => {
  for (const code of [
    'EAI_AGAIN',
    'ENOTFOUND',
    'ECONNREFUSED',
    'ENOENT',
    '57P03',
    '53300',
    '08006',
    '42',
    28,
    undefined,
  ])
    assert.equal(isPermanent(withCode(code)), false, String(code))
  for (const message of ['timeout expired', 'Connection terminated unexpectedly', 'Query read timeout'])
    assert.equal(isPermanent(new Error(message)), false, message)
})
