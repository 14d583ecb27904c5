// Faults of the connection to the voice endpoint: TCP, TLS, WebSocket, close codes.
import { count, delay, type FaultRow } from '../fault-row.ts'

/**
 * Those of an open connection are implemented by `front/voice-link.ts`, those before it by `front/user-port.ts` and
 * `voice-front.ts`.
 */
export const CONNECTION_FAULTS = {
  'close-ws': {
    kind: 'once',
    parameter: { meaning: 'close code', least: 1_000, most: 4_999, usual: 4_006 },
    meaning: 'closes the voice WebSocket with this code',
    expected: 'recovers',
  },
  'drop-ws': {
    kind: 'once',
    meaning: 'destroys the TCP connection of the voice WebSocket without a close frame',
    expected: 'stays',
  },
  'half-close-ws': {
    kind: 'once',
    meaning: 'ends its own direction of the voice TCP connection without a close frame, and continues to read',
    expected: 'stays',
  },
  'silent-ws': {
    kind: 'lasting',
    meaning: 'sends no messages on the voice WebSocket; TCP stays open',
    expected: 'any',
  },
  'unread-ws': {
    kind: 'once',
    meaning: 'stops reading from the voice WebSocket; TCP stays open, and heartbeats are not acknowledged',
    expected: 'recovers',
  },
  'refuse-ws': {
    kind: 'lasting',
    parameter: count('number of connections', 1_000_000, 1_000_000),
    meaning: 'resets new connections to the voice endpoint; without a number, each',
    expected: 'any',
  },
  'silent-tcp': {
    kind: 'lasting',
    parameter: count('number of connections', 1_000_000, 1_000_000),
    meaning: 'accepts TCP connections to the voice endpoint and never answers, not even TLS; without a number, each',
    expected: 'any',
  },
  'no-upgrade': {
    kind: 'lasting',
    parameter: { meaning: 'HTTP status', least: 400, most: 599, usual: 503 },
    meaning: 'answers the WebSocket upgrade of the voice endpoint with this HTTP status',
    expected: 'any',
  },
  'wrong-certificate': {
    kind: 'lasting',
    meaning:
      'presents a certificate that the client does not trust; a client that connects does not verify certificates',
    expected: 'any',
  },
  strict: {
    kind: 'lasting',
    meaning:
      'closes the voice WebSocket with 4020 when the client breaks a rule of its transcript; the reason says which',
    expected: 'stays',
  },
  'slow-ws': {
    kind: 'lasting',
    parameter: delay(500),
    message: { from: 'node', effect: 'late' },
    meaning: 'delays every message of the voice WebSocket by this time, in order',
    expected: 'stays',
  },
} as const satisfies Record<string, FaultRow>
