// The LVSP connection of a backend is cut again and again while its users talk.
import { LvspClient } from '@parley/client'
import { NodeProcess, SECRET } from '../node/node-process.ts'
import { percentile } from '../statistics.ts'
import type { Extent, Figure } from './figures.ts'
import { lossOf, TalkingPairs } from './talking-pairs.ts'

export async function measureLvspDrops({ lvspDrops, pairs, aims }: Extent): Promise<Figure[]> {
  const node = await NodeProcess.start()
  // Without delay: what is measured is the node, not the back-off of the client.
  const backend = new LvspClient({ url: node.lvspUrl, secret: SECRET, random: () => 0 })
  await backend.connect()
  const calls = await TalkingPairs.open(backend, node.endpoint, pairs)
  const times: number[] = []
  let resumed = 0
  backend.on('connected', ready => {
    if (ready.resumed !== undefined) resumed++
  })
  const delivery = await calls.during(async () => {
    for (let drop = 0; drop < lvspDrops; drop++) times.push(await dropAndReturn(backend))
  })
  await calls.untilAllReceive()
  const figures: Figure[] = [
    { what: 'LVSP connections dropped', value: lvspDrops, unit: '' },
    { what: 'sessions resumed', value: resumed, unit: '', atLeast: lvspDrops },
    { what: 'calls lost', value: calls.lost, unit: '', atMost: 0 },
    { what: 'sessions of members renewed', value: calls.renewed, unit: '', atMost: 0 },
    { what: 'frames lost', value: lossOf(delivery) * 100, unit: '%', atMost: aims.loss * 100 },
    { what: 'until the backend is ready again, p50', value: percentile(times, 0.5), unit: 'ms' },
    { what: 'the same, p99', value: percentile(times, 0.99), unit: 'ms' },
  ]
  await calls.close()
  await backend.close()
  await node.stop()
  return figures
}

function dropAndReturn(backend: LvspClient): Promise<number> {
  const start = performance.now()
  const back = new Promise<number>(resolve => backend.once('connected', () => resolve(performance.now() - start)))
  backend.dropConnection()
  return back
}
