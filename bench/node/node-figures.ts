// Figures of a node process: latency and CPU cost of joins, LVSP requests, memory.
import { round } from '../report/rows.ts'
import { benchJoinCost } from './join-cost.ts'
import { benchJoinLatency } from './join-latency.ts'
import { benchLvspRequests } from './lvsp-requests.ts'
import { benchMemberMemory } from './member-memory.ts'

export type NodeFigures = Awaited<ReturnType<typeof measureNode>>

export interface NodeExtent {
  /** Joins whose latency is measured. */
  joins: number
  requests: number
  /** Members whose memory is measured. */
  members: number
  /** Members over WebRTC whose memory is measured. */
  browsers: number
  /** Milliseconds before each measurement of memory. */
  settle: number
  /** The same for members over WebRTC: until the node has freed the memory of their handshakes. */
  browserSettle: number
  /** Joins whose CPU is measured. */
  costs: number
  /** Joins before them. */
  warmUp: number
}

export async function measureNode({
  joins,
  requests,
  members,
  browsers,
  settle,
  browserSettle,
  costs,
  warmUp,
}: NodeExtent) {
  const join = await benchJoinLatency(joins)
  const lvsp = await benchLvspRequests(requests)
  const memory = await benchMemberMemory(members, settle)
  const browserMemory = await benchMemberMemory(browsers, browserSettle, true)
  const cost = await benchJoinCost(costs, warmUp)
  return { join, lvsp, memory, browserMemory, cost }
}

export function printNode({ join, lvsp, memory, browserMemory, cost }: NodeFigures): void {
  const { members } = memory
  const lines: [what: string, figure: string, of: string][] = [
    ['from voice state to first audio, median', `${round(join.median, 1)} ms`, `${join.joins} joins`],
    ['the same, 99th percentile', `${round(join.p99, 1)} ms`, `${join.joins} joins`],
    ['CPU of a join, Discord client', `${round(cost.native.together, 2)} ms`, `${cost.joins} joins, 16 at once`],
    ['the same', `${round(cost.native.alone, 2)} ms`, 'one by one'],
    ['CPU of a join, WebRTC client', `${round(cost.browser.together, 2)} ms`, `${cost.joins} joins, 16 at once`],
    ['the same', `${round(cost.browser.alone, 2)} ms`, 'one by one'],
    ['LVSP requests per second', round(lvsp.perSecond), `${lvsp.requests} requests`],
    ['CPU per LVSP request', `${round(lvsp.cpuMicroseconds)} µs`, `${lvsp.requests} requests`],
    ['joins per second', round(memory.joinsPerSecond), `${members} members`],
    ['repeated IP discovery requests', round(memory.repeatedDiscoveries), `${members} members`],
    ['memory per connected member', `${round(memory.bytesPerMember / 1_000)} kB`, `${members} members`],
    ['the same over WebRTC', `${round(browserMemory.bytesPerMember / 1_000)} kB`, `${browserMemory.members} members`],
  ]
  console.table(lines.map(([what, figure, of]) => ({ what, figure, of })))
}
