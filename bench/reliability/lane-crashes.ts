// The thread of a lane ends again and again while all calls are on it: of the only lane, or of one of two that each call is on.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { LvspClient } from '@parley/client'
import { SECRET } from '../node/node-process.ts'
import { percentile } from '../statistics.ts'
import type { Extent, Figure } from './figures.ts'
import { TalkingPairs } from './talking-pairs.ts'

const NODE = fileURLToPath(new URL('lane-node.ts', import.meta.url))

export const measureLaneCrashes = (extent: Extent): Promise<Figure[]> =>
  measure(extent, ['1', '1000'], 'crashes of the only lane in a row')

/** The two members of each call are on different lanes. */
export const measureConnectedLaneCrashes = (extent: Extent): Promise<Figure[]> =>
  measure(extent, ['2', '1'], 'crashes of one of two lanes in a row, in turn')

async function measure(
  { laneCrashes, pairs, aims }: Extent,
  lanes: readonly string[],
  what: string,
): Promise<Figure[]> {
  const node = fork(NODE, lanes, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  const [started] = await once(node, 'message')
  const { endpoint } = started as { endpoint: string }
  const backend = new LvspClient({ url: `ws://${endpoint}/lvsp`, secret: SECRET })
  await backend.connect()
  // Without delay: what is measured is the node. Clients that lose connections in a row wait for longer each time, up to 30 s.
  const calls = await TalkingPairs.open(backend, endpoint, pairs, { random: () => 0 })
  const interruptions: number[] = []
  let notReturned = 0
  for (let crash = 0; crash < laneCrashes; crash++) {
    const silent = calls.untilInterrupted()
    node.send('crash')
    await silent
    const time = await calls.untilAllReceive().catch(() => Number.NaN)
    if (Number.isNaN(time)) notReturned++
    else interruptions.push(time)
  }
  const figures: Figure[] = [
    { what, value: laneCrashes, unit: '' },
    { what: 'calls lost', value: calls.lost + notReturned, unit: '', atMost: 0 },
    { what: 'until every call has media again, p50', value: percentile(interruptions, 0.5), unit: 'ms' },
    { what: 'the same, longest', value: Math.max(...interruptions), unit: 'ms', atMost: aims.interruption },
  ]
  await calls.close()
  await backend.close()
  node.disconnect()
  await once(node, 'exit')
  return figures
}
