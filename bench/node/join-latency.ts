// Time from the request for a voice state to the first received frame: LVSP, gateway, IP discovery, first packet; on loopback.
import { LvspClient, VoiceClient } from '@parley/client'
import { median, percentile } from '../statistics.ts'
import { NodeProcess, SECRET } from './node-process.ts'

const FRAME = Uint8Array.from({ length: 80 }, (_, index) => index)
const FRAME_INTERVAL = 5
const PATIENCE = 10_000

export interface JoinLatency {
  joins: number
  /** Milliseconds. */
  median: number
  p99: number
}

/** One speaker sends continuously; listeners join one after the other and leave. */
export async function benchJoinLatency(joins: number): Promise<JoinLatency> {
  const node = await NodeProcess.start()
  const backend = new LvspClient({ url: node.lvspUrl, secret: SECRET })
  await backend.connect()
  const join = async (userId: string) => {
    const granted = await backend.createVoiceState({ userId, channelId: '500', guildId: '100' })
    const { sessionId, token = '' } = granted
    const client = new VoiceClient({
      endpoint: node.endpoint,
      tls: false,
      serverId: '100',
      channelId: '500',
      userId,
      sessionId,
      token,
    })
    await client.connect()
    return client
  }
  const speaker = await join('1')
  const speaking = setInterval(() => speaker.sendFrame(FRAME), FRAME_INTERVAL)
  const times: number[] = []
  for (let index = 0; index < joins; index++) {
    const userId = String(index + 2)
    const started = performance.now()
    const listener = await join(userId)
    await firstFrame(listener)
    times.push(performance.now() - started)
    await listener.close()
    backend.destroyVoiceState({ userId, channelId: '500', guildId: '100' })
  }
  clearInterval(speaking)
  await speaker.close()
  await backend.close()
  await node.stop()
  // The first few warm up both processes.
  const warm = times.slice(Math.min(10, Math.floor(joins / 4)))
  return { joins: warm.length, median: median(warm), p99: percentile(warm, 0.99) }
}

/** Resolves on the first frame; rejects unless it is the speaker's. */
function firstFrame(listener: VoiceClient): Promise<void> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error('no frame received')), PATIENCE)
    listener.once('frame', ({ payload }) => {
      clearTimeout(late)
      if (Buffer.compare(payload, FRAME) === 0) resolve()
      else reject(new Error('the received frame differs from the sent one'))
    })
  })
}
