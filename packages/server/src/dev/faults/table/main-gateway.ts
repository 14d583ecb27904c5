// Faults of the main gateway: the messages that lead a client to its voice endpoint, and the connection itself.
import { delay, type FaultRow } from '../fault-row.ts'

/** Faults of dispatches are implemented by `gateway/dispatch-faults.ts`, the others start in `test-server-parts.ts`. */
export const GATEWAY_FAULTS = {
  'endpoint-move': {
    kind: 'once',
    meaning: 'moves the user’s channel to a second node: VOICE_SERVER_UPDATE with endpoint null, then with the new one',
    expected: 'recovers',
  },
  'endpoint-null': {
    kind: 'once',
    meaning: 'sends VOICE_SERVER_UPDATE with endpoint null; the voice connection continues',
    expected: 'any',
  },
  'endpoint-again': {
    kind: 'once',
    meaning: 'sends a VOICE_SERVER_UPDATE with a new token for the same endpoint',
    expected: 'recovers',
  },
  'wrong-endpoint': {
    kind: 'lasting',
    meaning: 'names an endpoint without a server in VOICE_SERVER_UPDATE',
    expected: 'any',
  },
  'wrong-token': {
    kind: 'lasting',
    meaning: 'sends a token in VOICE_SERVER_UPDATE that the node refuses with 4004',
    expected: 'any',
  },
  'server-update-lost': { kind: 'lasting', meaning: 'loses VOICE_SERVER_UPDATE', expected: 'any' },
  'late-server-update': {
    kind: 'lasting',
    parameter: delay(1_000),
    meaning: 'delays VOICE_SERVER_UPDATE',
    expected: 'stays',
  },
  'server-update-twice': { kind: 'lasting', meaning: 'sends VOICE_SERVER_UPDATE twice', expected: 'recovers' },
  'late-voice-state': {
    kind: 'lasting',
    parameter: delay(300),
    meaning: 'delays the user’s own VOICE_STATE_UPDATE, so that VOICE_SERVER_UPDATE precedes it',
    expected: 'stays',
  },
  'voice-state-lost': { kind: 'lasting', meaning: 'loses the user’s own VOICE_STATE_UPDATE', expected: 'any' },
  'drop-gateway': {
    kind: 'once',
    meaning: 'destroys the TCP connection of the main gateway without a close frame; it may resume',
    expected: 'stays',
  },
  'close-gateway': {
    kind: 'once',
    parameter: { meaning: 'close code', least: 1_000, most: 4_999, usual: 4_000 },
    meaning: 'closes the connection to the main gateway with this code',
    expected: 'stays',
  },
  'gateway-reconnect': {
    kind: 'once',
    meaning: 'asks the client to reconnect to the main gateway (op 7)',
    expected: 'stays',
  },
  'invalid-session': {
    kind: 'once',
    meaning: 'ends the session on the main gateway (op 9, not resumable): the client identifies again, out of voice',
    expected: 'any',
  },
} as const satisfies Record<string, FaultRow>
