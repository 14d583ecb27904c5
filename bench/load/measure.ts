// One measurement of a load: the node's CPU, received, lost and late packets, and heartbeat latency.
import { percentile } from '../statistics.ts'
import { Churn } from './churn.ts'
import type { Counts } from './media/receiver.ts'
import type { Traffic, TrafficSource } from './media/traffic.ts'
import type { Member } from './member.ts'
import { type Pace, type Plan, windowOf } from './plan.ts'

/** The process whose CPU is measured. */
export interface MeasuredProcess {
  readonly pid: number
  /** CPU time of all its threads in seconds. */
  threadSeconds(): number
}

/** A stream as far as it is counted. */
interface CountedStream extends TrafficSource {
  readonly channel: { readonly residents: number }
  /** Members that are to receive it: true by index. */
  readonly targets: readonly boolean[]
  /** Whether it is a layer of several: its targets may be sent another one. */
  readonly isLayer?: boolean
  readonly sent: number
  readonly received: Int32Array
  reset(now: number): void
}

/** The members of a server, of whichever kind, and what they send and receive. */
export interface Load {
  readonly plan: Plan
  readonly node: MeasuredProcess
  readonly receiver: { readonly counts: Counts; latencies: number[] }
  readonly traffic: Pick<Traffic, 'start' | 'stop' | 'receivedAt'>
  readonly streams: readonly CountedStream[]
  readonly members: readonly { readonly lost: number; beat(): void }[]
  readonly visitors: readonly Member[]
  /** Milliseconds until heartbeats were acknowledged. */
  heartbeats: number[]
}

export interface Measurement {
  pace: Pace
  /** Seconds before the measurement. */
  warmUp: number
  seconds: number
  /** Joins per second, with as many leaves; default 0. */
  churn?: number
  /** Whether the latency of heartbeats is measured, with heartbeats of its own; default true. */
  isProbing?: boolean
  /** The process that receives the streams, if it is not the node; default the node. */
  process?: MeasuredProcess
}

export interface LoadFigures {
  /** Received copies per second. */
  packetsPerSecond: number
  /** CPU of the node's process with all threads, in microseconds per copy. */
  microseconds: number
  /** CPU of the node's process, in cores. */
  cores: number
  /** Packets that the load sent. A load that gets no CPU sends none. */
  sent: number
  /** Sessions that ended. */
  ended: number
  /** Share of the copies for members that stay that were lost, 0 to 1. */
  loss: number
  /** Copies that were opened and had the right content. */
  checked: number
  /** Copies with wrong content or at the wrong socket, listeners that received nothing, and sessions that ended. */
  wrong: number
  /** Copies for members that had just left. */
  late: number
  /**
   * Microseconds from sending to arrival at the listener's socket. Undefined while saturated, where the window determines it.
   */
  latency: { p50: number; p99: number } | undefined
  /** Milliseconds until heartbeats were acknowledged. */
  heartbeat: { p50: number; p99: number; answers: number }
  /** Milliseconds from the request for a voice state to Session Description, while packets are forwarded. */
  joins: { p50: number; p99: number; count: number; failed: number }
}

const HEARTBEAT_INTERVAL = 20
/** Heartbeats per second and member. The node accepts 20 messages per second. */
const MEMBER_HEARTBEATS = 10
/** Milliseconds until the window is full. */
const RAMP = 50
/** Milliseconds without a packet after which all packets have arrived. */
const QUIET = 100
const LONGEST_DRAIN = 3_000

