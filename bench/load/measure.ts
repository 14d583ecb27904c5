// One window of a load: what the node spent, what was heard, lost and late, and how fast it went on answering.
import { percentile } from '../statistics.ts'
import { Churn } from './churn.ts'
import type { Crowd } from './crowd.ts'
import { type Pace, windowOf } from './plan.ts'

export interface Measurement {
  pace: Pace
  /** Before anything is measured. */
  warmUp: number
  seconds: number
  /** Joins in a second, and as many leaves; 0 without it. */
  churn?: number
}

export interface LoadFigures {
  /** Copies that listeners heard, in a second. */
  packetsPerSecond: number
  /** CPU of the node's process, all threads: microseconds per copy, and cores in use. */
  microseconds: number
  cores: number
  /** Of all copies that those who stayed should have heard, 0 to 1. */
  loss: number
  /** Copies opened and found right; those that were not, or not where they belong; those for who had just left. */
  checked: number
  wrong: number
  late: number
  /**
   * Microseconds from the speaker's send to the copy's arrival at the listener's socket. Not while saturated: then it is how
   * much we let be on its way.
   */
  latency: { p50: number; p99: number } | undefined
  /** Milliseconds to the answer. */
  heartbeat: { p50: number; p99: number; answers: number }
  /** Milliseconds from asking for a voice state to the session description, while packets flow. */
  joins: { p50: number; p99: number; count: number; failed: number }
}

const HEARTBEAT_INTERVAL = 20
/** Per member: the node takes 20 a second. */
const MEMBER_HEARTBEATS = 10
/** Until as many packets are on their way as will be. */
const RAMP = 50
/** How long nothing must have come for everything to have come. */
const QUIET = 100
const LONGEST_DRAIN = 3_000

export async function measureLoad(crowd: Crowd, measurement: Measurement): Promise<LoadFigures> {
  const { pace, warmUp, seconds, churn = 0 } = measurement
  const { ears, traffic, streams } = crowd
  await warmedUp(crowd, pace, warmUp)
  reset(crowd)
  const heartbeats = beat(crowd)
  const coming = churn > 0 ? new Churn(crowd.visitors, churn) : undefined
  traffic.talk(streams, pace, windowOf(crowd.plan))
  await pause(RAMP)
  crowd.heartbeats = []
  ears.latencies = []
  const before = await mark(crowd)
  await pause(seconds * 1_000)
  const after = await mark(crowd)
  const { latencies } = ears
  const answers = crowd.heartbeats
  traffic.hush()
  clearInterval(heartbeats)
  await coming?.stop()
  await drained(crowd)
  const packets = after.packets - before.packets
  const elapsed = (after.at - before.at) / 1_000
  const cpu = after.cpu - before.cpu
  const { checked, wrong, late } = ears.heard
  return {
    packetsPerSecond: packets / elapsed,
    microseconds: (cpu / packets) * 1e6,
    cores: cpu / elapsed,
    loss: lossOf(crowd),
    checked,
    wrong: wrong + crowd.members.reduce((lost, member) => lost + member.lost, 0),
    late,
    latency: pace.kind === 'paced' ? spread(latencies) : undefined,
    heartbeat: { ...spread(answers), answers: answers.length },
    joins: { ...spread(coming?.joins ?? []), count: coming?.joins.length ?? 0, failed: coming?.failed ?? 0 },
  }
}

const pause = (milliseconds: number) => new Promise(resolve => setTimeout(resolve, milliseconds))
const spread = (values: readonly number[]) => ({ p50: percentile(values, 0.5), p99: percentile(values, 0.99) })

function reset({ ears, streams }: Crowd): void {
  const now = performance.now()
  for (const stream of streams) stream.reset(now)
  Object.assign(ears.heard, { packets: 0, checked: 0, wrong: 0, late: 0 })
}

/** Both figures are of the moment when the node answered, as nearly as can be. */
async function mark({ node, ears }: Crowd): Promise<{ cpu: number; packets: number; at: number }> {
  const cpu = await node.cpuSeconds()
  return { cpu, packets: ears.heard.packets, at: performance.now() }
}

function beat({ members }: Crowd): NodeJS.Timeout {
  let next = 0
  const interval = Math.max(HEARTBEAT_INTERVAL, 1_000 / (MEMBER_HEARTBEATS * members.length))
  return setInterval(() => members[next++ % members.length]?.beat(), interval)
}

/** What was heard and lost meanwhile does not count. */
async function warmedUp(crowd: Crowd, pace: Pace, seconds: number): Promise<void> {
  reset(crowd)
  crowd.traffic.talk(crowd.streams, pace, windowOf(crowd.plan))
  await pause(seconds * 1_000)
  crowd.traffic.hush()
  await drained(crowd)
}

export async function drained({ traffic }: Crowd): Promise<void> {
  const end = performance.now() + LONGEST_DRAIN
  do await pause(QUIET)
  while (performance.now() - traffic.heardAt < QUIET && performance.now() < end)
}

/** Of all copies that those who stayed should have heard, 0 to 1. */
export function lossOf({ streams }: Crowd): number {
  let expected = 0
  let heard = 0
  for (const stream of streams) {
    const { residents } = stream.channel
    expected += stream.sent * (stream.index < residents ? residents - 1 : residents)
    for (let index = 0; index < residents; index++) heard += stream.heard[index]!
  }
  return expected === 0 ? 0 : 1 - heard / expected
}
