// How many records that cannot be decoded are reported.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OwnerQuestion } from '@parley/protocol'
import { SERVER_LIMITS } from '../limits.ts'
import { RecordReader } from './record-reader.ts'

test('of many records that cannot be decoded some are reported, and the number of the others', () => {
  let now = 0
  const reasons: string[] = []
  const reader = new RecordReader(
    reason => reasons.push(reason),
    () => now,
  )
  const readAll = () => {
    for (let index = 0; index < 1_000; index++) assert.equal(reader.decode(OwnerQuestion, 'not JSON'), undefined)
  }
  readAll()
  assert.equal(reasons.length, SERVER_LIMITS.malformedNotes)
  now = SERVER_LIMITS.malformedInterval
  readAll()
  assert.equal(reasons.length, 2 * SERVER_LIMITS.malformedNotes)
  assert.equal(reasons[SERVER_LIMITS.malformedNotes], 'cluster record: not JSON; 990 more before this one')
})
