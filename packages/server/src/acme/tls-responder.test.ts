import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TlsResponder } from './tls-responder.ts'

test('a challenge is found under its server name, in any case, until it ends', async () => {
  const responder = new TlsResponder(() => Date.UTC(2030, 0, 1))
  const end = await responder.publish({ name: 'Voice.Example.org', token: 't', keyAuthorization: 't.k' })
  assert.ok(responder.certificateFor('voice.example.org') !== undefined)
  assert.ok(responder.certificateFor('VOICE.example.org') !== undefined)
  assert.equal(responder.certificateFor('other.example.org'), undefined)
  await end()
  assert.equal(responder.certificateFor('voice.example.org'), undefined)
})
