// A node with two lanes on threads: a call on each, of which one crashes; and a call that is on both.
import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import type { Worker } from 'node:worker_threads'
import { LvspClient, VoiceClient } from '@parley/client'
import { createServer } from '@parley/server'
import { isSilence, numberedFrames, SILENCE } from './opus-frames.ts'
import { until, untilFits } from './until.ts'

const GUILD = '41771983423143937'
const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

/** A node with two lanes, their threads by port, and its log. */
async function openNode(engine: 'ffi' | 'portable', membersPerLane?: number) {
  const workers: Worker[] = []
  const threads = new Map<number, Worker>()
  const remember = (worker: Worker) => {
    workers.push(worker)
    worker.on('message', ({ kind, port }) => kind === 'opened' && threads.set(port, worker))
  }
  process.on('worker', remember)
  const log: string[] = []
  const logSink = { write: (line: string) => void log.push(line) }
  const media = { lanes: 2, engine, members_per_lane: membersPerLane }
  const server = await createServer({ media, log: { level: 'info', format: 'json' }, logSink })
  process.off('worker', remember)
  // The module loader has a thread too; a listener on it would keep the process alive.
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

async function metric({ server }: Node, name: string, labels: string): Promise<number> {
  const text = await (await fetch(`${server.url.replace('ws', 'http')}metrics`)).text()
  assert.match(text, new RegExp(`^# TYPE ${name} counter$`, 'm'))
  return Number(new RegExp(`^${name}\\{${labels}\\} (\\d+)$`, 'm').exec(text)?.[1] ?? 0)
}

/** Packets that a lane has dropped because it read them too late, which a busy machine causes. */
const dropsByAge = (node: Node, lane = 0): Promise<number> =>
  metric(node, 'parley_drops_total', `lane="${lane}",cause="overload"`)

/** Two members of a channel, and the frames that the second receives from the first, without silence. */
async function callIn(node: Node, channelId: string, users: readonly [string, string]) {
  const [speaker, listener] = [await join(node, channelId, users[0]), await join(node, channelId, users[1])]
  const heard: string[] = []
  listener.on('frame', ({ payload }) => {
    if (!isSilence(Buffer.from(payload))) heard.push(Buffer.from(payload).toString('hex'))
  })
  const meet = () =>
    until('the listener to learn the speaker’s SSRC', () => {
      speaker.sendFrame(SILENCE)
      return listener.members.get(users[0])?.ssrc === speaker.ssrc
    })
  await meet()
  return { speaker, listener, heard, meet }
}

for (const engine of ['ffi', 'portable'] as const)
  test(`${engine}: a lane that crashes interrupts its own call, which recovers; the other call loses no packet`, {
    timeout: 120_000,
  }, async () => {
    const node = await openNode(engine)
    const disconnected: unknown[] = []
    node.backend.on('voiceStateDisconnected', ({ userId, code, resumable }) =>
      disconnected.push([userId, code, resumable]),
    )
    const calls = [await callIn(node, '500', ['1', '2']), await callIn(node, '501', ['3', '4'])] as const
    const codes: number[] = []
    for (const client of [calls[1].speaker, calls[1].listener])
      client.on('disconnected', ({ code }) => codes.push(code))
    const dropped = await dropsByAge(node)
    const frames = numberedFrames(150, 1)
    const talking = (async () => {
      for (const frame of frames) {
        calls[0].speaker.sendFrame(frame)
        await new Promise(resolve => setTimeout(resolve, 10))
      }
    })()
    await until('30 frames of the first call', () => calls[0].heard.length > 30)
    const [, second] = [...node.threads].find(([port]) => port !== node.server.mediaPort)!
    await second.terminate()
    await until('both members of the second call to be disconnected', () => codes.length + disconnected.length === 4)
    assert.deepEqual(codes, [4015, 4015])
    assert.deepEqual(disconnected.toSorted(), [
      ['3', 4015, false],
      ['4', 4015, false],
    ])
    await until('the second call to recover', () =>
      [calls[1].speaker, calls[1].listener].every(({ state }) => state === 'live'),
    )
    await calls[1].meet()
    await until('ten frames of the second call', () => {
      calls[1].speaker.sendFrame(numberedFrames(1, 3)[0]!)
      return calls[1].heard.length >= 10
    })
    await talking
    await untilFits(
      'all frames of the first call',
      async () => calls[0].heard.length + (await dropsByAge(node)) - dropped,
      count => count === frames.length,
    )
    const sent = frames.map(frame => frame.toString('hex'))
    assert.deepEqual(
      calls[0].heard,
      sent.filter(frame => calls[0].heard.includes(frame)),
    )
    const events = node.log.map(line => JSON.parse(line).event)
    assert.ok(events.includes('lane.lost') && events.includes('lane.replaced'))
  })

/** Frames that a client receives of each SSRC, without silence. */
function listen(client: VoiceClient): Map<number, string[]> {
  const heard = new Map<number, string[]>()
  client.on('frame', ({ ssrc, payload }) => {
    if (isSilence(Buffer.from(payload))) return
    heard.set(ssrc, [...(heard.get(ssrc) ?? []), Buffer.from(payload).toString('hex')])
  })
  return heard
}

for (const engine of ['ffi', 'portable'] as const)
  test(`${engine}: a call on two lanes: each member receives all others, and a crash of one lane interrupts those on it`, {
    timeout: 120_000,
  }, async () => {
    const node = await openNode(engine, 2)
    const clients: VoiceClient[] = []
    for (const user of ['1', '2', '3', '4']) clients.push(await join(node, '500', user))
    const heard = clients.map(listen)
    // One on each lane.
    const speakers = [clients[0]!, clients[2]!]
    const users = ['1', '3']
    await until('all members to know both speakers', () => {
      for (const speaker of speakers) speaker.sendFrame(SILENCE)
      return clients.every(client =>
        speakers.every(
          (speaker, index) => speaker === client || client.members.get(users[index]!)?.ssrc === speaker.ssrc,
        ),
      )
    })
    const dropped = (await dropsByAge(node)) + (await dropsByAge(node, 1))
    const frames = numberedFrames(100, 1)
    for (const frame of frames) {
      for (const speaker of speakers) speaker.sendFrame(frame)
      await new Promise(resolve => setTimeout(resolve, 10))
    }
    const sent = frames.map(frame => frame.toString('hex'))
    const expected = clients.flatMap((client, index) =>
      speakers.filter(speaker => speaker !== client).map(speaker => () => heard[index]!.get(speaker.ssrc ?? 0) ?? []),
    )
    // A packet that a lane dropped by its age is missing at up to three members.
    await untilFits(
      'all frames of both speakers at all members',
      async () => [
        expected.map(each => each().length),
        (await dropsByAge(node)) + (await dropsByAge(node, 1)) - dropped,
      ],
      ([counts, drops]) => (counts as number[]).every(count => count >= frames.length - (drops as number)),
    )
    for (const received of expected)
      assert.deepEqual(
        received(),
        sent.filter(frame => received().includes(frame)),
      )
    await untilFits(
      'packets that crossed in both directions',
      () =>
        Promise.all([0, 1].map(lane => metric(node, 'parley_crossed_packets_total', `lane="${lane}",direction="in"`))),
      counts => counts.every(count => count >= frames.length),
    )
    const disconnected = new Set<VoiceClient>()
    for (const client of clients) client.on('disconnected', () => disconnected.add(client))
    const [, second] = [...node.threads].find(([port]) => port !== node.server.mediaPort)!
    await second.terminate()
    await until('the members on the lane to be disconnected', () => disconnected.size === 2)
    await until('they return', () => clients.every(({ state }) => state === 'live'))
    await until('each member to hear each speaker again', () => {
      for (const speaker of speakers) speaker.sendFrame(numberedFrames(1, 3)[0]!)
      return clients.every((client, index) =>
        speakers.every(speaker => speaker === client || (heard[index]!.get(speaker.ssrc ?? 0)?.length ?? 0) > 5),
      )
    })
    assert.equal(disconnected.size, 2, 'those on the other lane stay')
  })
