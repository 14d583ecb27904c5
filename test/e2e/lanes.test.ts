// Lanes on threads in a whole node: two calls on two of them, and one crashes in mid-call.
import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import type { Worker } from 'node:worker_threads'
import { LvspClient, VoiceClient } from '@parley/client'
import { createServer } from '@parley/server'
import { isSilence, numberedFrames, SILENCE } from './opus-frames.ts'
import { until } from './until.ts'

const GUILD = '41771983423143937'
const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

/** A node with two lanes, their threads by port, and its log. */
async function openNode(engine: 'ffi' | 'portable') {
  const workers: Worker[] = []
  const threads = new Map<number, Worker>()
  const remember = (worker: Worker) => {
    workers.push(worker)
    worker.on('message', ({ kind, port }) => kind === 'opened' && threads.set(port, worker))
  }
  process.on('worker', remember)
  const log: string[] = []
  const logSink = { write: (line: string) => void log.push(line) }
  const media = { lanes: 2, engine }
  const server = await createServer({ media, log: { level: 'info', format: 'json' }, logSink })
  process.off('worker', remember)
  // A loader has a thread too, and listening to it must not keep it.
  const lanes = new Set(threads.values())
  for (const worker of workers) if (!lanes.has(worker)) worker.removeAllListeners('message').unref()
  open.push(server)
  const backend = new LvspClient({ url: server.lvspUrl, secret: server.secret })
  open.push(backend)
  await backend.connect()
  return { server, backend, threads, log }
}

type Node = Awaited<ReturnType<typeof openNode>>

async function join({ server, backend }: Node, channelId: string, userId: string): Promise<VoiceClient> {
  await backend.requestChannel({ guildId: GUILD, channelId })
  const { sessionId, token } = await backend.createVoiceState({ guildId: GUILD, channelId, userId })
  const client = new VoiceClient({
    ...{ endpoint: new URL(server.url).host, tls: false, random: () => 0.1 },
    ...{ serverId: GUILD, channelId, userId, sessionId, token: token! },
  })
  open.push(client)
  await client.connect()
  return client
}

/** Two members of a channel; what the second hears, without silence. */
async function callIn(node: Node, channelId: string, users: readonly [string, string]) {
  const [speaker, listener] = [await join(node, channelId, users[0]), await join(node, channelId, users[1])]
  const heard: string[] = []
  listener.on('frame', ({ payload }) => {
    if (!isSilence(Buffer.from(payload))) heard.push(Buffer.from(payload).toString('hex'))
  })
  const meet = () =>
    until('the listener to know the speaker', () => {
      speaker.sendFrame(SILENCE)
      return listener.members.get(users[0])?.ssrc === speaker.ssrc
    })
  await meet()
  return { speaker, listener, heard, meet }
}

for (const engine of ['ffi', 'portable'] as const)
  test(`${engine}: a lane that crashes takes its own call with it, which comes back; the other loses no packet`, {
    timeout: 40_000,
  }, async () => {
    const node = await openNode(engine)
    const told: unknown[] = []
    node.backend.on('voiceStateDisconnected', ({ userId, code, resumable }) => told.push([userId, code, resumable]))
    const calls = [await callIn(node, '500', ['1', '2']), await callIn(node, '501', ['3', '4'])] as const
    const lost: number[] = []
    for (const client of [calls[1].speaker, calls[1].listener]) client.on('disconnected', ({ code }) => lost.push(code))
    const frames = numberedFrames(150, 1)
    const talking = (async () => {
      for (const frame of frames) {
        calls[0].speaker.sendFrame(frame)
        await new Promise(resolve => setTimeout(resolve, 10))
      }
    })()
    await until('the call to go on', () => calls[0].heard.length > 30)
    const [, second] = [...node.threads].find(([port]) => port !== node.server.mediaPort)!
    await second.terminate()
    await until('both to be told', () => lost.length === 2 && told.length === 2)
    assert.deepEqual(lost, [4015, 4015])
    assert.deepEqual(told.toSorted(), [
      ['3', 4015, false],
      ['4', 4015, false],
    ])
    await until('the call to be back', () =>
      [calls[1].speaker, calls[1].listener].every(({ state }) => state === 'live'),
    )
    await calls[1].meet()
    const again = numberedFrames(20, 3)
    for (const frame of again) calls[1].speaker.sendFrame(frame)
    await until('the call to be heard', () => calls[1].heard.length === again.length)
    await talking
    await until('the other call to be heard', () => calls[0].heard.length === frames.length)
    assert.deepEqual(
      calls[0].heard,
      frames.map(frame => frame.toString('hex')),
    )
    const events = node.log.map(line => JSON.parse(line).event)
    assert.ok(events.includes('lane.lost') && events.includes('lane.replaced'))
  })
