// The cases that a client under test is put through: one for each fault, and one for each close code that matters.
import type { Expected, FaultRow } from '../../dev/faults/fault-row.ts'
import { FAULTS, type FaultName } from '../../dev/faults/fault-table.ts'

export interface ClientCase {
  /** Stable: the number of a case does not change when cases are added. */
  number: string
  name: string
  /** Fault words of the client's token; empty for the case without a fault. */
  words: string
  meaning: string
  expected: Expected
  /** Milliseconds from the fault to the judgement. */
  settle: number
}

const SETTLE = 800
/** How a token says what these cases do when the client has joined. */
export const LATER = '@after:session+300ms'
const ALL = 1_000_000

/** With short heartbeat intervals, faults of heartbeats show in seconds. */
const QUICK_HEARTBEATS = 'heartbeat-interval:400ms'

const SPECIAL: Partial<Record<FaultName, { words: string; settle: number }>> = {
  'no-heartbeat-ack': { words: `${QUICK_HEARTBEATS},no-heartbeat-ack:20${LATER}`, settle: 4_000 },
  'heartbeats-lost': { words: `${QUICK_HEARTBEATS},heartbeats-lost:20${LATER}`, settle: 4_000 },
  'wrong-heartbeat-nonce': { words: `${QUICK_HEARTBEATS},wrong-heartbeat-nonce`, settle: 1_500 },
  'heartbeat-interval': { words: 'heartbeat-interval:500ms', settle: 2_000 },
  'silent-ws': { words: `${QUICK_HEARTBEATS},silent-ws${LATER}`, settle: 4_000 },
  'unread-ws': { words: `${QUICK_HEARTBEATS},unread-ws${LATER}`, settle: 4_000 },
  'udp-rate': { words: 'udp-rate:64', settle: SETTLE },
  'udp-loss': { words: 'udp-loss:20%', settle: SETTLE },
  'udp-corrupt': { words: 'udp-corrupt:20%', settle: SETTLE },
  'udp-delay': { words: 'udp-delay:100ms', settle: SETTLE },
  strict: { words: 'strict', settle: SETTLE },
}

const CLOSE_CODES: readonly { code: number; expected: Expected; meaning: string }[] = [
  { code: 1000, expected: 'any', meaning: 'normal closure' },
  { code: 1001, expected: 'any', meaning: 'going away' },
  { code: 1006, expected: 'stays', meaning: 'no close frame' },
  { code: 4004, expected: 'any', meaning: 'authentication failed' },
  { code: 4006, expected: 'recovers', meaning: 'session no longer valid' },
  { code: 4009, expected: 'recovers', meaning: 'session timeout' },
  { code: 4014, expected: 'stops', meaning: 'disconnected: the client must not reconnect' },
  { code: 4015, expected: 'stays', meaning: 'voice server crashed: the client resumes' },
  { code: 4017, expected: 'stops', meaning: 'end-to-end encryption required: the client must not loop' },
  { code: 4021, expected: 'stops', meaning: 'rate limited: the client must not reconnect' },
  { code: 4022, expected: 'stops', meaning: 'call terminated: the client must not reconnect' },
]

const first: ClientCase = {
  number: 'join',
  name: 'no fault',
  words: '',
  meaning: 'joins and plays',
  expected: 'stays',
  settle: 200,
}

const closes: ClientCase[] = CLOSE_CODES.map(({ code, expected, meaning }) => ({
  number: `close-${code}`,
  name: `close-ws:${code}`,
  words: `close-ws:${code}${LATER}`,
  meaning,
  expected,
  settle: 1_500,
}))

const faults: ClientCase[] = Object.entries(FAULTS)
  .filter(([name]) => name !== 'close-ws')
  .map(([name, row]) => ({
    number: `fault-${name}`,
    name,
    words: wordsOf(name as FaultName, row),
    meaning: row.meaning,
    expected: row.expected,
    settle: SPECIAL[name as FaultName]?.settle ?? SETTLE,
  }))

/** A fault that lasts would leave a client no way to recover: it happens once where it can be counted. */
function wordsOf(name: FaultName, { kind, parameter }: FaultRow): string {
  const special = SPECIAL[name]?.words
  if (special !== undefined) return special
  if (kind === 'once') return `${name}${LATER}`
  return parameter?.usual === ALL ? `${name}:1` : name
}

export const CLIENT_CASES: readonly ClientCase[] = [first, ...closes, ...faults]
