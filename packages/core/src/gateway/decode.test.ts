// The fast reader of heartbeats against the schemas.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Heartbeat, VoiceMessage, VoiceOp } from '@parley/protocol'
import fc from 'fast-check'
import { isHeartbeat, readSeqAck } from './decode.ts'

const ack = fc.oneof(fc.integer(), fc.double(), fc.string(), fc.constantFrom(null, undefined, 2 ** 53, -0, [], {}))
const data = fc.oneof(fc.record({ seq_ack: ack }), fc.record({ t: fc.anything() }), fc.array(ack), fc.anything(), ack)
const opcode = fc.oneof(fc.constant<unknown>(VoiceOp.Heartbeat), fc.nat(40), fc.constantFrom('3', [3], 3.5, null))

test('seq_ack is read as the schema reads it', () => {
  fc.assert(
    fc.property(data, value => {
      const parsed = Heartbeat.safeParse(value)
      assert.equal(readSeqAck(value), parsed.success ? parsed.data.seq_ack : false)
    }),
  )
})

test('a message is a heartbeat if the schema accepts it with op 3', () => {
  fc.assert(
    fc.property(fc.oneof(fc.record({ op: opcode, d: data }), fc.record({ op: opcode }), data), value => {
      const parsed = VoiceMessage.safeParse(value)
      assert.equal(isHeartbeat(value), parsed.success && parsed.data.op === VoiceOp.Heartbeat)
    }),
  )
})