export async function measureLoad(crowd: Load, measurement: Measurement): Promise<LoadFigures> {
  const { pace, warmUp, seconds, churn = 0, isProbing = true, process = crowd.node } = measurement
  const { receiver, traffic, streams } = crowd
  await warmedUp(crowd, pace, warmUp)
  reset(crowd)
  const heartbeats = isProbing ? beat(crowd) : undefined
  const coming = churn > 0 ? new Churn(crowd.visitors, churn) : undefined
  traffic.start(streams, pace, windowOf(crowd.plan))
  await pause(RAMP)
  crowd.heartbeats = []
  receiver.latencies = []
  const before = mark(crowd, process)
  await pause(seconds * 1_000)
  const after = mark(crowd, process)
  const { latencies } = receiver
  const answers = crowd.heartbeats
  traffic.stop()
  clearInterval(heartbeats)
  await coming?.stop()
  await drained(crowd)
  const packets = after.packets - before.packets
  const elapsed = (after.at - before.at) / 1_000
  const cpu = after.cpu - before.cpu
  const { checked, wrong, late } = receiver.counts
  const ended = crowd.members.reduce((sum, { lost }) => sum + lost, 0)
  return {
    packetsPerSecond: packets / elapsed,
    microseconds: (cpu / packets) * 1e6,
    cores: cpu / elapsed,
    sent: streams.reduce((sum, { sent }) => sum + sent, 0),
    ended,
    loss: lossOf(crowd),
    checked,
    wrong: wrong + unheard(crowd) + ended,
    late,
    latency: pace.kind === 'paced' ? spread(latencies) : undefined,
    heartbeat: { ...spread(answers), answers: answers.length },
    joins: { ...spread(coming?.joins ?? []), count: coming?.joins.length ?? 0, failed: coming?.failed ?? 0 },
  }
}

const pause = (milliseconds: number) => new Promise(resolve => setTimeout(resolve, milliseconds))
const spread = (values: readonly number[]) => ({ p50: percentile(values, 0.5), p99: percentile(values, 0.99) })

function reset({ receiver, streams }: Load): void {
  const now = performance.now()
  for (const stream of streams) stream.reset(now)
  Object.assign(receiver.counts, { packets: 0, checked: 0, wrong: 0, late: 0 })
}

/** Reads the CPU time and the packet count as close together as possible. */
function mark({ receiver }: Load, process: MeasuredProcess): { cpu: number; packets: number; at: number } {
  return { cpu: process.threadSeconds(), packets: receiver.counts.packets, at: performance.now() }
}

function beat({ members }: Load): NodeJS.Timeout {
  let next = 0
  const interval = Math.max(HEARTBEAT_INTERVAL, 1_000 / (MEMBER_HEARTBEATS * members.length))
  return setInterval(() => members[next++ % members.length]?.beat(), interval)
}

/** Runs the load without measuring. */
async function warmedUp(crowd: Load, pace: Pace, seconds: number): Promise<void> {
  reset(crowd)
  crowd.traffic.start(crowd.streams, pace, windowOf(crowd.plan))
  await pause(seconds * 1_000)
  crowd.traffic.stop()
  await drained(crowd)
}

export async function drained({ traffic }: Load): Promise<void> {
  const end = performance.now() + LONGEST_DRAIN
  do await pause(QUIET)
  while (performance.now() - traffic.receivedAt < QUIET && performance.now() < end)
}

/** Packets of a stream of which each target must receive at least one. */
const HEARD = 10

/** Targets that received nothing of a stream, which no loss on a busy machine explains; a pause of a layer explains it for a while. */
function unheard({ streams }: Load): number {
  let count = 0
  for (const { sent, received, targets, channel, isLayer } of streams)
    for (let index = 0; index < channel.residents && sent >= HEARD && isLayer !== true; index++)
      if (targets[index] === true && received[index] === 0) count++
  return count
}

/** Share of the copies for members that stay that were lost, 0 to 1. */
export function lossOf({ streams }: Load): number {
  let expected = 0
  let received = 0
  for (const stream of streams) {
    for (let index = 0; index < stream.channel.residents; index++) {
      if (stream.targets[index] !== true) continue
      expected += stream.sent
      received += stream.received[index]!
    }
  }
  return expected === 0 ? 0 : 1 - received / expected
}
