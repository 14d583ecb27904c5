// The process that floods: starts one kind on the first message, ends on the second and reports what it did.
import type { Extent } from './figures.ts'
import { floodGarbage } from './floods/garbage.ts'
import { floodHalfOpen } from './floods/half-open.ts'
import { floodHandshakes } from './floods/handshakes.ts'
import { floodJson } from './floods/json.ts'

const FLOODS = { 'half-open': floodHalfOpen, handshakes: floodHandshakes, json: floodJson, garbage: floodGarbage }
export type FloodKind = keyof typeof FLOODS

export interface FloodStart {
  readonly kind: FloodKind
  readonly extent: Extent
  /** `host:port` of the gateway. */
  readonly endpoint: string
  /** Of speakers in legitimate calls. */
  readonly ssrcs: readonly number[]
  /** Identify of users that attack. */
  readonly members: readonly { server_id: string; user_id: string; session_id: string; token: string }[]
}

export interface FloodReport {
  readonly count: number
  /** Seconds. */
  readonly elapsed: number
  /** Connections that are open. */
  readonly open: number | undefined
}

/** A flood that runs. */
export interface Flood {
  /** Messages, datagrams or connections so far. */
  count(): number
  open?(): number
  close(): void
}

let flood: Flood | undefined
let startedAt = 0
let countAtStart = 0

process.on('message', async message => {
  if (flood === undefined) {
    const start = message as FloodStart
    flood = await FLOODS[start.kind](start)
    countAtStart = flood.count()
    startedAt = performance.now()
    process.send?.({ started: true })
    return
  }
  const report: FloodReport = {
    count: flood.count() - countAtStart,
    elapsed: (performance.now() - startedAt) / 1_000,
    open: flood.open?.(),
  }
  flood.close()
  process.send?.(report, () => process.exit(0))
})
