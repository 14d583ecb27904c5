// The faults of a test server: name, parameter, meaning. Later faults are rows of this table.

export interface FaultRow {
  /** Meaning, bounds and default of the number after the colon; undefined if there is none. */
  parameter?: { meaning: string; least: number; most: number; usual: number; unit?: '%' }
  /** `once`: happens at its time. `lasting`: begins at its time and stays. */
  kind: 'once' | 'lasting'
  meaning: string
}

const ALL_DATAGRAMS = 1_000_000

export const FAULTS = {
  'close-ws': {
    kind: 'once',
    parameter: { meaning: 'close code', least: 1_000, most: 4_999, usual: 4_006 },
    meaning: 'closes the voice WebSocket with this code',
  },
  'drop-ws': { kind: 'once', meaning: 'destroys the TCP connection of the voice WebSocket without a close frame' },
  'no-heartbeat-ack': { kind: 'lasting', meaning: 'leaves heartbeats of the voice WebSocket unanswered' },
  'silent-ws': { kind: 'lasting', meaning: 'sends no messages on the voice WebSocket; TCP stays open' },
  'unknown-opcode': { kind: 'once', meaning: 'sends a message with an unknown opcode on the voice WebSocket' },
  'discovery-lost': {
    kind: 'lasting',
    parameter: { meaning: 'number of requests', least: 1, most: ALL_DATAGRAMS, usual: ALL_DATAGRAMS },
    meaning: 'loses the first requests of IP discovery; without a number, all',
  },
  'udp-loss': {
    kind: 'lasting',
    parameter: { meaning: 'share of datagrams', least: 0, most: 100, usual: 10, unit: '%' },
    meaning: 'loses datagrams in both directions, chosen by the seed; discovery and keepalives included',
  },
  'endpoint-move': {
    kind: 'once',
    meaning: 'moves the user’s channel to a second node: VOICE_SERVER_UPDATE with endpoint null, then with the new one',
  },
} as const satisfies Record<string, FaultRow>

export type FaultName = keyof typeof FAULTS
export const isFaultName = (name: string): name is FaultName => Object.hasOwn(FAULTS, name)
