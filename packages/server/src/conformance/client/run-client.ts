// Runs the cases of a client, several at a time on one test server.
import { createTestServer } from '../../dev/test-server.ts'
import type { TestServerOptions } from '../../dev/test-server-types.ts'
import type { TraceEvent } from '../../dev/trace/trace-record.ts'
import type { CaseResult } from '../result.ts'
import { CLIENT_CASES, type ClientCase } from './cases.ts'
import { runCase } from './run-case.ts'

export interface ClientRun {
  /** Program and arguments of the driver. */
  command: readonly string[]
  /** Words; a case runs if its number contains one. Empty: all cases. */
  only: readonly string[]
  /** Cases at a time. */
  parallel: number
  seed?: number | undefined
  /** Options that the client needs. */
  server?: Pick<TestServerOptions, 'voice' | 'voiceHost'> | undefined
  finished?(result: CaseResult): void
  /** Receives each event of the test server. */
  traced?(event: TraceEvent): void
}

const GUILD = '1300000000000000001'
const FIRST_CHANNEL = 1_300_000_000_000_001_000n

const selected = (only: readonly string[]) =>
  CLIENT_CASES.filter(({ number }) => only.length === 0 || only.some(word => number.includes(word)))

/** In the order of the cases. */
export async function runClient(run: ClientRun): Promise<CaseResult[]> {
  const { command, only, parallel, seed, finished, traced } = run
  const cases = selected(only)
  // A channel for each case, so that no case disturbs another.
  const channels = cases.map((test, index) => ({ id: String(FIRST_CHANNEL + BigInt(index)), name: test.number }))
  const world = { guilds: [{ id: GUILD, name: 'conformance', channels }] }
  const server = await createTestServer({ world, seed, ...run.server })
  if (traced !== undefined) server.trace.listen(traced)
  const results = new Map<ClientCase, CaseResult>()
  const left = cases.map((test, index) => ({ test, channelId: channels[index]!.id }))
  const work = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const result = await runCase(next.test, { server, guildId: GUILD, channelId: next.channelId, command })
      results.set(next.test, result)
      finished?.(result)
    }
  }
  try {
    await Promise.all(Array.from({ length: parallel }, work))
  } finally {
    await server.close()
  }
  return cases.map(test => results.get(test)!)
}
