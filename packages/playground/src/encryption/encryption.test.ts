// The sentence about a call's encryption.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encryptionText, lockOf, NOT_ENCRYPTED, type Participant } from './encryption.ts'

const ana: Participant = { name: 'ana', isMe: false, supportsDave: true }
const kim: Participant = { name: 'Kim', isMe: false, supportsDave: false }
const stranger: Participant = { name: 'User 1234', isMe: false, supportsDave: undefined }
const me: Participant = { name: 'Robin', isMe: true, supportsDave: false }

test('an encrypted call is shown with its privacy code in groups of five', () => {
  const call = { version: 1, privacyCode: '123456789012' }
  assert.equal(encryptionText(call, [ana]), 'Encrypted end to end, privacy code 12345 67890 12')
})

test('without keys, an encrypted call is shown as being set up, or as waiting for a second member', () => {
  const call = { version: 1, privacyCode: undefined }
  assert.equal(encryptionText(call, [me, ana]), 'End-to-end encryption is being set up')
  assert.equal(encryptionText(call, [me]), 'End-to-end encryption starts with the second member')
})

test('an unencrypted call names the clients that do not support DAVE, and no others', () => {
  const text = (...participants: Participant[]) => encryptionText(NOT_ENCRYPTED, participants)
  assert.equal(text(ana, stranger), 'Not encrypted end to end')
  assert.equal(text(ana, me), 'Not encrypted end to end: this page does not support DAVE')
  const obstacle = 'this browser has no RTCRtpScriptTransform'
  assert.equal(encryptionText(NOT_ENCRYPTED, [ana, me], obstacle), `Not encrypted end to end: ${obstacle}`)
  assert.equal(text(ana, kim), 'Not encrypted end to end: Kim does not support DAVE')
  assert.equal(text(me, ana, kim, stranger), 'Not encrypted end to end: you and Kim do not support DAVE')
})

test('the lock is closed once there is a code, and opens where frames are not encrypted', () => {
  assert.equal(lockOf({ version: 1, privacyCode: '12345' }), 'closed')
  assert.equal(lockOf({ version: 1, privacyCode: undefined }), 'opening')
  assert.equal(lockOf({ version: 0, privacyCode: undefined }), 'open')
})
