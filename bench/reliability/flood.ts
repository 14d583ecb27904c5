// Heartbeats and legitimate media while another process floods the node.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { LvspClient } from '@parley/client'
import { NodeProcess, SECRET } from '../node/node-process.ts'
import type { Extent, Figure } from './figures.ts'
import type { FloodKind, FloodReport, FloodStart } from './flood-process.ts'
import { HeartbeatProbe } from './heartbeats.ts'
import { lossOf, TalkingPairs } from './talking-pairs.ts'

const GENERATOR = fileURLToPath(new URL('flood-process.ts', import.meta.url))
const ATTACKERS = 10
const FIRST_ATTACKER = 5_000
/** What is counted of a flood, and the share of the rate that it has to reach to mean anything. */
const UNITS: Record<FloodKind, string> = {
  'half-open': 'connections opened',
  handshakes: 'ClientHellos',
  json: 'messages of 64 kB',
  garbage: 'datagrams',
}

export async function measureFlood(kind: FloodKind, extent: Extent): Promise<Figure[]> {
  const node = await NodeProcess.start('media.lanes=1')
  const backend = new LvspClient({ url: node.lvspUrl, secret: SECRET })
  await backend.connect()
  const calls = await TalkingPairs.open(backend, node.endpoint, extent.pairs)
  const probe = await HeartbeatProbe.open(backend, node.endpoint)
  const seconds = extent.floodSeconds
  const before = await calls.during(() => pause((seconds * 1_000) / 3))
  const quiet = probe.take()
  const start: FloodStart = { kind, extent, endpoint: node.endpoint, ssrcs: calls.ssrcs, ...(await attackers(backend)) }
  const { process: generator, stop } = await startFlood(start)
  probe.take()
  const cpu = node.threadSeconds()
  const lags: number[] = []
  const during = await calls.during(async () => {
    for (let second = 0; second < seconds; second++) {
      await pause(1_000)
      lags.push((await node.metrics()).get('parley_event_loop_lag_seconds') ?? Number.NaN)
    }
  })
  const busy = (node.threadSeconds() - cpu) / seconds
  const flooded = probe.take()
  const { count, elapsed, open } = await stop()
  await once(generator, 'exit')
  const { heartbeatP99, loss } = extent.aims
  const figures: Figure[] = [
    { what: `${UNITS[kind]} per second`, value: count / elapsed, unit: '/s' },
    ...(open === undefined ? [] : [{ what: 'of them open at the end', value: open, unit: '' }]),
    { what: 'CPU of the node', value: busy, unit: '' },
    { what: 'lateness of its event loop, worst of all seconds', value: Math.max(...lags) * 1_000, unit: 'ms' },
    { what: 'heartbeats before, p50', value: quiet.p50, unit: 'ms' },
    { what: 'heartbeats before, p99', value: quiet.p99, unit: 'ms' },
    { what: 'heartbeats during the flood, p50', value: flooded.p50, unit: 'ms' },
    { what: 'heartbeats during the flood, p99', value: flooded.p99, unit: 'ms', atMost: heartbeatP99 },
    { what: 'heartbeat connections closed', value: probe.closed, unit: '', atMost: 0 },
    { what: 'legitimate frames lost before', value: lossOf(before) * 100, unit: '%' },
    { what: 'legitimate frames lost during the flood', value: lossOf(during) * 100, unit: '%', atMost: loss * 100 },
    { what: 'calls lost', value: calls.lost, unit: '', atMost: 0 },
  ]
  probe.close()
  await calls.close()
  await backend.close()
  await node.stop()
  return figures
}

/** Users of the same backend whose clients flood the node with handshakes. */
async function attackers(backend: LvspClient): Promise<Pick<FloodStart, 'members'>> {
  const members: FloodStart['members'][number][] = []
  for (let index = 0; index < ATTACKERS; index++) {
    const userId = String(FIRST_ATTACKER + index)
    const { sessionId, token = '' } = await backend.createVoiceState({ guildId: '100', channelId: '498', userId })
    members.push({ server_id: '100', user_id: userId, session_id: sessionId, token })
  }
  return { members }
}

/** Resolves when the flood has begun. */
async function startFlood(start: FloodStart) {
  const generator = fork(GENERATOR, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  generator.send(start)
  await once(generator, 'message')
  const stop = async (): Promise<FloodReport> => {
    const report = once(generator, 'message')
    generator.send('stop')
    return (await report)[0] as FloodReport
  }
  return { process: generator, stop }
}
