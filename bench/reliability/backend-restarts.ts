// The process of a backend is killed and started again while its users talk.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { LvspClient } from '@parley/client'
import { NodeProcess, SECRET } from '../node/node-process.ts'
import { percentile } from '../statistics.ts'
import type { BackendStart } from './backend-process.ts'
import type { Extent, Figure } from './figures.ts'
import { lossOf, TalkingPairs } from './talking-pairs.ts'

const BACKEND = fileURLToPath(new URL('backend-process.ts', import.meta.url))
/** The node notices that the backend is lost, and the calls go on without it. */
const DOWN = 100

export async function measureBackendRestarts({ backendRestarts, pairs, aims }: Extent): Promise<Figure[]> {
  const node = await NodeProcess.start()
  const first = new LvspClient({ url: node.lvspUrl, secret: SECRET })
  await first.connect()
  const calls = await TalkingPairs.open(first, node.endpoint, pairs)
  await first.close()
  const start: BackendStart = { url: node.lvspUrl, channels: calls.channels }
  const times: number[] = []
  const sessions: number[] = []
  const delivery = await calls.during(async () => {
    for (let restart = 0; restart < backendRestarts; restart++) {
      const { child, found, time } = await startBackend(start)
      times.push(time)
      sessions.push(found)
      child.kill('SIGKILL')
      await once(child, 'exit')
      await new Promise(resolve => setTimeout(resolve, DOWN))
    }
  })
  await calls.untilAllReceive()
  const figures: Figure[] = [
    { what: 'processes of the backend killed and started', value: backendRestarts, unit: '' },
    { what: 'calls lost', value: calls.lost, unit: '', atMost: 0 },
    { what: 'sessions of members renewed', value: calls.renewed, unit: '', atMost: 0 },
    { what: 'sessions that each new process found, least', value: Math.min(...sessions), unit: '', atLeast: pairs * 2 },
    { what: 'frames lost', value: lossOf(delivery) * 100, unit: '%', atMost: aims.loss * 100 },
    { what: 'from the start of the process to its first answer, p50', value: percentile(times, 0.5), unit: 'ms' },
  ]
  await calls.close()
  await node.stop()
  return figures
}

async function startBackend(start: BackendStart): Promise<{ child: ChildProcess; found: number; time: number }> {
  const begin = performance.now()
  const child = fork(BACKEND, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  child.send(start)
  const [message] = await once(child, 'message')
  return { child, found: (message as { sessions: number }).sessions, time: performance.now() - begin }
}
