// Figures of a cluster: placements a second, what a front costs, packets of one, two and four nodes.
import { setTimeout as pause } from 'node:timers/promises'
import { LvspClient } from '@parley/client'
import { VoiceMode } from '@parley/protocol'
import { Crowd } from '../load/crowd.ts'
import { type LoadFigures, measureLoad } from '../load/measure.ts'
import { measureRequests } from '../node/lvsp-requests.ts'
import { type NodeProcess, SECRET } from '../node/node-process.ts'
import { round } from '../report/rows.ts'
import { median } from '../statistics.ts'
import { BenchCluster } from './bench-cluster.ts'

export interface ClusterExtent {
  placements: number
  /** Per round. */
  requests: number
  rounds: number
  /** Nodes, in the order in which they are started; the first is the base of the ratios. */
  nodes: number[]
  /** Channels of 25 on each node, with one speaker each. */
  channels: number
  seconds: number
}

export interface ClusterFigures {
  placement: { count: number; perSecond: number; front: number; nats: number }
  /** CPU of a front and of a node in microseconds per LVSP request. A front reads and writes two messages more for each. */
  message: { requests: number; front: number; node: number; ratio: number; perSecond: number }
  forwarding: { nodes: number; packetsPerSecond: number; microseconds: number; loss: number; wrong: number }[]
}

/** LVSP messages that a front and a node read and write for one request. */
const MESSAGES = { front: 4, node: 2 } as const
const IN_FLIGHT = 64
const MEMBERS = 25
const PER_SECOND = 50
/** Ids that no other load uses. */
const FIRST_CHANNEL = 1_000_000_000
/** Ids of one round. */
const ROUND = 1_000_000

export async function measureCluster(extent: ClusterExtent): Promise<ClusterFigures> {
  const cluster = await BenchCluster.open(extent.nodes[0] ?? 1)
  const front = await cluster.front()
  try {
    await accepting(front)
    const message = await messageCost(cluster, front, extent)
    const placement = await placements(cluster, front, extent.placements)
    const forwarding: ClusterFigures['forwarding'] = []
    for (const nodes of extent.nodes) {
      await cluster.grow(nodes)
      forwarding.push({ nodes, ...(await forward(cluster.nodes, extent)) })
    }
    return { placement, message, forwarding }
  } finally {
    await front.stop()
    await cluster.close()
  }
}

/** Until the front has a node: its `/readyz` says so. */
async function accepting({ endpoint }: NodeProcess): Promise<void> {
  while ((await fetch(`http://${endpoint}/readyz`)).status !== 200) await pause(50)
}

/** New channels of one guild, many at once: each is created in NATS and requested of a node. */
async function placements(
  cluster: BenchCluster,
  front: NodeProcess,
  count: number,
): Promise<ClusterFigures['placement']> {
  const backend = new LvspClient({ url: front.lvspUrl, secret: SECRET })
  await backend.connect()
  let next = 0
  const place = async (end: number) => {
    while (next < end) {
      const channelId = String(2 * FIRST_CHANNEL + next++)
      await backend.requestChannel({ guildId: '42', channelId })
    }
  }
  const run = (end: number) => Promise.all(Array.from({ length: IN_FLIGHT }, () => place(end)))
  const warmUp = Math.floor(count / 5)
  await run(warmUp)
  const before = { front: front.threadSeconds(), nats: cluster.natsSeconds(), at: performance.now() }
  await run(warmUp + count)
  const seconds = (performance.now() - before.at) / 1_000
  const perPlacement = (cpu: number) => (cpu / count) * 1e6
  await backend.close()
  return {
    count,
    perSecond: count / seconds,
    front: perPlacement(front.threadSeconds() - before.front),
    nats: perPlacement(cluster.natsSeconds() - before.nats),
  }
}

