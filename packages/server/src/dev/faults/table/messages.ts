// Faults of the messages of the voice gateway.
import { VoiceOp } from '@parley/protocol'
import { count, delay, type FaultRow, late, lose } from '../fault-row.ts'

const change = (...ops: number[]) => ({ from: 'node', ops, effect: 'change' }) as const

/**
 * Rows with `message` are applied by `messages/message-faults.ts`, and `change` by `messages/message-changes.ts`; rows
 * without it add messages (`messages/link-actions.ts`).
 */
export const MESSAGE_FAULTS = {
  'no-hello': lose('node', VoiceOp.Hello, 'Hello (op 8)'),
  'late-hello': late([VoiceOp.Hello], 'Hello (op 8)', 1_000),
  'hello-twice': {
    kind: 'lasting',
    message: { from: 'node', ops: [VoiceOp.Hello], effect: 'twice' },
    meaning: 'sends Hello (op 8) twice',
    expected: 'stays',
  },
  'heartbeat-interval': {
    kind: 'lasting',
    parameter: delay(1_000),
    message: change(VoiceOp.Hello),
    meaning: 'names this heartbeat interval in Hello (op 8)',
    expected: 'stays',
  },
  'no-heartbeat-ack': lose('node', VoiceOp.HeartbeatAck, 'acknowledgements of heartbeats (op 6)', 'recovers'),
  'wrong-heartbeat-nonce': {
    kind: 'lasting',
    message: change(VoiceOp.HeartbeatAck),
    meaning: 'acknowledges heartbeats with another nonce',
    expected: 'any',
  },
  'no-ready': lose('node', VoiceOp.Ready, 'Ready (op 2)'),
  'late-ready': late([VoiceOp.Ready], 'Ready (op 2)', 1_000),
  'no-session-description': lose('node', VoiceOp.SessionDescription, 'Session Description (op 4)'),
  'late-session-description': late([VoiceOp.SessionDescription], 'Session Description (op 4)', 1_000),
  'no-speaking': lose('node', VoiceOp.Speaking, 'Speaking (op 5): audio arrives from an unknown SSRC'),
  'no-clients-connect': lose('node', VoiceOp.ClientsConnect, 'Clients Connect (op 11)', 'stays'),
  'no-client-disconnect': lose('node', VoiceOp.ClientDisconnect, 'Client Disconnect (op 13)', 'stays'),
  'no-resumed': lose('node', VoiceOp.Resumed, 'Resumed (op 9)'),
  'heartbeats-lost': lose('client', VoiceOp.Heartbeat, 'heartbeats (op 3) of the client', 'recovers'),
  'unknown-opcode': {
    kind: 'once',
    meaning: 'sends a message with an unknown opcode on the voice WebSocket',
    expected: 'stays',
  },
  'unknown-binary': {
    kind: 'once',
    meaning: 'sends a binary message with an unknown opcode on the voice WebSocket',
    expected: 'stays',
  },
  'bad-json': { kind: 'once', meaning: 'sends text that is not JSON on the voice WebSocket', expected: 'any' },
  'extra-fields': {
    kind: 'lasting',
    message: { from: 'node', effect: 'change' },
    meaning: 'adds unknown fields to each JSON message and to its data',
    expected: 'stays',
  },
  'many-members': {
    kind: 'once',
    parameter: count('number of members', 5_000, 500),
    meaning: 'announces this many members that do not exist (op 11)',
    expected: 'stays',
  },
  'largest-ids': {
    kind: 'once',
    meaning: 'announces a member with the id 18446744073709551615 (op 11), who speaks with the SSRC 4294967295 (op 5)',
    expected: 'stays',
  },
  'sequence-wrap': {
    kind: 'lasting',
    message: { from: 'node', effect: 'change' },
    meaning: 'numbers messages from 65530 on, so that the 16-bit number of binary messages wraps',
    expected: 'stays',
  },
  'member-twice': {
    kind: 'lasting',
    message: { from: 'node', ops: [VoiceOp.ClientsConnect, VoiceOp.Speaking], effect: 'twice' },
    meaning: 'sends Clients Connect (op 11) and Speaking (op 5) twice',
    expected: 'stays',
  },
} as const satisfies Record<string, FaultRow>
