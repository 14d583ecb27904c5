// Waits for an expectation about a client; says in one sentence what the client did and should have done.
import { type ClientView, EXPECTATIONS, type Expectation, type ExpectationRow } from './expectations.ts'

/** The expectation was not met. */
export class ExpectationError extends Error {
  constructor(sentence: string) {
    super(sentence)
    this.name = 'ExpectationError'
  }
}

export interface ExpectedClient {
  /** Name of the user. */
  name: string
  view(): ClientView
  /** Calls the listener after each event of the trace; returns a function that removes it. */
  listen(listener: () => void): () => void
}

export interface Terms {
  /** Milliseconds. */
  within: number
  count: number | undefined
}

/** How often the state is read without an event, for members that leave. */
const POLL = 20

/** Resolves with undefined if the expectation is met, else with a sentence. */
export async function expectClient(
  client: ExpectedClient,
  what: Expectation,
  { within, count }: Terms,
): Promise<string | undefined> {
  const row: ExpectationRow = EXPECTATIONS[what]
  const wanted = count ?? row.count?.usual ?? 0
  const holds = () => row.holds(client.view(), wanted)
  if (row.when === 'now') return holds() ? undefined : failure(client, row, wanted, within)
  const isMet = await settled(client, within, row.when === 'soon' ? holds : () => !holds())
  return isMet === (row.when === 'soon') ? undefined : failure(client, row, wanted, within)
}

/** Resolves with true as soon as the condition holds, with false when the time is over. */
function settled(client: ExpectedClient, within: number, holds: () => boolean): Promise<boolean> {
  return new Promise(resolve => {
    const end = (isMet: boolean) => {
      clearTimeout(deadline)
      clearInterval(poll)
      stop()
      resolve(isMet)
    }
    const check = () => {
      if (holds()) end(true)
    }
    const deadline = setTimeout(() => end(holds()), within)
    const poll = setInterval(check, POLL)
    const stop = client.listen(check)
    check()
  })
}

function failure(client: ExpectedClient, row: ExpectationRow, count: number, within: number): string {
  const unit = count === 1 ? row.count?.of.replace(/s$/, '') : row.count?.of
  const number = unit === undefined ? '' : ` (at least ${count} ${unit})`
  const time =
    row.when === 'now' ? '' : row.when === 'soon' ? ` within ${within / 1_000} s` : ` for ${within / 1_000} s`
  return `${client.name}: expected ${row.expected}${number}${time}; it ${row.did(client.view())}. Expected behaviour: ${row.advice} (${row.page})`
}
