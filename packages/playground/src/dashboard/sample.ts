// One look at the node, and what two of them say about the time between.
import type { AdminApi, Alarm, Channel, LaneStatus, Page, Status, User } from './admin-api.ts'

/** Rows of a list that the page shows: a browser takes long to render more. */
export const MOST_ROWS = 200

export interface Sample {
  /** Milliseconds, of any clock that only advances. */
  readonly at: number
  readonly status: Status
  readonly alarms: readonly Alarm[]
  readonly channels: Page<Channel>
  readonly users: Page<User>
}

export async function takeSample(api: AdminApi, clock: () => number): Promise<Sample> {
  const [status, alarms, channels, users] = await Promise.all([
    api.get<Status>('status'),
    api.get<Page<Alarm>>('alarms'),
    api.get<Page<Channel>>(`channels?limit=${MOST_ROWS}`),
    api.get<Page<User>>(`users?limit=${MOST_ROWS}`),
  ])
  return { at: clock(), status, alarms: alarms.items, channels, users }
}

/** Per second, of one lane or of all. */
export interface Rates {
  readonly packetsIn: number
  readonly packetsOut: number
  readonly bitsOut: number
  readonly drops: number
}

const NONE: Rates = { packetsIn: 0, packetsOut: 0, bitsOut: 0, drops: 0 }
/** Packets without a receiver, as of a member that is alone, are no fault. */
const dropsOf = ({ drops: { noRoute: _, ...drops } }: LaneStatus): number =>
  Object.values(drops).reduce((sum, count) => sum + count, 0)

/** Between two samples, by lane. A lane that was replaced counts from 0 again, and has no rate until the sample after. */
export function ratesOf(lane: LaneStatus, now: Sample, before: Sample | undefined): Rates {
  const old = before?.status.lanes.find(each => each.lane === lane.lane)
  const seconds = before === undefined ? 0 : (now.at - before.at) / 1_000
  if (old === undefined || seconds <= 0 || old.packets_out > lane.packets_out) return NONE
  const rate = (later: number, earlier: number) => Math.max(0, later - earlier) / seconds
  return {
    packetsIn: rate(lane.packets_in, old.packets_in),
    packetsOut: rate(lane.packets_out, old.packets_out),
    bitsOut: 8 * rate(lane.bytes_out, old.bytes_out),
    drops: rate(dropsOf(lane), dropsOf(old)),
  }
}

/** Of all lanes. */
export function totalRates(now: Sample, before: Sample | undefined): Rates {
  return now.status.lanes
    .map(lane => ratesOf(lane, now, before))
    .reduce(
      (sum, each) => ({
        packetsIn: sum.packetsIn + each.packetsIn,
        packetsOut: sum.packetsOut + each.packetsOut,
        bitsOut: sum.bitsOut + each.bitsOut,
        drops: sum.drops + each.drops,
      }),
      NONE,
    )
}

/** The share of a user's packets that did not arrive; undefined before the first. */
export const lossOf = ({ packets, lost }: Pick<User, 'packets' | 'lost'>): number | undefined =>
  packets + lost === 0 ? undefined : lost / (packets + lost)
