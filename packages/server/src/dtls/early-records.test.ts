import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SERVER_LIMITS } from '../limits.ts'
import { EarlyRecords } from './early-records.ts'

const record = (epoch: number, length = 20) => {
  const bytes = new Uint8Array(13 + length)
  const view = new DataView(bytes.buffer)
  view.setUint16(3, epoch)
  view.setUint16(11, length)
  return bytes
}
const join = (...parts: Uint8Array[]) => Uint8Array.from(parts.flatMap(part => [...part]))

test('records without keys are admitted in any number', () => {
  const early = new EarlyRecords()
  const datagram = join(...Array.from({ length: 50 }, () => record(0)))
  for (let round = 0; round < 10; round++) assert.equal(early.admit(datagram), datagram.length)
})

test('a flight is admitted with its encrypted record as often as a client repeats it', () => {
  const early = new EarlyRecords()
  const flight = join(record(0), record(0), record(1))
  for (let round = 0; round < SERVER_LIMITS.earlyDtlsRecords; round++) assert.equal(early.admit(flight), flight.length)
  assert.equal(early.admit(flight), 66)
})

test('a datagram is cut before the first record above the limit, whatever follows', () => {
  const early = new EarlyRecords()
  const flood = join(...Array.from({ length: SERVER_LIMITS.earlyDtlsRecords + 3 }, () => record(1)), record(0))
  assert.equal(early.admit(flood), SERVER_LIMITS.earlyDtlsRecords * 33)
  assert.equal(early.admit(record(65_535)), 0)
  assert.equal(early.admit(record(0)), 33)
  assert.equal(early.admit(Uint8Array.of(22, 254)), 2)
})
