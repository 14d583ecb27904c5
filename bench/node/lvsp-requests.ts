// LVSP requests per second that a node answers on one connection, and their CPU cost.
import { LvspClient } from '@parley/client'
import { NodeProcess, SECRET } from './node-process.ts'

const IN_FLIGHT = 64
const USERS_PER_CHANNEL = 25
const FIRST_CHANNEL = 1_000

export interface LvspRequests {
  requests: number
  perSecond: number
  /** CPU time of the node per request, in microseconds. */
  cpuMicroseconds: number
}

export async function benchLvspRequests(requests: number): Promise<LvspRequests> {
  const node = await NodeProcess.start()
  try {
    return await measureRequests(node, requests)
  } finally {
    await node.stop()
  }
}

/** VOICE_STATE_CREATE → VOICE_STATE_DONE, for new users of new channels, whose ids begin at `first`. */
export async function measureRequests(
  node: NodeProcess,
  requests: number,
  first = FIRST_CHANNEL,
): Promise<LvspRequests> {
  const backend = new LvspClient({ url: node.lvspUrl, secret: SECRET })
  await backend.connect()
  const request = async (index: number) => {
    const channelId = String(first + Math.floor(index / USERS_PER_CHANNEL))
    const granted = await backend.createVoiceState({ userId: String(index + 1), channelId, guildId: channelId })
    if (granted.channelId !== channelId || granted.token === '')
      throw new Error('the response does not match its request')
  }
  let next = 0
  const worker = async (end: number) => {
    while (next < end) await request(next++)
  }
  const run = (end: number) => Promise.all(Array.from({ length: IN_FLIGHT }, () => worker(end)))
  const warmUp = Math.floor(requests / 5)
  await run(warmUp)
  const cpu = node.threadSeconds()
  const started = performance.now()
  await run(warmUp + requests)
  const seconds = (performance.now() - started) / 1_000
  const cpuMicroseconds = ((node.threadSeconds() - cpu) / requests) * 1e6
  await backend.close()
  return { requests, perSecond: requests / seconds, cpuMicroseconds }
}
