// Faults of a voice connection that happen once: messages of the test server's own.
import { VoiceOp } from '@parley/protocol'
import type { FaultName } from '../faults/fault-table.ts'
import { jsonMessage, type LinkMessage } from './link-message.ts'

const LARGEST_ID = '18446744073709551615'
const LARGEST_SSRC = 4_294_967_295
/** Ids of members that do not exist begin here. */
const FIRST_ID = 1_500_000_000_000_000_000n
const UNKNOWN_OPCODE = 250

/**
 * The messages that a fault adds; undefined if it adds none. `value` is that of the fault: for `many-members` how many.
 */
export function addedMessages(name: FaultName, value: number): readonly LinkMessage[] | undefined {
  switch (name) {
    case 'unknown-opcode':
      return [jsonMessage(UNKNOWN_OPCODE, { reason: 'a fault of the test server' })]
    case 'unknown-binary':
      return [{ format: 'binary', op: UNKNOWN_OPCODE, seq: 1, payload: new Uint8Array(8) }]
    case 'bad-json':
      return [{ format: 'unknown', op: -1, bytes: Buffer.from('{"op":5,"d":'), isBinary: false }]
    case 'many-members':
      return [jsonMessage(VoiceOp.ClientsConnect, { user_ids: Array.from({ length: value }, memberId) })]
    case 'largest-ids':
      return [
        jsonMessage(VoiceOp.ClientsConnect, { user_ids: [LARGEST_ID] }),
        jsonMessage(VoiceOp.Speaking, { user_id: LARGEST_ID, ssrc: LARGEST_SSRC, speaking: 1 }),
      ]
    case 'epoch-reset':
      return [jsonMessage(VoiceOp.DavePrepareEpoch, { protocol_version: 1, epoch: 1 })]
    case 'downgrade':
      return [
        jsonMessage(VoiceOp.DavePrepareTransition, { protocol_version: 0, transition_id: 0 }),
        jsonMessage(VoiceOp.DaveExecuteTransition, { transition_id: 0 }),
      ]
    default:
      return undefined
  }
}

const memberId = (_: unknown, index: number) => String(FIRST_ID + BigInt(index))