/** In rounds, the node and then the front before it, so that other work of the machine affects both. */
async function messageCost(
  cluster: BenchCluster,
  front: NodeProcess,
  { requests, rounds }: ClusterExtent,
): Promise<ClusterFigures['message']> {
  const costs: { front: number; node: number; perSecond: number }[] = []
  for (let turn = 0; turn < rounds; turn++) {
    const first = FIRST_CHANNEL + turn * ROUND
    const direct = await measureRequests(cluster.nodes[0]!, requests, first)
    const through = await measureRequests(front, requests, first + ROUND / 2)
    costs.push({ front: through.cpuMicroseconds, node: direct.cpuMicroseconds, perSecond: through.perSecond })
  }
  const of = (value: (cost: (typeof costs)[number]) => number) => median(costs.map(value))
  return {
    requests: requests * rounds,
    front: of(cost => cost.front),
    node: of(cost => cost.node),
    ratio: of(cost => cost.front / cost.node),
    perSecond: of(cost => cost.perSecond),
  }
}

/** The same load on each node, at the same time: what the nodes send grows with their number, and a packet costs the same. */
async function forward(nodes: readonly NodeProcess[], { channels, seconds }: ClusterExtent) {
  const plan = {
    channels,
    members: MEMBERS,
    speakers: 1,
    visitors: 0,
    payload: 120,
    mode: VoiceMode.AeadAes256GcmRtpsize,
  }
  const crowds: Crowd[] = []
  for (const node of nodes) crowds.push(await Crowd.open(node, plan))
  for (const crowd of crowds) await crowd.join()
  const pace = { kind: 'paced', perSecond: PER_SECOND } as const
  const measured = await Promise.all(
    crowds.map(crowd => measureLoad(crowd, { pace, warmUp: seconds / 2, seconds, isProbing: false })),
  )
  for (const crowd of crowds) await crowd.close()
  const sum = (of: (each: LoadFigures) => number) => measured.reduce((total, each) => total + of(each), 0)
  const packetsPerSecond = sum(each => each.packetsPerSecond)
  return {
    packetsPerSecond,
    microseconds: (sum(({ cores }) => cores) / packetsPerSecond) * 1e6,
    loss: Math.max(...measured.map(({ loss }) => loss)),
    wrong: sum(({ wrong }) => wrong),
  }
}

export function printCluster({ placement, message, forwarding }: ClusterFigures): void {
  const [first] = forwarding
  console.table([
    { what: 'placements a second', figure: round(placement.perSecond), of: `${placement.count} channels` },
    { what: 'CPU of the front per placement', figure: `${round(placement.front)} µs`, of: '' },
    { what: 'CPU of nats-server per placement', figure: `${round(placement.nats)} µs`, of: '' },
    {
      what: 'LVSP requests a second through a front',
      figure: round(message.perSecond),
      of: `${message.requests} requests`,
    },
    {
      what: 'CPU of the front per LVSP request',
      figure: `${round(message.front)} µs`,
      of: `node: ${round(message.node)} µs`,
    },
    { what: 'the same, to a node', figure: round(message.ratio, 2), of: '' },
    {
      what: 'CPU of the front per LVSP message, to a node',
      figure: round(perMessage(message), 2),
      of: '4 and 2 for a request',
    },
  ])
  console.table(
    forwarding.map(({ nodes, packetsPerSecond, microseconds, loss, wrong }) => ({
      nodes,
      'copies/s': round(packetsPerSecond),
      'to the first': round(packetsPerSecond / first!.packetsPerSecond, 2),
      'CPU µs/copy': round(microseconds, 2),
      'CPU to the first': round(microseconds / first!.microseconds, 2),
      'lost %': round(100 * loss, 2),
      wrong,
    })),
  )
}

/** CPU of a front for a message that it reads or writes, relative to a node. */
export const perMessage = ({ ratio }: ClusterFigures['message']): number => (ratio * MESSAGES.node) / MESSAGES.front

/** Throws if a packet was wrong. */
export function checkCluster({ forwarding }: ClusterFigures): void {
  const wrong = forwarding.reduce((sum, each) => sum + each.wrong, 0)
  if (wrong > 0) throw new Error(`${wrong} wrong packets on the nodes of a cluster`)
}
