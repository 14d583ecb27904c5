// Lanes, channels and users as tables; on a phone each row is a card, with the names of its columns.
import type { ComponentChildren } from 'preact'
import type { User } from './admin-api.ts'
import { lossOf, ratesOf, type Sample } from './sample.ts'
import { duration, large, percent, rate, restOf } from './words.ts'

/** Above this share of loss, or this jitter in milliseconds, users hear it. */
const BAD_LOSS = 0.02
const BAD_JITTER = 30
/** Above this share of the time a lane is about to drop packets. */
const BAD_BUSY = 0.9

interface Cell {
  readonly value: ComponentChildren
  readonly isBad?: boolean
}
interface TableProps {
  readonly title: string
  /** All items, of which `rows` may be the first only. */
  readonly total: number
  readonly columns: readonly string[]
  readonly rows: readonly { readonly key: string; readonly cells: readonly (Cell | string)[] }[]
  readonly none: string
}

function Table({ title, total, columns, rows, none }: TableProps) {
  return (
    <section class="card wide" aria-label={title} data-testid={title.toLowerCase()}>
      <h2>
        {title} <span class="count">{total}</span>
      </h2>
      {rows.length === 0 ? (
        <p class="hint">{none}</p>
      ) : (
        <table>
          <thead>
            <tr>
              {columns.map(name => (
                <th key={name} scope="col">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(({ key, cells }) => (
              <tr key={key}>
                {cells.map((cell, index) => {
                  const { value, isBad = false } = typeof cell === 'string' ? { value: cell } : cell
                  return (
                    <td key={columns[index]} data-column={columns[index]} class={isBad ? 'bad' : ''}>
                      {value}
                    </td>
                  )
                })}
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {total > rows.length && <p class="hint">{restOf(title, rows.length)}</p>}
    </section>
  )
}

export function Lanes({ now, before }: { now: Sample; before: Sample | undefined }) {
  const rows = now.status.lanes.map(lane => {
    const rates = ratesOf(lane, now, before)
    const busy = { value: percent(lane.busy), isBad: lane.busy > BAD_BUSY }
    const drops = { value: large(rates.drops), isBad: rates.drops >= 1 }
    const packets = `${large(rates.packetsIn)} in, ${large(rates.packetsOut)} out`
    const [channels, peers] = [large(lane.channels), large(lane.peers)]
    const name = `${lane.lane} (UDP ${lane.port})`
    return {
      key: String(lane.lane),
      cells: [name, channels, peers, packets, rate(rates.bitsOut, 'bit/s'), drops, busy],
    }
  })
  const columns = ['Lane', 'Channels', 'Users', 'Packets/s', 'Sent', 'Drops/s', 'Busy']
  return <Table title="Lanes" total={rows.length} columns={columns} rows={rows} none="The node has no lane." />
}

export function Channels({ now: { channels } }: { now: Sample }) {
  const rows = channels.items.map(({ backend, channel, guild, kind, lane, present, dave }) => ({
    key: `${backend} ${guild ?? ''} ${channel}`,
    cells: [
      channel,
      guild ?? '–',
      backend,
      kind,
      large(present.length),
      String(lane),
      dave === 0 ? 'no' : `DAVE v${dave}`,
    ],
  }))
  const columns = ['Channel', 'Guild', 'Backend', 'Kind', 'Users', 'Lane', 'End to end']
  return <Table title="Channels" total={channels.total} columns={columns} rows={rows} none="No channel is open." />
}

/** Loss up and jitter are what the node receives; loss down and round trip are what the client reports, as browsers do. */
export function Users({ now: { users } }: { now: Sample }) {
  const rows = users.items.map(user => {
    const loss = lossOf(user)
    return {
      key: `${user.backend} ${user.channel} ${user.session}`,
      cells: [
        user.user,
        user.channel,
        { value: stateOf(user), isBad: user.state === 'detached' },
        user.transport || '–',
        { value: percent(loss), isBad: (loss ?? 0) > BAD_LOSS },
        { value: percent(user.reported_loss), isBad: (user.reported_loss ?? 0) > BAD_LOSS },
        { value: `${user.jitter.toFixed(1)} ms`, isBad: user.jitter > BAD_JITTER },
        user.round_trip === undefined ? '–' : `${user.round_trip.toFixed(0)} ms`,
        duration(user.age),
      ],
    }
  })
  const columns = ['User', 'Channel', 'State', 'Transport', 'Loss up', 'Loss down', 'Jitter', 'Round trip', 'Since']
  return <Table title="Users" total={users.total} columns={columns} rows={rows} none="No user is in a call." />
}

function stateOf({ state, muted, speaking, video }: User): string {
  const words = [state === 'detached' ? 'reconnecting' : speaking ? 'speaking' : 'silent']
  if (video) words.push('video')
  if (muted) words.push('muted by the operator')
  return words.join(', ')
}
