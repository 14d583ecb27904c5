// A row of the table of faults: its name is its key; the documentation and the OpenAPI document are generated from it.

/** The number after the colon. */
export interface FaultParameter {
  meaning: string
  least: number
  most: number
  /** Without a number. */
  usual: number
  unit?: '%' | 'ms'
}

/** What a fault does with messages of the voice WebSocket. `change` is implemented in `messages/message-changes.ts`. */
export interface MessageRule {
  from: 'node' | 'client'
  /** Opcodes; undefined stands for every message. */
  ops?: readonly number[]
  effect: 'lose' | 'late' | 'twice' | 'change'
}

export interface FaultRow {
  parameter?: FaultParameter
  /** `once`: happens at its time. `lasting`: begins at its time and stays until it is cleared. */
  kind: 'once' | 'lasting'
  meaning: string
  message?: MessageRule
  /** What a correct client does. Reported by `parley conformance`. */
  expected: Expected
}

/**
 * `recovers`: it is in the channel again, with audio in both directions. `stays`: the same, without a new session.
 * `stops`: it does not connect again. `any`: this cannot be judged by the session alone.
 */
export type Expected = 'recovers' | 'stays' | 'stops' | 'any'

const ALL = 1_000_000

/** Loses the first messages with these opcodes; without a number, all. */
export const lose = (from: 'node' | 'client', op: number, what: string, expected: Expected = 'any'): FaultRow => ({
  kind: 'lasting',
  parameter: { meaning: 'number of messages', least: 1, most: ALL, usual: ALL },
  message: { from, ops: [op], effect: 'lose' },
  meaning: `loses ${what}; without a number, each`,
  expected,
})

/** Delays messages with these opcodes; later ones overtake them. */
export const late = (ops: readonly number[], what: string, usual: number): FaultRow => ({
  kind: 'lasting',
  parameter: delay(usual),
  message: { from: 'node', ops, effect: 'late' },
  meaning: `delays ${what}; later messages overtake it`,
  expected: 'stays',
})

/** A time in milliseconds, up to ten minutes. */
export const delay = (usual: number): FaultParameter => ({
  meaning: 'time',
  least: 0,
  most: 600_000,
  usual,
  unit: 'ms',
})

/** A percentage. */
export const share = (usual: number): FaultParameter => ({
  meaning: 'share of datagrams',
  least: 0,
  most: 100,
  usual,
  unit: '%',
})

/** A number of messages, packets or sessions. */
export const count = (meaning: string, most: number, usual: number): FaultParameter => ({
  meaning,
  least: 1,
  most,
  usual,
})

/** A count that stands for "all" without a number. */
export const countOrAll = (meaning: string): FaultParameter => count(meaning, ALL, ALL)
