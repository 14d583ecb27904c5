// The view of `parley top`: load of the node and its lanes, and the users of the fullest channels, once a second.
import type { Status, UserView } from '../../admin/views.ts'
import { age, bitRate, textTable } from './text-table.ts'

/** What one view is made of. */
export interface TopSample {
  readonly status: Status
  readonly users: readonly UserView[]
  /** Monotonic milliseconds. */
  readonly at: number
}

/** The view of the newest sample; rates are those since the sample before, if there is one. */
export function topLines(now: TopSample, before: TopSample | undefined): string[] {
  const { status, users } = now
  return [
    `parley ${status.version} at ${status.endpoint}, up ${age(status.uptime)}${status.draining ? ', DRAINING' : ''}`,
    `health ${status.health.toFixed(2)}   ${status.sessions} sessions in ${status.channels} channels   ${status.connections} connections   ${status.engine}`,
    '',
    ...textTable(['LANE', 'PORT', 'CHANNELS', 'PEERS', 'BUSY', 'PACKETS/S', 'OUT', 'DROPS/S'], lanesOf(now, before)),
    '',
    ...textTable(
      ['CHANNEL', 'USER', 'STATE', 'LOSS', 'JITTER', 'TRANSPORT', 'AGE', 'ADDRESS'],
      [...users]
        .sort(byActivity)
        .map(user => [
          user.channel,
          user.user,
          stateOf(user),
          lossOf(user),
          `${user.jitter.toFixed(1)} ms`,
          user.transport,
          age(user.age),
          user.address,
        ]),
    ),
  ]
}

/** The lines that a terminal has room for: a line that it would wrap is cut, and the last one counts those that are left out. */
export function fitted(lines: readonly string[], size: { rows?: number; columns?: number }): string[] {
  const { rows = 24, columns = 80 } = size
  // The cursor needs a row below.
  const room = Math.max(1, rows - 1)
  const shown = lines.length <= room ? lines : [...lines.slice(0, room - 1), `… ${lines.length - room + 1} more`]
  return shown.map(line => line.slice(0, columns))
}

/** Rates since the sample before; 0 without one, or after a lane was replaced. */
function lanesOf({ status, at }: TopSample, before: TopSample | undefined): (string | number)[][] {
  return status.lanes.map(lane => {
    const earlier = before?.status.lanes.find(each => each.lane === lane.lane)
    const seconds = before === undefined ? 0 : (at - before.at) / 1_000
    const rate = (now: number, then: number | undefined) =>
      then === undefined || seconds <= 0 ? 0 : Math.max(0, Math.round((now - then) / seconds))
    return [
      lane.lane,
      lane.port,
      lane.channels,
      lane.peers,
      `${Math.round(lane.busy * 100)} %`,
      rate(lane.packets_in, earlier?.packets_in),
      bitRate(rate(lane.bytes_out, earlier?.bytes_out) * 8),
      rate(sum(lane.drops), earlier && sum(earlier.drops)),
    ]
  })
}

/** A lone speaker has no receivers: its packets are no loss. */
const sum = ({ noRoute: _, ...drops }: Record<string, number>) =>
  Object.values(drops).reduce((total, count) => total + count, 0)

/** Speakers first, then the longest sessions. */
const byActivity = (a: UserView, b: UserView) => Number(b.speaking) - Number(a.speaking) || b.age - a.age

/** The state of a session with its marks. */
export function stateOf({ state, speaking, video, muted }: UserView): string {
  const marks = [speaking ? 'speaking' : '', video ? 'video' : '', muted ? 'muted' : ''].filter(mark => mark !== '')
  return [state, ...marks].join(' ')
}

/** Share of the packets of a client that did not arrive; `-` before its first. */
function lossOf({ packets, lost }: UserView): string {
  return packets === 0 ? '-' : `${((100 * lost) / (packets + lost)).toFixed(1)} %`
}
