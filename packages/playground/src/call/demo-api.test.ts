// Credentials that a user pastes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readCredentials } from './demo-api.ts'

const CREDENTIALS = { server_id: '100', channel_id: '500', user_id: '7', session_id: 's', token: 't' }

test('pasted credentials are read, and those whose ids are no snowflakes are refused before the page shows them', () => {
  assert.deepEqual(readCredentials(JSON.stringify(CREDENTIALS)), CREDENTIALS)
  assert.deepEqual(readCredentials(JSON.stringify({ ...CREDENTIALS, user_id: 7, endpoint: 'host' })), CREDENTIALS)
  for (const text of ['', '{', 'null', '{}', JSON.stringify({ ...CREDENTIALS, user_id: 'ana' })])
    assert.equal(readCredentials(text), undefined, text)
})
