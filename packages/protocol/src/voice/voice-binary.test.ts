// The binary messages of the voice gateway.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DecodeError } from '../bytes.ts'
import { VoiceOp } from './voice.ts'
import {
  decodeClientBinary,
  decodeNodeBinary,
  decodeProposals,
  decodeTransition,
  encodeClientBinary,
  encodeNodeBinary,
  encodeProposals,
  encodeTransition,
} from './voice-binary.ts'

const payload = Uint8Array.of(1, 2, 3)

test('a client message starts with the opcode, a node message with the number', () => {
  assert.deepEqual(encodeClientBinary(VoiceOp.DaveKeyPackage, payload), Uint8Array.of(26, 1, 2, 3))
  assert.deepEqual(encodeNodeBinary(0xfffe, VoiceOp.DaveWelcome, payload), Uint8Array.of(0xff, 0xfe, 30, 1, 2, 3))
})

test('below version 8 a node message starts with the opcode', () => {
  const message = encodeNodeBinary(undefined, VoiceOp.DaveWelcome, payload)
  assert.deepEqual(message, Uint8Array.of(30, 1, 2, 3))
  assert.deepEqual(decodeNodeBinary(message, false), { seq: undefined, op: 30, payload })
})

test('both forms are read back', () => {
  assert.deepEqual(decodeClientBinary(encodeClientBinary(28, payload)), { op: 28, payload })
  assert.deepEqual(decodeNodeBinary(encodeNodeBinary(7, 29, payload)), { seq: 7, op: 29, payload })
})

test('proposals are encoded as one vector of messages', () => {
  const bytes = encodeProposals([payload, payload])
  assert.deepEqual(bytes, Uint8Array.of(0, 6, 1, 2, 3, 1, 2, 3))
  assert.deepEqual(decodeProposals(bytes), { operation: 0, messages: bytes.subarray(1) })
  assert.throws(() => decodeProposals(Uint8Array.of(2, 0)), DecodeError)
})

test('a transition id precedes a commit or a Welcome', () => {
  assert.deepEqual(encodeTransition(0x1234, payload), Uint8Array.of(0x12, 0x34, 1, 2, 3))
  assert.deepEqual(decodeTransition(encodeTransition(1, payload)), { transitionId: 1, body: payload })
})

test('an empty message throws a DecodeError', () => {
  assert.throws(() => decodeNodeBinary(new Uint8Array(), false), DecodeError)
  for (const decode of [decodeClientBinary, decodeNodeBinary, decodeProposals, decodeTransition])
    assert.throws(() => decode(new Uint8Array()), DecodeError)
})
